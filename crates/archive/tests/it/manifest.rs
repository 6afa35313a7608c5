//! The manifest against what the archive really holds.

use std::io::Cursor;

use reinstate_archive::{Archive, ArchiveError, ErrorKind, Limits, Warning, check_upload};
use sha2::{Digest, Sha256};

use crate::forge::{Entry, zip};
use crate::{lines_of, open, refusal};

const LINES: &[u8] = b"{\"id\":1}\n\n{\"id\":2}";

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An archive of `orders.jsonl`, whose manifest lists these artifacts.
fn with_artifacts(artifacts: &str) -> Vec<u8> {
    let manifest = format!(r#"{{"version":"1.0","format":null,"include":null,"artifacts":[{artifacts}]}}"#);
    zip([Entry::deflated("orders.jsonl", LINES), Entry::deflated("manifest.json", manifest.as_bytes())])
}

/// An archive of `orders.jsonl`, whose manifest says this about it.
fn with_figures(size: &str, checksum: &str, records: &str) -> Vec<u8> {
    with_artifacts(&format!(
        r#"{{"type":"data-orders","name":"orders.jsonl","size":{size},"checksum":{checksum},"records":{records}}}"#
    ))
}

#[test]
fn right_figures_are_verified() {
    let checksum = digest(LINES);
    let bytes = with_figures("\"18\"", &format!("\"{checksum}\""), "2");
    assert_eq!(lines_of(bytes.clone(), "orders.jsonl").unwrap().len(), 2);
    let mut archive = open(bytes).unwrap();
    let entry = archive.data_entries().next().unwrap().clone();
    assert_eq!((entry.records, entry.checksum), (Some(2), Some(checksum)));
    let verdict = archive.verify_entry("orders.jsonl").unwrap();
    assert!(verdict.checksum_verified);
    assert_eq!(archive.warnings(), []);
}

#[test]
fn figures_that_are_missing_or_null_are_not_compared() {
    assert!(lines_of(with_figures("null", "null", "null"), "orders.jsonl").is_ok());
    let bytes = with_artifacts(r#"{"name":"orders.jsonl"}"#);
    let mut archive = open(bytes).unwrap();
    assert!(!archive.verify_entry("orders.jsonl").unwrap().checksum_verified);
}

#[test]
fn another_size_is_refused_when_the_archive_is_opened() {
    let error = refusal(with_figures("17", "null", "2"));
    assert!(matches!(error, ArchiveError::SizeMismatch { listed: 17, actual: 18, .. }), "{error}");
    assert_eq!(error.entry(), Some("orders.jsonl"));
}

#[test]
fn another_checksum_is_refused_ahead_of_the_end_of_the_entry() {
    let bytes = with_figures("18", &format!("\"{}\"", digest(b"other")), "2");
    let error = lines_of(bytes.clone(), "orders.jsonl").unwrap_err();
    assert!(matches!(error, ArchiveError::ChecksumMismatch { .. }), "{error}");
    let error = open(bytes).unwrap().verify_entry("orders.jsonl").unwrap_err();
    assert!(matches!(error, ArchiveError::ChecksumMismatch { .. }), "{error}");
}

#[test]
fn another_record_count_is_refused_ahead_of_the_end_of_the_entry() {
    for listed in [0, 1, 3] {
        let bytes = with_figures("18", "null", &listed.to_string());
        let mut archive = open(bytes).unwrap();
        let mut lines = archive.lines("orders.jsonl").unwrap();
        assert!(lines.next_line().unwrap().is_some());
        assert!(lines.next_line().unwrap().is_some());
        let error = lines.next_line().unwrap_err();
        assert!(matches!(error, ArchiveError::RecordsMismatch { actual: 2, .. }), "{error}");
        drop(lines);
        let error = archive.verify_entry("orders.jsonl").unwrap_err();
        assert!(matches!(error, ArchiveError::RecordsMismatch { actual: 2, .. }), "{error}");
    }
}

#[test]
fn the_checksum_of_the_describe_entry_is_verified() {
    let manifest = format!(
        r#"{{"version":"1.0","artifacts":[{{"type":"describe","name":"describe.yaml","size":2,"checksum":"{}","records":0}}]}}"#,
        digest(b"[]")
    );
    let entries = |describe: &[u8]| {
        zip([Entry::stored("describe.yaml", describe), Entry::stored("manifest.json", manifest.as_bytes())])
    };
    assert_eq!(open(entries(b"[]")).unwrap().describe_text().unwrap().unwrap(), b"[]");
    let error = open(entries(b"{}")).unwrap().describe_text().unwrap_err();
    assert!(matches!(error, ArchiveError::ChecksumMismatch { .. }), "{error}");
}

#[test]
fn an_entry_that_only_the_manifest_has_is_refused() {
    let error = refusal(with_artifacts(r#"{"name":"users.jsonl","size":1}"#));
    assert!(matches!(&error, ArchiveError::EntryMissing { entry } if entry == "users.jsonl"), "{error}");
}

#[test]
fn an_entry_that_the_manifest_lacks_is_warned_of() {
    let archive = open(with_artifacts("")).unwrap();
    assert_eq!(archive.warnings(), [Warning::NotInManifest { entry: "orders.jsonl".into() }]);
    let alone = open(zip([Entry::stored("orders.jsonl", LINES)])).unwrap();
    assert_eq!(alone.warnings(), []);
}

#[test]
fn an_entry_listed_twice_is_refused() {
    let twice = r#"{"name":"orders.jsonl"},{"name":"orders.jsonl"}"#;
    assert!(matches!(refusal(with_artifacts(twice)), ArchiveError::ManifestInvalid { .. }));
}

#[test]
fn a_manifest_that_lists_itself_is_not_held_to_it() {
    let itself = r#"{"name":"manifest.json","size":1,"checksum":null,"records":9},{"name":"orders.jsonl"}"#;
    let mut archive = open(with_artifacts(itself)).unwrap();
    assert!(archive.verify_entry("manifest.json").is_ok());
}

#[test]
fn a_broken_manifest_stops_a_run_and_not_an_upload() {
    for (text, says) in
        [("{", "line 1"), (r#"{"version":"2.0"}"#, "version '2.0'"), ("null", "manifest.json")]
    {
        let bytes =
            zip([Entry::stored("orders.jsonl", LINES), Entry::stored("manifest.json", text.as_bytes())]);
        let error = refusal(bytes.clone());
        assert_eq!(error.kind(), ErrorKind::Manifest);
        assert!(error.to_string().contains(says), "{error}");
        assert!(check_upload(Cursor::new(&bytes), &Limits::default()).is_ok());
        assert_eq!(Archive::faults(Cursor::new(&bytes), Limits::default()).len(), 1);
    }
}

#[test]
fn a_manifest_in_the_common_top_folder_lists_names_below_it() {
    let manifest = br#"{"version":"1.0","artifacts":[{"name":"orders.jsonl","records":2}]}"#;
    let bytes = zip([Entry::stored("x/manifest.json", manifest), Entry::stored("x/orders.jsonl", LINES)]);
    assert_eq!(lines_of(bytes, "orders.jsonl").unwrap().len(), 2);
}

#[test]
fn an_inspection_names_every_disagreement() {
    let bytes = with_artifacts(
        r#"{"name":"orders.jsonl","size":3,"records":7},{"name":"a.jsonl"},{"name":"b.jsonl"}"#,
    );
    let faults = Archive::faults(Cursor::new(bytes), Limits::default());
    let kinds: Vec<_> = faults.iter().map(|fault| fault.entry().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["orders.jsonl", "a.jsonl", "b.jsonl", "orders.jsonl"]);
}
