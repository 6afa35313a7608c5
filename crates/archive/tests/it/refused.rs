//! Archives made to harm, and archives that came to harm: each refused with an error that names the entry.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use reinstate_archive::{Archive, ArchiveError, ErrorKind, Limits, NameFault, check_upload};

use crate::forge::{ENCRYPTED, Entry, Forge, STREAMED, UTF8, zip};
use crate::{lines_of, open, refusal};

const LINES: &[u8] = b"{\"id\":1}\n";

/// Asserts that opening, checking an upload, and inspecting all refuse `bytes`, with an error that fits `says`.
#[track_caller]
fn assert_refused(bytes: Vec<u8>, kind: ErrorKind, says: &str) {
    assert_refused_within(bytes, Limits::default(), kind, says);
}

#[track_caller]
fn assert_refused_within(bytes: Vec<u8>, limits: Limits, kind: ErrorKind, says: &str) {
    let opened = Archive::open(Cursor::new(&bytes), limits.clone()).unwrap_err();
    let checked = check_upload(Cursor::new(&bytes), &limits).unwrap_err();
    for error in [&opened, &checked] {
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "'{error}' says nothing of '{says}'");
    }
    let gathered = Archive::faults(Cursor::new(&bytes), limits);
    assert!(
        gathered.iter().any(|fault| fault.to_string() == opened.to_string()),
        "{gathered:?} lacks '{opened}'"
    );
}

fn orders() -> Entry {
    Entry::deflated("orders.jsonl", LINES)
}

#[test]
fn what_is_no_zip_is_refused() {
    for bytes in [&b""[..], b"P", b"hello world", &[0; 100_000], b"PK", b"\x1f\x8b\x08\x00"] {
        assert_refused(bytes.to_vec(), ErrorKind::Unreadable, "not a ZIP");
    }
}

#[test]
fn an_archive_cut_off_anywhere_is_refused() {
    let forge = Forge {
        comment: b"end".to_vec(),
        zip64: true,
        ..Forge::of([orders(), Entry::stored("b.jsonl", LINES)])
    };
    let whole = forge.build();
    assert!(open(whole.clone()).is_ok());
    for length in 0..whole.len() {
        let error = refusal(whole[..length].to_vec());
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{length}: {error}");
    }
    assert!(matches!(refusal(whole[..whole.len() - 1].to_vec()), ArchiveError::Truncated { .. }));
    assert!(matches!(refusal(whole[..60].to_vec()), ArchiveError::Truncated { .. }));
}

#[test]
fn bytes_that_belong_to_nothing_are_refused() {
    let forge = Forge::of([orders()]);
    let mut followed = forge.build();
    followed.extend(b"more");
    assert_refused(followed, ErrorKind::Unreadable, "bytes follow");
    let prefixed = Forge { prefix: vec![0; 7], ..forge.clone() }.build();
    assert!(open(prefixed).is_ok(), "room between entries is no harm where offsets are right");
    let mut shifted = vec![0; 7];
    shifted.extend(forge.build());
    assert_refused(shifted, ErrorKind::Unreadable, "bytes ahead of the archive");
}

#[test]
fn a_directory_that_counts_wrong_is_refused() {
    for claimed in [0, 1] {
        let forge = Forge { claimed: Some(claimed), ..Forge::of([orders(), Entry::stored("b.jsonl", b"")]) };
        assert_refused(forge.build(), ErrorKind::Unreadable, "more than the entries that it counts");
    }
    let forge = Forge { claimed: Some(3), ..Forge::of([orders()]) };
    assert_refused(forge.build(), ErrorKind::Unreadable, "ends inside a record");
}

#[test]
fn end_records_that_disagree_are_refused() {
    let whole = Forge { zip64: true, ..Forge::of([orders()]) }.build();
    let end = whole.len() - 22;
    let with = |position: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed[position..position + bytes.len()].copy_from_slice(bytes);
        changed
    };
    assert_refused(with(end + 8, &[2, 0]), ErrorKind::Unreadable, "end records disagree");
    assert_refused(with(end + 10, &[2, 0]), ErrorKind::Unreadable, "end records disagree");
    assert_refused(with(end + 16, &[9, 0, 0, 0]), ErrorKind::Unreadable, "end records disagree");
    assert_refused(with(end + 4, &[1, 0]), ErrorKind::Unreadable, "end records disagree");
    let locator = end - 20;
    assert_refused(with(locator + 4, &[1]), ErrorKind::Unreadable, "split archive");
    assert_refused(with(locator + 8, &[0xFF; 8]), ErrorKind::Unreadable, "points past itself");
    assert_refused(with(locator + 8, &[0; 8]), ErrorKind::Unreadable, "damaged");
    let long = locator - 56;
    assert_refused(with(long + 4, &[0xFF; 8]), ErrorKind::Unreadable, "wrong size");
    assert_refused(with(long + 24, &[9]), ErrorKind::Unreadable, "damaged");
    assert_refused(with(long + 48, &[0xFF; 8]), ErrorKind::Unreadable, "cut off");
}

#[test]
fn a_split_archive_is_refused() {
    let mut bytes = zip([orders()]);
    let end = bytes.len() - 22;
    bytes[end + 4] = 1;
    assert_refused(bytes, ErrorKind::Unreadable, "split archive");
}

#[test]
fn saturated_sizes_without_their_zip64_field_are_refused() {
    let entry = orders().with(|entry| entry.compressed = u32::MAX.into());
    assert_refused(zip([entry]), ErrorKind::Unreadable, "lacks its ZIP64 sizes");
}

#[test]
fn encrypted_entries_are_refused() {
    for flags in [ENCRYPTED, 1 << 6, 1 << 13] {
        let entry = orders().with(|entry| (entry.flags, entry.local_flags) = (flags, flags));
        assert_refused(zip([entry]), ErrorKind::Refused, "'orders.jsonl' is encrypted");
    }
    let aes = orders().with(|entry| (entry.method, entry.local_method) = (99, 99));
    assert_refused(zip([aes]), ErrorKind::Refused, "'orders.jsonl' is encrypted");
    let hidden = orders().with(|entry| entry.local_flags = ENCRYPTED);
    assert_refused(zip([hidden]), ErrorKind::Refused, "encryption");
}

#[test]
fn methods_that_nobody_reads_are_refused() {
    let entry = orders().with(|entry| (entry.method, entry.local_method) = (14, 14));
    assert_refused(zip([entry]), ErrorKind::Refused, "'orders.jsonl' is packed by method 14");
}

#[test]
fn names_that_attack_an_unpacker_are_refused() {
    for (name, fault) in [
        (&b"../orders.jsonl"[..], NameFault::ParentFolder),
        (b"a/../../orders.jsonl", NameFault::ParentFolder),
        (b"__MACOSX/../orders.jsonl", NameFault::ParentFolder),
        (b"../", NameFault::ParentFolder),
        (b"/etc/orders.jsonl", NameFault::Absolute),
        (b"c:orders.jsonl", NameFault::DriveLetter),
        (b"a\\orders.jsonl", NameFault::Backslash),
        (b"orders.jsonl\0.png", NameFault::Nul),
        (b"\0", NameFault::Nul),
        (b"", NameFault::Empty),
        (&[b'a'; 513], NameFault::TooLong),
        (&[b'a'; 65_535], NameFault::TooLong),
    ] {
        let error = refusal(zip([orders(), Entry::stored(name, LINES)]));
        assert!(matches!(error, ArchiveError::UnsafeName { fault: found, .. } if found == fault), "{error}");
        assert_refused(zip([Entry::stored(name, LINES)]), ErrorKind::Refused, "name that is refused");
    }
    let marked =
        Entry::stored(b"\xFF.jsonl", b"").with(|entry| (entry.flags, entry.local_flags) = (UTF8, UTF8));
    assert_refused(zip([marked]), ErrorKind::Refused, "marked as UTF-8");
}

#[test]
fn an_attack_in_the_utf8_name_of_the_extra_field_is_refused() {
    let mut crc = flate2::Crc::new();
    crc.update(b"a.jsonl");
    let name = b"../a.jsonl";
    let mut extra = vec![0x75, 0x70, name.len() as u8 + 5, 0, 1];
    extra.extend(crc.sum().to_le_bytes());
    extra.extend(name);
    let entry = Entry::stored("a.jsonl", LINES).with(|entry| entry.extra = extra);
    assert_refused(zip([entry]), ErrorKind::Refused, "'..'");
}

#[test]
fn error_messages_escape_and_cut_names() {
    let long = format!("../{}\u{1b}[31m", "a".repeat(50));
    let message = refusal(zip([Entry::stored(&long, b"")])).to_string();
    assert!(message.contains("\\u{1b}") && !message.contains('\u{1b}'), "{message}");
    let message = refusal(zip([Entry::stored(format!("../{}", "b".repeat(500)), b"")])).to_string();
    assert!(message.chars().count() < 250, "{message}");
}

#[test]
fn links_and_special_files_are_refused() {
    for (mode, what) in [
        (0o120_777, "symbolic link"),
        (0o020_666, "character device"),
        (0o060_666, "block device"),
        (0o010_644, "named pipe"),
        (0o140_644, "socket"),
        (0o040_755, "folder with the name of a file"),
        (0o170_000, "special file"),
    ] {
        let entry = Entry::stored("orders.jsonl", b"/etc/passwd").mode(mode);
        assert_refused(zip([entry]), ErrorKind::Refused, &format!("'orders.jsonl' is a {what}"));
    }
    let ignored = Entry::stored("__MACOSX/link", b"/etc").mode(0o120_777);
    assert_refused(zip([orders(), ignored]), ErrorKind::Refused, "symbolic link");
}

#[test]
fn two_entries_of_one_name_are_refused_whatever_their_case() {
    for other in ["orders.jsonl", "Orders.JSONL", "./orders.jsonl", "orders.jsonl/"] {
        let bytes = zip([orders(), Entry::stored(other, LINES)]);
        assert!(matches!(refusal(bytes.clone()), ArchiveError::Duplicate { .. }), "{other}");
        assert_refused(bytes, ErrorKind::Refused, "there twice");
    }
    let nested = zip([Entry::stored("x/a.jsonl", b""), Entry::stored("x//A.jsonl", b"")]);
    assert_refused(nested, ErrorKind::Refused, "there twice");
    let ummlauts = zip([Entry::stored("Ä.jsonl", b""), Entry::stored("ä.jsonl", b"")]);
    assert_refused(ummlauts, ErrorKind::Refused, "there twice");
}

#[test]
fn entries_that_share_their_data_are_refused() {
    let first = orders();
    let second = Entry { in_file: false, offset: Some(0), ..first.clone() };
    assert_refused(zip([first.clone(), second]), ErrorKind::Refused, "there twice");
    let renamed = Entry { name: b"b.jsonl".to_vec(), in_file: false, offset: Some(0), ..first.clone() };
    assert_refused(zip([first, renamed]), ErrorKind::Refused, "disagree about its name");
}

#[test]
fn the_quoted_overlap_bomb_is_refused() {
    // Each file is a stored block that quotes the header of the next, so that all inflate the same kernel.
    let kernel = Entry::deflated("z.jsonl", &[b' '; 9_000]);
    let kernel_bytes = kernel.local_bytes();
    let outer = Entry::stored("a.jsonl", &kernel_bytes);
    let header_bytes = outer.local_bytes().len() - kernel_bytes.len();
    let inner = Entry { in_file: false, offset: Some(header_bytes as u64), ..kernel };
    assert_refused(zip([outer, inner]), ErrorKind::Refused, "'z.jsonl' overlaps entry 'a.jsonl'");
}

#[test]
fn an_entry_that_reaches_into_the_directory_is_refused() {
    let longer = Entry::stored("a.jsonl", LINES).with(|entry| {
        (entry.compressed, entry.local_compressed) = (LINES.len() as u64 + 5, LINES.len() as u32 + 5)
    });
    assert_refused(zip([longer]), ErrorKind::Refused, "overlaps the directory");
    let endless = Entry::stored("a.jsonl", LINES).zip64().with(|entry| {
        entry.compressed = u64::MAX;
        entry.local_extra[12..].copy_from_slice(&u64::MAX.to_le_bytes());
    });
    assert_refused(zip([endless]), ErrorKind::Refused, "overlaps the directory");
    for offset in [60, 1 << 20, u64::from(u32::MAX) - 1] {
        let stray = Entry::stored("a.jsonl", LINES).with(|entry| entry.offset = Some(offset));
        assert_refused(zip([stray]), ErrorKind::Refused, "'a.jsonl' overlaps the directory");
    }
}

#[test]
fn a_local_header_that_lies_is_refused() {
    type Lie = fn(&mut Entry);
    let lies: [(&str, Lie); 8] = [
        ("name", |entry| entry.local_name = b"secret.jsonl".to_vec()),
        ("name", |entry| entry.local_name = b"Orders.jsonl".to_vec()),
        ("size", |entry| entry.local_uncompressed += 1),
        ("size", |entry| entry.local_compressed += 1),
        ("size", |entry| (entry.local_compressed, entry.local_uncompressed) = (0, 0)),
        ("size", |entry| (entry.local_flags, entry.local_uncompressed) = (STREAMED, 7)),
        ("CRC", |entry| entry.local_crc ^= 1),
        ("packing method", |entry| entry.local_method = 0),
    ];
    for (what, lie) in lies {
        assert_refused(zip([orders().with(lie)]), ErrorKind::Refused, &format!("disagree about its {what}"));
    }
    let elsewhere = orders().with(|entry| entry.offset = Some(1));
    assert_refused(zip([elsewhere]), ErrorKind::Refused, "disagree about its place");
}

#[test]
fn more_entries_than_allowed_are_refused_before_they_are_read() {
    let entries = (0..10_001).map(|index| Entry::stored(format!("m{index}.jsonl"), b""));
    assert_refused(zip(entries), ErrorKind::LimitExceeded, "10001 entries");
    // A claim alone is enough: there is but one record.
    let claim = Forge { claimed: Some(u64::MAX), zip64: true, ..Forge::of([orders()]) };
    assert_refused(claim.build(), ErrorKind::LimitExceeded, "18446744073709551615 entries");
}

#[test]
fn more_bytes_in_all_than_allowed_are_refused() {
    let large = |name: &str, bytes: u64| {
        Entry::stored(name, b"x").zip64().with(|entry| {
            entry.uncompressed = bytes;
            entry.local_extra[4..12].copy_from_slice(&bytes.to_le_bytes());
        })
    };
    let bytes = zip([large("a.jsonl", 60 << 30), large("b.jsonl", 60 << 30)]);
    assert_refused(bytes, ErrorKind::LimitExceeded, "128849018880 bytes in all");
    let overflowing = zip([large("a.jsonl", u64::MAX), large("b.jsonl", u64::MAX)]);
    assert_refused(overflowing, ErrorKind::LimitExceeded, "in all");
}

#[test]
fn an_entry_that_declares_to_inflate_a_thousandfold_is_refused() {
    let limits = Limits { inflation_free_bytes: 100_000, ..Limits::default() };
    let bomb = |bytes: usize| zip([Entry::zstd("a.jsonl", &vec![b'\n'; bytes])]);
    assert_refused_within(bomb(100_001), limits.clone(), ErrorKind::LimitExceeded, "'a.jsonl' would inflate");
    assert!(Archive::open(Cursor::new(bomb(100_000)), limits).is_ok());
    let strict = Limits { inflation_free_bytes: 0, inflation_ratio_max: 2, ..Limits::default() };
    let entry = |bytes: u32| {
        Entry::stored("a.jsonl", b"1234").with(|entry| {
            (entry.uncompressed, entry.local_uncompressed) = (bytes.into(), bytes);
        })
    };
    assert!(Archive::open(Cursor::new(zip([entry(8)])), strict.clone()).is_ok());
    assert_refused_within(zip([entry(9)]), strict, ErrorKind::LimitExceeded, "from 4 to 9 bytes");
}

#[test]
fn an_entry_that_inflates_beyond_what_it_declares_is_refused_when_it_does() {
    for packed in [Entry::deflated, Entry::zstd, Entry::stored] {
        let liar = packed("a.jsonl", &[b'\n'; 90_000]).with(|entry| {
            (entry.uncompressed, entry.local_uncompressed) = (10, 10);
        });
        let error = lines_of(zip([liar.clone()]), "a.jsonl").unwrap_err();
        assert!(matches!(error, ArchiveError::InflatesBeyondDeclared { declared: 10, .. }), "{error}");
        let faults = Archive::faults(Cursor::new(zip([liar])), Limits::default());
        assert_eq!(faults.len(), 1, "{faults:?}");
    }
}

#[test]
fn an_entry_that_ends_early_is_refused_when_it_does() {
    for packed in [Entry::deflated, Entry::zstd, Entry::stored] {
        let liar = packed("a.jsonl", LINES).with(|entry| {
            entry.uncompressed += 5;
            entry.local_uncompressed += 5;
        });
        let error = lines_of(zip([liar]), "a.jsonl").unwrap_err();
        assert!(matches!(error, ArchiveError::EntryTruncated { actual: 9, declared: 14, .. }), "{error}");
    }
    for packed in [Entry::deflated, Entry::zstd] {
        let cut = packed("a.jsonl", &LINES.repeat(1_000)).with(|entry| {
            entry.data.truncate(entry.data.len() / 2);
            entry.compressed = entry.data.len() as u64;
            entry.local_compressed = entry.data.len() as u32;
        });
        let error = lines_of(zip([cut]), "a.jsonl").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert_eq!(error.entry(), Some("a.jsonl"));
    }
}

#[test]
fn a_crc_that_does_not_match_is_refused_at_the_end_of_the_entry() {
    let damaged = |name: &str| Entry::stored(name, LINES).with(|entry| entry.data[1] ^= 1);
    let error = lines_of(zip([damaged("a.jsonl")]), "a.jsonl").unwrap_err();
    assert!(matches!(error, ArchiveError::CrcMismatch { .. }), "{error}");
    let mut archive =
        open(zip([damaged("a.jsonl"), damaged("describe.yaml"), damaged("notes.txt")])).unwrap();
    assert!(matches!(archive.describe_text().unwrap_err(), ArchiveError::CrcMismatch { .. }));
    for name in ["a.jsonl", "describe.yaml", "notes.txt"] {
        let error = archive.verify_entry(name).unwrap_err();
        assert!(matches!(&error, ArchiveError::CrcMismatch { entry, .. } if entry == name), "{error}");
    }
}

#[test]
fn packed_data_that_is_noise_is_refused() {
    for packed in [Entry::deflated, Entry::zstd] {
        let noise = packed("a.jsonl", LINES).with(|entry| entry.data.fill(0xFF));
        let error = lines_of(zip([noise]), "a.jsonl").unwrap_err();
        assert!(matches!(error, ArchiveError::Corrupt { .. }), "{error}");
    }
}

#[test]
fn a_zstandard_window_that_would_fill_memory_is_refused() {
    // A frame header alone: magic, no content size, a window of 2^30 bytes.
    let entry = Entry::zstd("a.jsonl", LINES).with(|entry| {
        entry.data = vec![0x28, 0xB5, 0x2F, 0xFD, 0x00, 20 << 3, 1, 0, 0];
        entry.compressed = 9;
        entry.local_compressed = 9;
    });
    let error = lines_of(zip([entry]), "a.jsonl").unwrap_err();
    assert!(matches!(error, ArchiveError::Corrupt { .. }), "{error}");
}

#[test]
fn describe_and_manifest_over_their_limit_are_refused() {
    for name in ["describe.yaml", "manifest.json"] {
        let limits = Limits { describe_bytes_max: 100, manifest_bytes_max: 100, ..Limits::default() };
        let bytes = zip([Entry::stored(name, &[b' '; 101]), orders()]);
        let error = Archive::open(Cursor::new(&bytes), limits.clone()).unwrap_err();
        assert!(
            matches!(&error, ArchiveError::EntryTooLarge { entry, actual: 101, limit: 100 } if entry == name),
            "{error}"
        );
        assert_eq!(Archive::faults(Cursor::new(&bytes), limits).len(), 1);
        let fitting = zip([Entry::stored(name, &[b' '; 100]), orders()]);
        let limits = Limits { describe_bytes_max: 100, ..Limits::default() };
        assert!(check_upload(Cursor::new(fitting), &limits).is_ok());
    }
}

#[test]
fn a_describe_that_lies_about_its_size_is_refused() {
    let liar = Entry::deflated("describe.yaml", &[b' '; 90_000])
        .with(|entry| (entry.uncompressed, entry.local_uncompressed) = (10, 10));
    let error = open(zip([liar])).unwrap().describe_text().unwrap_err();
    assert!(matches!(error, ArchiveError::InflatesBeyondDeclared { .. }), "{error}");
}

#[test]
fn an_archive_with_nothing_to_import_is_no_upload() {
    for bytes in [zip([]), zip([Entry::stored("README.md", b"hi")]), zip([Entry::stored("x/", b"")])] {
        let error = check_upload(Cursor::new(&bytes), &Limits::default()).unwrap_err();
        assert!(matches!(error, ArchiveError::NothingToImport), "{error}");
        assert_eq!(Archive::faults(Cursor::new(&bytes), Limits::default()).len(), 1);
        assert!(open(bytes).is_ok());
    }
}

#[test]
fn an_inspection_names_every_fault() {
    let bytes = zip([
        orders(),
        Entry::stored("../evil.jsonl", LINES),
        Entry::stored("link.jsonl", b"/etc").mode(0o120_777),
        Entry::stored("ORDERS.jsonl", LINES),
        Entry::stored("bad.jsonl", b"{\"a\":\"\xFF\"}\n"),
        Entry::stored("torn.jsonl", LINES).with(|entry| entry.data[0] = b'x'),
    ]);
    let inspection = Archive::inspect(Cursor::new(bytes), Limits::default());
    let faults: Vec<String> = inspection.faults.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(faults.join("\n"), @r"
    Entry '../evil.jsonl' has a name that is refused: it climbs out of its folder with '..'
    Entry 'link.jsonl' is a symbolic link; only files and folders are accepted
    Entry 'ORDERS.jsonl' is there twice (names are compared without case)
    Entry 'bad.jsonl' line 1: not UTF-8 at byte 7
    Entry 'torn.jsonl' is damaged: its CRC is e0105191, the directory says d99d6d54
    ");
    let sound: Vec<_> = inspection.verdicts.iter().map(|verdict| verdict.name.as_str()).collect();
    assert_eq!(sound, ["orders.jsonl"]);
}

/// A disk that breaks after some reads.
struct BreakingDisk {
    inner: Cursor<Vec<u8>>,
    reads_left: usize,
}

impl Read for BreakingDisk {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reads_left =
            self.reads_left.checked_sub(1).ok_or_else(|| io::Error::other("the disk is gone"))?;
        self.inner.read(into)
    }
}

impl Seek for BreakingDisk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[test]
fn a_failing_disk_is_not_taken_for_a_damaged_archive() {
    let bytes = zip([orders(), Entry::zstd("b.jsonl", LINES), Entry::stored("c.jsonl", LINES)]);
    let read_all = |reads_left| -> Result<(), ArchiveError> {
        let disk = BreakingDisk { inner: Cursor::new(bytes.clone()), reads_left };
        let mut archive = Archive::open(disk, Limits::default())?;
        for name in ["orders.jsonl", "b.jsonl", "c.jsonl"] {
            archive.verify_entry(name)?;
        }
        Ok(())
    };
    let mut reads = 0;
    while let Err(error) = read_all(reads) {
        assert_eq!(error.kind(), ErrorKind::Io, "after {reads} reads: {error}");
        reads += 1;
    }
    assert!(reads > 10);
}
