//! Archives as other programs make them, and as attackers do, read through the public interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod accepted;
mod forge;
mod lines;
mod manifest;
mod mutated;
mod refused;
mod samples;
mod schema;
mod written;

use std::io::Cursor;

use reinstate_archive::{Archive, ArchiveError, Limits, LineReader};

/// Opens bytes under the default limits.
fn open(bytes: Vec<u8>) -> Result<Archive<Cursor<Vec<u8>>>, ArchiveError> {
    Archive::open(Cursor::new(bytes), Limits::default())
}

/// The error of opening bytes that must be refused.
fn refusal(bytes: Vec<u8>) -> ArchiveError {
    open(bytes).expect_err("the archive must be refused")
}

/// All lines of one entry, numbers included.
fn lines_of(bytes: Vec<u8>, entry: &str) -> Result<Vec<(u64, String)>, ArchiveError> {
    lines_within(bytes, entry, Limits::default())
}

/// [`lines_of`] under other limits. The entry is inflated on this thread and on another, with one outcome.
fn lines_within(bytes: Vec<u8>, entry: &str, limits: Limits) -> Result<Vec<(u64, String)>, ArchiveError> {
    let mut archive = Archive::open(Cursor::new(bytes), limits)?;
    let lines = archive.lines(entry).and_then(all_lines);
    let ahead = std::thread::scope(|scope| archive.lines_ahead(entry, scope).and_then(all_lines));
    assert_eq!(format!("{lines:?}"), format!("{ahead:?}"));
    lines
}

fn all_lines(mut reader: LineReader<'_>) -> Result<Vec<(u64, String)>, ArchiveError> {
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line()? {
        lines.push((line.number, line.text.to_owned()));
    }
    Ok(lines)
}
