//! The packing side: entries and pieces of text come through a channel and leave as an archive.

use std::io::Write;

use reinstate_archive::{ArchiveWriter, Artifact, ManifestHeader};

use super::error::ExtractError;
use crate::channel::End;

/// Bytes of text that are handed over at once.
const PIECE_BYTES: usize = 256 << 10;

/// What the packer is told.
pub(super) enum Order {
    /// Start the entry of that name.
    Entry(String),
    /// More of the entry's text.
    Piece(String),
    /// That was all: write the manifest.
    End,
}

/// An archive that was packed to its end.
pub(super) struct Packed<W> {
    pub(super) artifacts: Vec<Artifact>,
    pub(super) output: W,
}

/// Packs until it is told of the end; `None` where nothing more came before that.
pub(super) fn pack<W: Write>(
    orders: &End<'_, Order>,
    output: W,
    header: ManifestHeader,
    level: Option<u8>,
) -> Result<Option<Packed<W>>, ExtractError> {
    let mut writer = match level {
        Some(level) => ArchiveWriter::with_level(output, header, level),
        None => ArchiveWriter::new(output, header),
    };
    while let Some(order) = orders.receive() {
        match order {
            Order::Entry(name) => writer.start_entry(&name)?,
            Order::Piece(text) => writer.write(text.as_bytes())?,
            Order::End => {
                let written = writer.finish_into()?;
                let mut artifacts = written.manifest.artifacts;
                artifacts.push(written.manifest_artifact);
                return Ok(Some(Packed { artifacts, output: written.inner }));
            }
        }
    }
    Ok(None)
}

/// The writing side's end of the channel: gathers lines into pieces.
pub(super) struct Feeder<'a> {
    orders: End<'a, Order>,
    piece: String,
    /// Bytes of the pieces that were handed over.
    bytes_sent: u64,
}

impl<'a> Feeder<'a> {
    pub(super) fn new(orders: End<'a, Order>) -> Self {
        Self { orders, piece: String::with_capacity(PIECE_BYTES), bytes_sent: 0 }
    }

    /// Starts an entry.
    pub(super) fn entry(&mut self, name: String) -> Result<(), ExtractError> {
        self.flush()?;
        self.send(Order::Entry(name), 0)
    }

    /// Appends a text to the entry.
    pub(super) fn text(&mut self, text: &str) -> Result<(), ExtractError> {
        self.piece.push_str(text);
        if self.piece.len() >= PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    /// Appends a line that `write` writes, and says how long it is without its line break, in bytes.
    pub(super) fn line(&mut self, write: impl FnOnce(&mut String)) -> Result<usize, ExtractError> {
        let start = self.piece.len();
        write(&mut self.piece);
        let bytes = self.piece.len().saturating_sub(start);
        self.text("\n")?;
        Ok(bytes)
    }

    /// Bytes of all entries so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes_sent.saturating_add(self.piece.len() as u64)
    }

    /// Ends the archive.
    pub(super) fn end(&mut self) -> Result<(), ExtractError> {
        self.flush()?;
        self.send(Order::End, 0)
    }

    fn flush(&mut self) -> Result<(), ExtractError> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, String::with_capacity(PIECE_BYTES));
        self.bytes_sent = self.bytes_sent.saturating_add(piece.len() as u64);
        let bytes = piece.capacity();
        self.send(Order::Piece(piece), bytes)
    }

    fn send(&self, order: Order, bytes: usize) -> Result<(), ExtractError> {
        if self.orders.send(order, bytes) { Ok(()) } else { Err(gone()) }
    }
}

/// The other side ended before it should.
pub(super) fn gone() -> ExtractError {
    ExtractError::Output(std::io::Error::other("packing ended early"))
}
