//! What the writer makes: readable by us and by others, the same every time, never half a truth.

use std::io::{self, Cursor, Read, Write};

use proptest::prelude::*;
use reinstate_archive::{Archive, ArchiveError, ArchiveWriter, Limits, Manifest, ManifestHeader, Written};

use crate::{lines_of, open};

fn header() -> ManifestHeader {
    ManifestHeader {
        generated_at: Some("2025-01-19T10:00:00.000Z".into()),
        run_id: Some("run".into()),
        extract_id: Some("extract".into()),
        ..ManifestHeader::default()
    }
}

fn write_sample(bytes: &mut Vec<u8>) -> Result<Manifest, ArchiveError> {
    let mut writer = ArchiveWriter::new(bytes, header());
    writer.start_entry("describe.yaml")?;
    writer.write(b"orders:\n")?;
    writer.write(b"  fields: {}\n")?;
    writer.start_entry("orders.jsonl")?;
    for id in 0..10_000 {
        writer.write_line(format!("{{\"id\":{id}}}").as_bytes())?;
    }
    writer.start_entry("empty.jsonl")?;
    writer.finish()
}

pub(crate) fn sample() -> (Vec<u8>, Manifest) {
    let mut bytes = Vec::new();
    let manifest = write_sample(&mut bytes).unwrap();
    (bytes, manifest)
}

#[test]
fn a_written_archive_is_read_and_verified() {
    let (bytes, manifest) = sample();
    let inspection = Archive::inspect(Cursor::new(bytes.clone()), Limits::default());
    assert!(inspection.faults.is_empty(), "{:?}", inspection.faults);
    let mut archive = inspection.archive.unwrap();
    assert_eq!(archive.manifest(), Some(&manifest));
    assert_eq!(archive.warnings(), []);
    assert_eq!(archive.describe_text().unwrap().unwrap(), b"orders:\n  fields: {}\n");
    let names: Vec<_> = archive.entries().iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["describe.yaml", "orders.jsonl", "empty.jsonl", "manifest.json"]);
    let records: Vec<_> = archive.data_entries().map(|entry| entry.records).collect();
    assert_eq!(records, [Some(10_000), Some(0)]);
    assert_eq!(lines_of(bytes, "orders.jsonl").unwrap()[9_999], (10_000, "{\"id\":9999}".into()));
}

#[test]
fn the_manifest_has_the_keys_of_the_format() {
    let (bytes, _) = sample();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    zip.by_name("manifest.json").unwrap().read_to_string(&mut text).unwrap();
    insta::assert_snapshot!(text, @r#"
    {
      "version": "1.0",
      "generated_at": "2025-01-19T10:00:00.000Z",
      "run_id": "run",
      "extract_id": "extract",
      "format": "jsonl",
      "include": [
        "describe",
        "data"
      ],
      "artifacts": [
        {
          "type": "describe",
          "name": "describe.yaml",
          "size": 21,
          "checksum": "7ffec93e318204de7718533fba9387e3a5c9c8ce87127cc88c3ec60568124106",
          "records": 0
        },
        {
          "type": "data-orders",
          "name": "orders.jsonl",
          "size": 118890,
          "checksum": "1611067045aae50c32e1a1126adf4c85f4a0d884cc841c52a20878553b0e48bd",
          "records": 10000
        },
        {
          "type": "data-empty",
          "name": "empty.jsonl",
          "size": 0,
          "checksum": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "records": 0
        }
      ]
    }
    "#);
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    assert_eq!(sample().0, sample().0);
}

#[test]
fn an_entry_has_the_same_bytes_whatever_pieces_it_comes_in() {
    let text: Vec<u8> = (0..40_000).flat_map(|id| format!("{{\"id\":{}}}\n", id * id).into_bytes()).collect();
    let written_by = |length: usize| {
        let mut bytes = Vec::new();
        let mut writer = ArchiveWriter::new(&mut bytes, header());
        writer.start_entry("orders.jsonl").unwrap();
        text.chunks(length).for_each(|piece| writer.write(piece).unwrap());
        assert_eq!(writer.entry_bytes(), text.len() as u64);
        let manifest = writer.finish().unwrap();
        assert_eq!(manifest.artifacts[0].records, Some(40_000));
        (bytes, manifest)
    };
    let whole = written_by(text.len());
    assert_eq!(lines_of(whole.0.clone(), "orders.jsonl").unwrap()[39_999].0, 40_000);
    for length in [1, 1_000, 64 << 10, (64 << 10) + 1, 200_000] {
        assert!(written_by(length) == whole, "{length}");
    }
}

#[test]
fn another_program_reads_what_was_written() {
    let (bytes, _) = sample();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    zip.by_name("orders.jsonl").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 10_000);
    assert_eq!(zip.len(), 4);
}

#[test]
fn records_are_counted_as_a_reader_counts_them() {
    for (pieces, records) in [
        (&[&b"a\nb\n"[..]][..], 2),
        (&[b"a\n", b"b"], 2),
        (&[b"a", b"b", b"\n\n", b" \r\n", b"c"], 2),
        (&[b"\n", b" "], 0),
        (&[], 0),
    ] {
        let mut bytes = Vec::new();
        let mut writer = ArchiveWriter::new(&mut bytes, header());
        writer.start_entry("a.jsonl").unwrap();
        for piece in pieces {
            writer.write(piece).unwrap();
        }
        assert_eq!(writer.entry_bytes(), pieces.iter().map(|piece| piece.len() as u64).sum::<u64>());
        assert_eq!(writer.finish().unwrap().artifacts[0].records, Some(records));
        assert_eq!(lines_of(bytes, "a.jsonl").unwrap().len() as u64, records);
    }
}

#[test]
fn names_that_no_reader_takes_are_not_written() {
    let mut writer = ArchiveWriter::new(Vec::new(), header());
    writer.start_entry("orders.jsonl").unwrap();
    for name in [
        "manifest.json",
        "orders.jsonl",
        "Orders.jsonl",
        "a/b.jsonl",
        "../a.jsonl",
        "a.txt",
        ".jsonl",
        ".a.jsonl",
        "a\\b.jsonl",
        "a\0.jsonl",
        "c:a.jsonl",
        "",
    ] {
        let error = writer.start_entry(name).unwrap_err();
        assert!(matches!(error, ArchiveError::NotWritable { .. }), "{name}: {error}");
    }
    writer.write_line(b"{}").unwrap();
    let Written { manifest, inner: bytes, .. } = writer.finish_into().unwrap();
    assert_eq!(manifest.artifacts.len(), 1);
    assert!(open(bytes).is_ok());
}

#[test]
fn lines_need_an_entry_and_hold_no_line_break() {
    let mut writer = ArchiveWriter::new(Vec::new(), header());
    assert!(matches!(writer.write_line(b"{}").unwrap_err(), ArchiveError::NotWritable { .. }));
    writer.start_entry("a.jsonl").unwrap();
    assert!(matches!(writer.write_line(b"{\n}").unwrap_err(), ArchiveError::NotWritable { .. }));
}

#[test]
fn a_writer_dropped_before_its_end_leaves_no_archive() {
    let mut bytes = Vec::new();
    {
        let mut writer = ArchiveWriter::new(&mut bytes, header());
        writer.start_entry("a.jsonl").unwrap();
        writer.write_line(b"{}").unwrap();
        writer.start_entry("b.jsonl").unwrap();
    }
    assert!(!bytes.is_empty());
    assert!(matches!(open(bytes).unwrap_err(), ArchiveError::Truncated { .. }));
}

/// A disk of few bytes.
struct FullDisk(usize);

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_it_strikes() {
    let write = |room| -> Result<(), ArchiveError> {
        let mut writer = ArchiveWriter::new(FullDisk(room), header());
        writer.start_entry("describe.yaml")?;
        writer.write(b"orders:\n  fields: {}\n")?;
        writer.start_entry("orders.jsonl")?;
        for id in 0..100 {
            writer.write_line(format!("{{\"id\":{id}}}").as_bytes())?;
        }
        writer.finish().map(|_| ())
    };
    let mut room = 0;
    while let Err(error) = write(room) {
        assert!(matches!(error, ArchiveError::Io { action: "written", .. }), "{error}");
        room += 7;
    }
    assert!(room > 700, "{room}");
}

/// A disk that refuses one write and takes all others.
struct FlakyDisk {
    inner: Vec<u8>,
    writes_left: usize,
}

impl Write for FlakyDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let refuse = self.writes_left == 0;
        self.writes_left = self.writes_left.wrapping_sub(1);
        if refuse { Err(io::ErrorKind::Other.into()) } else { self.inner.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_archive_with_a_lost_write_is_never_finished() {
    for writes_left in 0..40 {
        let mut writer = ArchiveWriter::new(FlakyDisk { inner: Vec::new(), writes_left }, header());
        // Errors on the way are ignored on purpose: the end must tell.
        let _ = writer.start_entry("a.jsonl");
        let _ = writer.write_line(b"{}");
        let _ = writer.start_entry("b.jsonl");
        if let Ok(written) = writer.finish_into() {
            assert!(Archive::faults(Cursor::new(written.inner.inner), Limits::default()).is_empty());
        }
    }
}

fn entries() -> impl Strategy<Value = Vec<(String, Vec<String>)>> {
    let line = prop_oneof![4 => "[^\r\n\u{feff}]{0,40}", 1 => "[a-z{}\": ]{0,4000}"];
    let entry = ("[a-z][a-z0-9_]{0,10}", prop::collection::vec(line, 0..20));
    prop::collection::btree_map("[a-z][a-z0-9_]{0,10}", entry.prop_map(|(_, lines)| lines), 0..6)
        .prop_map(|map| map.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_what_is_read(entries in entries(), level in 0_u8..12) {
        let mut bytes = Vec::new();
        let mut writer = ArchiveWriter::with_level(&mut bytes, header(), level);
        for (model, lines) in &entries {
            writer.start_entry(&format!("{model}.jsonl")).unwrap();
            for line in lines {
                writer.write_line(line.as_bytes()).unwrap();
            }
        }
        let manifest = writer.finish().unwrap();
        let archive = open(bytes.clone()).unwrap();
        prop_assert_eq!(archive.manifest(), Some(&manifest));
        prop_assert_eq!(archive.data_entries().count(), entries.len());
        for (model, lines) in &entries {
            let expected: Vec<_> = (1..)
                .zip(lines)
                .filter(|(_, line)| !line.trim_ascii().is_empty())
                .map(|(number, line)| (number, line.clone()))
                .collect();
            let read = lines_of(bytes.clone(), &format!("{model}.jsonl")).unwrap();
            prop_assert_eq!(read, expected);
        }
    }
}
