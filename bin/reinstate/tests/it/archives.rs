//! Archives for the tests: the bundled sample, and ones made to order.

use std::path::{Path, PathBuf};

use reinstate_archive::{ArchiveWriter, ManifestHeader};

/// The model of the archives made here.
pub(crate) const MODEL: &str = "readings";

/// The sample that the program carries.
pub(crate) fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample/chinook.zip")
}

/// The bytes of an archive of one model with so many records.
pub(crate) fn bytes(records: u64) -> Vec<u8> {
    let describe =
        format!("{MODEL}:\n  fields:\n    place: {{ type: text }}\n    value: {{ type: decimal }}\n");
    let line =
        |number| format!(r#"{{"id":"r{number:08}","place":"station {}","value":{number}.5}}"#, number % 97);
    of(&describe, &[(MODEL, (0..records).map(line).collect())])
}

/// The bytes of an archive with these definitions and the lines of these models.
pub(crate) fn of(describe: &str, files: &[(&str, Vec<String>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArchiveWriter::new(&mut bytes, ManifestHeader::default());
    writer.start_entry("describe.yaml").unwrap();
    writer.write(describe.as_bytes()).unwrap();
    for (model, lines) in files {
        writer.start_entry(&format!("{model}.jsonl")).unwrap();
        for line in lines {
            writer.write_line(line.as_bytes()).unwrap();
        }
    }
    writer.finish().unwrap();
    bytes
}

/// An archive of one model with so many records, in a folder.
pub(crate) fn write(folder: &Path, records: u64) -> PathBuf {
    write_bytes(folder, &bytes(records))
}

/// An archive of these bytes, in a folder.
pub(crate) fn write_bytes(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("archive.zip");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Puts one text in the place of another of the same length, wherever it is.
pub(crate) fn replaced(mut bytes: Vec<u8>, old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let places: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter(|(_, w)| *w == old.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "{old} is not in the archive");
    for place in places {
        bytes[place..place + new.len()].copy_from_slice(new.as_bytes());
    }
    bytes
}
