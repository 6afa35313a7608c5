//! Small archives, made for one test each.

use reinstate_archive::{ArchiveWriter, ManifestHeader};

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
