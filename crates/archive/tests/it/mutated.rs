//! Valid archives with bytes changed, cut and doubled: whatever comes of it, it is an answer and not a panic.

use std::io::Cursor;

use proptest::prelude::*;
use proptest::sample::Index;
use reinstate_archive::{Archive, Limits, check_upload};

use crate::all_lines;
use crate::forge::{Entry, Forge};

/// Small limits, so that a changed size can't make a case slow.
fn limits() -> Limits {
    Limits { uncompressed_bytes_max: 1 << 24, line_bytes_max: 1 << 16, ..Limits::default() }
}

fn valid() -> impl Strategy<Value = Vec<u8>> {
    let manifest = br#"{"version":"1.0","artifacts":[{"name":"b.jsonl","size":"6","records":2}]}"#;
    let entries = vec![
        Entry::deflated("x/describe.yaml", b"b:\n  fields: {}\n"),
        Entry::stored("x/b.jsonl", b"{}\n{}\n"),
        Entry::zstd("x/c.jsonl", &b"{\"a\":[1,2,3]}\n".repeat(50)).zip64(),
        Entry::deflated("x/d.jsonl", b"\xEF\xBB\xBF{}\r\n\r\n{}").streamed(),
        Entry::deflated("x/manifest.json", manifest),
        Entry::stored("__MACOSX/._x", b"?"),
    ];
    (prop::sample::subsequence(entries, 0..=6), any::<bool>())
        .prop_map(|(entries, zip64)| Forge { zip64, ..Forge::of(entries) }.build())
}

#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Fill(Index, u8),
    Cut(Index),
    Remove(Index, u8),
    Double(Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        4 => (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Fill(at, byte)),
        1 => any::<Index>().prop_map(Change::Cut),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, count)| Change::Double(at, count)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let stretch = |at: usize, count: u8| at..(at + usize::from(count)).min(bytes.len());
    match change {
        Change::Set(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Change::Fill(at, byte) => {
            let range = stretch(at.index(bytes.len()), 4);
            bytes[range].fill(*byte);
        }
        Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Change::Remove(at, count) => {
            bytes.drain(stretch(at.index(bytes.len()), *count));
        }
        Change::Double(at, count) => {
            let at = at.index(bytes.len());
            let doubled = bytes[stretch(at, *count)].to_vec();
            bytes.splice(at..at, doubled);
        }
    }
}

/// Reads all there is to read; the outcome doesn't matter, that there is one does.
fn read_all(bytes: &[u8]) {
    let _ = check_upload(Cursor::new(bytes), &limits());
    let inspection = Archive::inspect(Cursor::new(bytes), limits());
    if let Ok(mut archive) = Archive::open(Cursor::new(bytes), limits()) {
        let _ = archive.describe_text();
        let names: Vec<_> = archive.data_entries().map(|entry| entry.name.clone()).collect();
        for name in names {
            let lines = archive.lines(&name).and_then(all_lines);
            let ahead = std::thread::scope(|scope| archive.lines_ahead(&name, scope).and_then(all_lines));
            assert_eq!(format!("{lines:?}"), format!("{ahead:?}"));
        }
    } else {
        assert!(!inspection.faults.is_empty(), "an inspection finds what opening refuses");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_archive_gives_an_answer(
        mut bytes in valid(),
        changes in prop::collection::vec(change(), 0..6),
    ) {
        for change in &changes {
            apply(&mut bytes, change);
        }
        read_all(&bytes);
    }

    #[test]
    fn noise_gives_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }
}
