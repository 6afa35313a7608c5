//! Archives from the field: the demo sample and what the original platform wrote.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use reinstate_archive::{Archive, Limits};

/// The archives of the repository, and those beside it where there are any.
pub(crate) fn sample_paths() -> Vec<PathBuf> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    [
        "tests/data/original",
        "../../bin/reinstate/sample",
        "../../../shared/archives",
        "../../../shared/archives/original",
    ]
    .iter()
    .map(|folder| crate_folder.join(folder))
    .filter_map(|folder| fs::read_dir(folder).ok())
    .flatten()
    .map(|file| file.unwrap().path())
    .filter(|path| path.extension().is_some_and(|extension| extension == "zip"))
    .collect()
}

#[test]
fn archives_from_the_field_have_no_fault_and_no_warning() {
    let paths = sample_paths();
    assert!(paths.len() >= 5, "{paths:?}");
    for path in paths {
        let inspection = Archive::inspect(File::open(&path).unwrap(), Limits::default());
        assert!(inspection.faults.is_empty(), "{}: {:?}", path.display(), inspection.faults);
        let archive = inspection.archive.unwrap();
        assert_eq!(archive.warnings(), [], "{}", path.display());
        assert_eq!(inspection.verdicts.len(), archive.entries().len());
        let unverified: Vec<_> =
            inspection.verdicts.iter().filter(|verdict| !verdict.checksum_verified).collect();
        assert_eq!(unverified.len(), 1, "only the manifest has no checksum: {unverified:?}");
    }
}

#[test]
fn the_demo_sample_holds_eleven_models_and_15607_records() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bin/reinstate/sample/chinook.zip");
    let mut archive = Archive::open(File::open(path).unwrap(), Limits::default()).unwrap();
    let entries: Vec<_> = archive.data_entries().cloned().collect();
    assert_eq!(entries.len(), 11);
    let mut records = 0;
    for entry in entries {
        let mut lines = archive.lines(&entry.name).unwrap();
        while let Some(line) = lines.next_line().unwrap() {
            assert!(line.text.starts_with('{') && line.text.ends_with('}'));
        }
        assert_eq!(lines.bytes_read(), entry.uncompressed_bytes);
        records += lines.records();
    }
    assert_eq!(records, 15_607);
    assert!(archive.describe_text().unwrap().unwrap().starts_with(b"artists:"));
}

#[test]
fn the_platforms_own_archive_shows_its_manifest_and_empty_entries() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/original/full-all.zip");
    let archive = Archive::open(File::open(path).unwrap(), Limits::default()).unwrap();
    let manifest = archive.manifest().unwrap();
    assert_eq!((manifest.version.as_str(), manifest.artifacts.len()), ("1.0", 25));
    let empty: Vec<_> =
        archive.data_entries().filter(|entry| entry.records == Some(0)).map(|entry| &entry.model).collect();
    assert_eq!(empty, ["history", "filters", "restore_logs", "restore_runs", "restores"]);
}
