//! What other programs write, and what must therefore be read.

use std::io::Cursor;

use reinstate_archive::{Archive, EntryKind, Limits, Warning, check_upload};

use crate::forge::{Entry, Forge, UTF8, zip};
use crate::{lines_of, lines_within, open};

const LINES: &[u8] = b"{\"id\":1}\n{\"id\":2}\n";

fn assert_reads(bytes: Vec<u8>) {
    assert_reads_as(bytes, "orders.jsonl");
}

#[track_caller]
fn assert_reads_as(bytes: Vec<u8>, name: &str) {
    check_upload(Cursor::new(&bytes), &Limits::default()).unwrap();
    assert_eq!(Archive::faults(Cursor::new(&bytes), Limits::default()).len(), 0);
    let lines = lines_of(bytes, name).unwrap();
    assert_eq!(lines, [(1, "{\"id\":1}".to_owned()), (2, "{\"id\":2}".to_owned())]);
}

fn names(bytes: Vec<u8>) -> Vec<String> {
    open(bytes).unwrap().entries().iter().map(|entry| entry.name.clone()).collect()
}

#[test]
fn stored_deflated_and_zstandard_entries_are_read() {
    assert_reads(zip([Entry::stored("orders.jsonl", LINES)]));
    assert_reads(zip([Entry::deflated("orders.jsonl", LINES)]));
    assert_reads(zip([Entry::zstd("orders.jsonl", LINES)]));
}

#[test]
fn data_descriptors_with_zeros_in_the_local_header_are_read() {
    assert_reads(zip([Entry::deflated("orders.jsonl", LINES).streamed()]));
    assert_reads(zip([Entry::stored("orders.jsonl", LINES).streamed(), Entry::stored("b.jsonl", b"")]));
}

#[test]
fn zip64_headers_and_end_record_are_read() {
    assert_reads(zip([Entry::deflated("orders.jsonl", LINES).zip64()]));
    let forge = Forge { zip64: true, ..Forge::of([Entry::deflated("orders.jsonl", LINES)]) };
    assert_reads(forge.build());
    let streamed = Entry::deflated("orders.jsonl", LINES).streamed().zip64();
    assert_reads(Forge { zip64: true, ..Forge::of([streamed]) }.build());
}

#[test]
fn an_archive_comment_is_skipped_even_where_it_looks_like_an_end_record() {
    for comment in [b"made by hand".to_vec(), b"PK\x05\x06 in a comment of ours".to_vec(), vec![b'x'; 65_535]]
    {
        assert_reads(Forge { comment, ..Forge::of([Entry::stored("orders.jsonl", LINES)]) }.build());
    }
}

#[test]
fn entries_are_read_in_any_order() {
    let bytes = zip([
        Entry::stored("zebras.jsonl", b""),
        Entry::stored("orders.jsonl", LINES),
        Entry::stored("describe.yaml", b"orders: {}\n"),
    ]);
    assert_reads(bytes.clone());
    assert_eq!(open(bytes).unwrap().describe_text().unwrap().unwrap(), b"orders: {}\n");
}

#[test]
fn a_directory_in_another_order_than_the_file_is_read() {
    let mut second = Entry::stored("describe.yaml", b"{}");
    let first = Entry::stored("orders.jsonl", LINES);
    let first_bytes = first.local_bytes().len() as u64;
    second.offset = Some(first_bytes);
    // The directory lists the second one first; both local headers stand in file order.
    let listed_first = Entry { in_file: false, ..second.clone() };
    let listed_second = Entry { offset: Some(0), in_file: true, trailer: second.local_bytes(), ..first };
    assert_reads(zip([listed_first, listed_second]));
}

#[test]
fn empty_entries_and_a_missing_describe_are_in_order() {
    for entry in [Entry::stored("a.jsonl", b""), Entry::deflated("a.jsonl", b""), Entry::zstd("a.jsonl", b"")]
    {
        assert_eq!(lines_of(zip([entry]), "a.jsonl").unwrap(), []);
    }
    let no_stream = Entry::deflated("a.jsonl", b"").with(|entry| {
        entry.data.clear();
        (entry.compressed, entry.local_compressed) = (0, 0);
    });
    assert_eq!(lines_of(zip([no_stream.clone()]), "a.jsonl").unwrap(), []);
    assert_eq!(open(zip([no_stream])).unwrap().describe_text().unwrap(), None);
}

#[test]
fn one_common_top_folder_is_taken_off() {
    let bytes = zip([
        Entry::stored("Sales-2025/", b"").mode(0o040_755),
        Entry::stored("Sales-2025/describe.yaml", b"{}"),
        Entry::deflated("Sales-2025/orders.jsonl", LINES),
    ]);
    assert_reads(bytes.clone());
    assert_eq!(names(bytes), ["describe.yaml", "orders.jsonl"]);
}

#[test]
fn folders_dot_files_and_macosx_are_ignored_without_a_word() {
    let bytes = zip([
        Entry::stored("x/", b""),
        Entry::stored("__MACOSX/", b""),
        Entry::stored("__MACOSX/x/._orders.jsonl", b"\0\0\0"),
        Entry::stored(".DS_Store", b"?"),
        Entry::stored("x/.git/config", b"?"),
        Entry::stored("x/orders.jsonl", LINES),
    ]);
    assert_reads(bytes.clone());
    let archive = open(bytes).unwrap();
    assert_eq!(archive.entries().len(), 1);
    assert_eq!(archive.warnings(), []);
}

#[test]
fn unknown_and_nested_entries_are_warned_of_and_not_read_as_data() {
    let bytes = zip([
        Entry::stored("README.md", b"hello"),
        Entry::stored("orders.jsonl", LINES),
        Entry::stored("old/orders.jsonl", LINES),
        Entry::stored("ORDERS.JSON", b""),
    ]);
    assert_reads(bytes.clone());
    let archive = open(bytes).unwrap();
    let unknown = |entry: &str| Warning::UnknownEntry { entry: entry.into() };
    assert_eq!(
        archive.warnings(),
        [unknown("README.md"), unknown("old/orders.jsonl"), unknown("ORDERS.JSON")]
    );
    let models: Vec<_> = archive.data_entries().map(|entry| entry.model.as_str()).collect();
    assert_eq!(models, ["orders"]);
}

#[test]
fn names_in_utf8_and_in_the_legacy_charset_become_text() {
    let utf8 =
        Entry::stored("größe.jsonl", LINES).with(|entry| (entry.flags, entry.local_flags) = (UTF8, UTF8));
    assert_reads_as(zip([utf8]), "größe.jsonl");
    assert_reads_as(zip([Entry::stored("größe.jsonl", LINES)]), "größe.jsonl");
    assert_reads_as(zip([Entry::stored(b"gr\x94\xe1e.jsonl", LINES)]), "größe.jsonl");
}

#[test]
fn a_utf8_name_in_the_extra_field_counts_where_it_belongs_to_the_stored_name() {
    let extra_for = |stored: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(stored);
        let name = "größe.jsonl";
        let mut extra = vec![0x75, 0x70];
        extra.extend((name.len() as u16 + 5).to_le_bytes());
        extra.push(1);
        extra.extend(crc.sum().to_le_bytes());
        extra.extend(name.as_bytes());
        extra
    };
    let stored = b"gr__e.jsonl";
    let entry = Entry::stored(stored, LINES).with(|entry| entry.extra = extra_for(stored));
    assert_reads_as(zip([entry]), "größe.jsonl");
    let renamed = Entry::stored("orders.jsonl", LINES).with(|entry| entry.extra = extra_for(stored));
    assert_reads_as(zip([renamed]), "orders.jsonl");
}

#[test]
fn foreign_extra_fields_and_modes_of_plain_files_are_no_fault() {
    let entry = Entry::deflated("orders.jsonl", LINES).mode(0o100_600).with(|entry| {
        entry.extra = vec![0x55, 0x54, 5, 0, 1, 0, 0, 0, 0];
        entry.local_extra = vec![0x55, 0x54, 1, 0, 9, 0xFF];
    });
    assert_reads(zip([entry]));
}

#[test]
fn ten_thousand_entries_are_read() {
    let entries = (0..10_000).map(|index| Entry::stored(format!("m{index}.jsonl"), b""));
    assert_eq!(open(zip(entries)).unwrap().data_entries().count(), 10_000);
}

#[test]
fn roles_and_sizes_are_told() {
    let bytes = zip([
        Entry::deflated("describe.yaml", b"{}"),
        Entry::deflated("manifest.json", br#"{"version":"1.0"}"#),
        Entry::deflated("orders.jsonl", LINES),
    ]);
    let archive = open(bytes).unwrap();
    let kinds: Vec<_> = archive.entries().iter().map(|entry| entry.kind.clone()).collect();
    assert_eq!(kinds, [EntryKind::Describe, EntryKind::Manifest, EntryKind::Data { model: "orders".into() }]);
    assert_eq!(archive.entries()[2].uncompressed_bytes, LINES.len() as u64);
}

/// The ratio matters past 64 KiB here, so that cases stay small.
fn early_ratio() -> Limits {
    Limits { inflation_free_bytes: 64 << 10, ..Limits::default() }
}

#[test]
fn a_large_entry_is_in_order_below_the_ratio() {
    let content: String = (0..20_000).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    assert!(content.len() > 200 << 10);
    let bytes = zip([Entry::zstd("a.jsonl", content.as_bytes())]);
    assert_eq!(lines_within(bytes, "a.jsonl", early_ratio()).unwrap().len(), 20_000);
}

#[test]
fn a_small_entry_may_compress_as_well_as_it_likes() {
    let entry = Entry::zstd("a.jsonl", &[b'\n'; 64 << 10]);
    assert!(entry.uncompressed > 1_000 * entry.compressed);
    assert_eq!(lines_within(zip([entry]), "a.jsonl", early_ratio()).unwrap(), []);
}
