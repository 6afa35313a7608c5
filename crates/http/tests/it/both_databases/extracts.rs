//! Out of one database as an archive, into the other, and out again: the archives have the same entries.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use reinstate_archive::{Archive, Artifact, Limits};
use reinstate_describe::record_json::write_canonical_record;
use reinstate_describe::system::is_reserved_model;
use reinstate_describe::value::coerce;
use reinstate_describe::{DescribeLimits, Layout, Model, parse_describe};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::awkward::{describe, lines};
use super::generated::Chance;
use crate::harness::{Backend, Session, TestServer, archive_of};

/// The archives that the repository has, by what a message calls them.
fn archives() -> Vec<(&'static str, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let original = "crates/archive/tests/data/original";
    let files = [
        ("alltypes", format!("{original}/alltypes.zip")),
        ("demo", format!("{original}/demo.zip")),
        ("full-all", format!("{original}/full-all.zip")),
        ("testing", format!("{original}/testing.zip")),
        ("chinook", "bin/reinstate/sample/chinook.zip".to_owned()),
    ];
    files.into_iter().map(|(name, file)| (name, fs::read(root.join(file)).unwrap())).collect()
}

/// Archives of the awkward table: every value of it, and values made by chance.
fn awkward_archives() -> Vec<(&'static str, Vec<u8>)> {
    let mut chance = Chance::new(20_250_119);
    let generated = (0..200).map(|number| chance.line(number)).collect();
    [("awkward", lines()), ("generated", generated)]
        .map(|(name, lines)| (name, archive_of(&describe(), &[("awkward", lines)])))
        .into()
}

/// What is in an archive, the manifest's head left out.
#[derive(Debug)]
struct Entries {
    describe: String,
    /// Lines by model.
    data: BTreeMap<String, Vec<String>>,
    artifacts: Vec<Artifact>,
}

impl Entries {
    /// Reads an archive, which must have no fault.
    fn of(bytes: &[u8]) -> Self {
        let inspection = Archive::inspect(Cursor::new(bytes), Limits::default());
        assert!(inspection.faults.is_empty(), "{:?}", inspection.faults);
        let mut archive = inspection.archive.unwrap();
        let describe = String::from_utf8(archive.describe_text().unwrap().unwrap()).unwrap();
        let files: Vec<_> = archive.data_entries().cloned().collect();
        let mut data = BTreeMap::new();
        for file in files {
            let (mut reader, mut lines) = (archive.lines(&file.name).unwrap(), Vec::new());
            while let Some(line) = reader.next_line().unwrap() {
                lines.push(line.text.to_owned());
            }
            data.insert(file.model, lines);
        }
        let artifacts = archive.manifest().map(|manifest| manifest.artifacts.clone()).unwrap_or_default();
        Self { describe, data, artifacts }
    }

    /// Fails on the first difference. Equal checksums mean equal bytes; the rest shows where they are not.
    fn assert_same(&self, other: &Self, about: &str) {
        assert_eq!(self.describe, other.describe, "{about}");
        for (model, lines) in &self.data {
            let others = &other.data[model];
            for (line, other) in lines.iter().zip(others) {
                assert_eq!(line, other, "{about}: {model}");
            }
            assert_eq!(lines.len(), others.len(), "{about}: {model}");
        }
        assert_eq!(self.artifacts, other.artifacts, "{about}");
    }

    fn models(&self) -> BTreeMap<String, Model> {
        let file = parse_describe(self.describe.as_bytes(), &DescribeLimits::default()).unwrap();
        file.models.into_iter().map(|model| (model.name.to_string(), model)).collect()
    }
}

/// Extracts everything that the session may read.
async fn extracted(session: &Session) -> Vec<u8> {
    let made = session.post("/api/data/extracts", json!({ "name": "all" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.data()["id"].as_str().unwrap();
    let queued = session.call("POST", &format!("/api/extracts/{id}/run")).await;
    assert_eq!(queued.status, 200, "{}", queued.text);
    let run_id = queued.data()["run_id"].as_str().unwrap();
    let is_over = |run: &Json| !["queued", "running"].contains(&run["status"].as_str().unwrap());
    let run = session.wait_until(&format!("/api/data/extract_runs/{run_id}"), is_over).await;
    assert_eq!(run["status"], json!("completed"), "{run}");
    let download = session.request("GET", &format!("/api/extracts/runs/{run_id}/download"));
    download.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap().to_vec()
}

async fn restored(session: &Session, archive: Vec<u8>, about: &str) {
    let run = session.restore(archive, "replace").await;
    assert_eq!(run["status"], json!("completed"), "{about}: {run}");
}

/// Fails where an extract lacks a record of the archive that was restored before, or has other values.
fn assert_holds(original: &Entries, extract: &Entries, about: &str) {
    let models = original.models();
    assert_eq!(extract.models(), models, "{about}");
    for (model, lines) in original.data.iter().filter(|(model, _)| !is_reserved_model(model)) {
        let layout = Layout::new(models[model].clone());
        let read = |lines: &[String]| -> BTreeMap<String, BTreeMap<String, String>> {
            let records = lines.iter().map(|line| canonical(&layout, line));
            records.map(|record| (record["id"].clone(), record)).collect()
        };
        let (originals, extracts) = (read(lines), read(&extract.data[model]));
        assert_eq!(originals.len(), lines.len(), "{about}: {model}");
        assert_eq!(originals, extracts, "{about}: {model}");
    }
}

/// The values of a line, each in the spelling of extracts.
fn canonical(layout: &Layout, line: &str) -> BTreeMap<String, String> {
    let line: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).unwrap();
    line.into_iter()
        .map(|(key, value)| {
            let column = layout.column(layout.position(&key).unwrap()).unwrap();
            let cell = coerce(column.column_type, value.get()).unwrap();
            let mut text = String::new();
            write_canonical_record([(column, cell.as_value())], &mut text);
            (key, text)
        })
        .collect()
}

/// Carries each archive from one database to the other.
async fn go_over(from: Backend, to: Backend, archives: Vec<(&'static str, Vec<u8>)>) {
    let (first, second) = (TestServer::start(from).await, TestServer::start(to).await);
    for (number, (name, archive)) in archives.into_iter().enumerate() {
        let tenant = format!("tenant-{number}");
        let (here, there) = (first.session(&tenant, "root"), second.session(&tenant, "root"));
        let original = Entries::of(&archive);
        restored(&here, archive, name).await;
        let bytes = extracted(&here).await;
        let extract = Entries::of(&bytes);
        if ["awkward", "generated"].contains(&name) {
            assert_eq!(extract.data["awkward"].len(), original.data["awkward"].len());
        } else {
            assert_holds(&original, &extract, name);
        }
        restored(&there, bytes, name).await;
        extract.assert_same(&Entries::of(&extracted(&there).await), name);
    }
}

#[actix_web::test]
async fn archives_go_from_sqlite_to_postgresql_byte_for_byte() {
    go_over(Backend::Sqlite, Backend::Postgres, archives()).await;
}

#[actix_web::test]
async fn archives_go_from_postgresql_to_sqlite_byte_for_byte() {
    go_over(Backend::Postgres, Backend::Sqlite, archives()).await;
}

#[actix_web::test]
async fn every_type_goes_from_sqlite_to_postgresql_byte_for_byte() {
    go_over(Backend::Sqlite, Backend::Postgres, awkward_archives()).await;
}

#[actix_web::test]
async fn every_type_goes_from_postgresql_to_sqlite_byte_for_byte() {
    go_over(Backend::Postgres, Backend::Sqlite, awkward_archives()).await;
}
