//! Small archives, made for one test each, and what is in those that a server made.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;

use reinstate_archive::{Archive, ArchiveWriter, Limits, ManifestHeader};
use sha2::{Digest, Sha256};

/// An archive with the given `describe.yaml` (none where empty) and data files: model, lines.
pub(crate) fn archive(describe: &str, files: &[(&str, &[&str])]) -> Vec<u8> {
    let files: Vec<(&str, Vec<String>)> = files
        .iter()
        .map(|(model, lines)| (*model, lines.iter().map(|line| (*line).to_owned()).collect()))
        .collect();
    archive_of(describe, &files)
}

/// As [`archive`], for lines made by code.
pub(crate) fn archive_of(describe: &str, files: &[(&str, Vec<String>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArchiveWriter::new(&mut bytes, ManifestHeader::default());
    if !describe.is_empty() {
        writer.start_entry("describe.yaml").unwrap();
        writer.write(describe.as_bytes()).unwrap();
    }
    for (model, lines) in files {
        writer.start_entry(&format!("{model}.jsonl")).unwrap();
        for line in lines {
            writer.write_line(line.as_bytes()).unwrap();
        }
    }
    writer.finish().unwrap();
    bytes
}

/// The model `orders` with the field `title`, and records of the given ids whose title is `from archive`.
pub(crate) fn orders_archive(ids: &[&str]) -> Vec<u8> {
    let lines: Vec<String> =
        ids.iter().map(|id| format!(r#"{{"id":"{id}","title":"from archive"}}"#)).collect();
    archive_of("orders:\n  status: active\n  fields:\n    title: { type: text }\n", &[("orders", lines)])
}

/// The entries of a sound archive, by name.
pub(crate) fn entries(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let faults = Archive::faults(Cursor::new(archive), Limits::default());
    assert!(faults.is_empty(), "{faults:?}");
    let mut archive = Archive::open(Cursor::new(archive), Limits::default()).unwrap();
    let names: Vec<String> = archive.entries().iter().map(|entry| entry.name.clone()).collect();
    let mut content = |name: &str| {
        let mut content = Vec::new();
        let taken = archive.read_entry(name, |piece| {
            content.extend_from_slice(piece);
            ControlFlow::Continue(())
        });
        taken.unwrap();
        content
    };
    names.into_iter().map(|name| (name.clone(), content(&name))).collect()
}

/// The entries but for the manifest, which alone tells one run from another.
pub(crate) fn content(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut entries = entries(archive);
    assert!(entries.remove("manifest.json").is_some(), "{:?}", entries.keys());
    entries
}

/// The ids of the records in an entry, in their order.
pub(crate) fn ids_in(archive: &[u8], entry: &str) -> Vec<String> {
    let entries = entries(archive);
    let text = std::str::from_utf8(&entries[entry]).unwrap();
    let id = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["id"].as_str().unwrap().to_owned()
    };
    text.lines().map(id).collect()
}

/// SHA-256 in hexadecimal.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
