//! Any bytes as an archive: there is an answer, and an inspection finds what opening refuses.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use reinstate_archive::{Archive, Limits, check_upload};

/// Small, so that a case stays quick whatever sizes it declares.
fn limits() -> Limits {
    Limits { uncompressed_bytes_max: 1 << 24, line_bytes_max: 1 << 16, ..Limits::default() }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = check_upload(Cursor::new(bytes), &limits());
    let faults = Archive::faults(Cursor::new(bytes), limits());
    let Ok(mut archive) = Archive::open(Cursor::new(bytes), limits()) else {
        assert!(!faults.is_empty());
        return;
    };
    let _ = archive.describe_text();
    let entries: Vec<_> = archive.data_entries().cloned().collect();
    for entry in entries {
        if let Ok(mut lines) = archive.lines(&entry.name) {
            while let Ok(Some(line)) = lines.next_line() {
                assert!(line.number > 0 && !line.text.contains('\n'));
            }
            assert!(lines.bytes_read() <= entry.uncompressed_bytes);
        }
    }
});
