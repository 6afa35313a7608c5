//! Any bytes as the content of a data entry: the reader splits them as a naive splitter does.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use reinstate_archive::{Archive, ArchiveWriter, Limits, ManifestHeader};

/// Numbers and bytes of the lines that aren't blank, by the book and without a buffer.
fn naive_lines(content: &[u8]) -> Vec<(u64, &[u8])> {
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    (1..)
        .zip(content.split(|byte| *byte == b'\n'))
        .map(|(number, line)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .collect()
}

fuzz_target!(|content: &[u8]| {
    // The writer counts records without knowing of byte-order marks; one that stands alone is no record.
    if content.starts_with(b"\xEF\xBB\xBF") && naive_lines(content).first().is_none_or(|line| line.0 > 1) {
        return;
    }
    let mut bytes = Vec::new();
    let mut writer = ArchiveWriter::new(&mut bytes, ManifestHeader::default());
    writer.start_entry("a.jsonl").expect("the name is a good one");
    writer.write(content).expect("memory takes every write");
    writer.finish().expect("memory takes every write");

    let mut archive = Archive::open(Cursor::new(bytes), Limits::default()).expect("a written archive opens");
    let mut lines = archive.lines("a.jsonl").expect("the entry is there");
    for (number, expected) in naive_lines(content) {
        let Ok(expected) = str::from_utf8(expected) else {
            assert!(lines.next_line().is_err());
            return;
        };
        let line = lines.next_line().expect("the line is text").expect("there is one more line");
        assert_eq!((line.number, line.text), (number, expected));
    }
    assert!(lines.next_line().expect("the figures are right").is_none());
});
