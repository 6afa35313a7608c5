//! `reinstate inspect` on sound and on hostile archives.

use serde_json::Value as Json;

use crate::archives;
use crate::program::{run, stderr, stdout};

fn inspect(bytes: &[u8]) -> (Option<i32>, Json) {
    let folder = tempfile::tempdir().unwrap();
    let path = archives::write_bytes(folder.path(), bytes);
    let output = run(&["inspect", "--json", path.to_str().unwrap()]);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

fn faults(report: &Json) -> String {
    report["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault.as_str().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_sample_is_sound_and_every_checksum_is_verified() {
    let output = run(&["inspect", archives::sample().to_str().unwrap()]);
    let text = stdout(&output);
    assert!(output.status.success(), "{text}");
    for part in ["playlist_tracks.jsonl", "8,715", "verified", "tracks:", "The archive is sound."] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(!text.contains("refused"), "{text}");
}

#[test]
fn json_names_entries_models_fields_and_counts() {
    let (code, report) = inspect(&archives::bytes(3));
    assert_eq!(code, Some(0), "{report}");
    let entry = report["entries"].as_array().unwrap().iter().find(|e| e["name"] == "readings.jsonl").unwrap();
    assert_eq!((&entry["records"], &entry["checksum"]), (&Json::from(3), &Json::from("verified")));
    assert_eq!(report["models"][0]["name"], "readings");
    assert_eq!(report["models"][0]["fields"][1]["type"], "decimal");
}

#[test]
fn an_archive_that_would_be_refused_ends_with_1_and_names_each_fault() {
    let good = archives::bytes(100);
    let cut = good[..good.len() / 2].to_vec();
    let escaping = archives::replaced(good.clone(), "readings.jsonl", "../dings.jsonl");
    let twice = archives::replaced(good.clone(), "describe.yaml", "readings.yaml");
    for (what, bytes, named) in [
        ("no ZIP", b"hello".to_vec(), "not a ZIP"),
        ("cut off", cut, "cut off"),
        ("name that leaves the folder", escaping, "../dings.jsonl"),
        ("entry that the manifest lists is missing", twice, "describe.yaml"),
    ] {
        let (code, report) = inspect(&bytes);
        assert_eq!(code, Some(1), "{what}: {report}");
        assert!(faults(&report).contains(named), "{what}: {}", faults(&report));
    }
}

#[test]
fn faults_of_the_description_are_told_all_at_once_with_their_lines() {
    let mut bytes = Vec::new();
    let header = reinstate_archive::ManifestHeader::default();
    let mut writer = reinstate_archive::ArchiveWriter::new(&mut bytes, header);
    writer.start_entry("describe.yaml").unwrap();
    writer.write(b"a:\n  fields:\n    x: { type: colour }\n    id: { type: text }\n").unwrap();
    writer.finish().unwrap();
    let (code, report) = inspect(&bytes);
    assert_eq!(code, Some(1));
    let faults = faults(&report);
    assert!(faults.contains("line 3") && faults.contains("line 4"), "{faults}");
}

#[test]
fn a_file_that_is_not_there_is_wrong_usage() {
    let output = run(&["inspect", "/nowhere/at-all.zip"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/nowhere/at-all.zip"));
}
