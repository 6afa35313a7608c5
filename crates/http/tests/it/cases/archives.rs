//! Real archives through the whole server: into an empty tenant, and again on themselves.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use reinstate_archive::{Archive, Limits};
use reinstate_describe::system::is_reserved_model;

use super::BACKEND;
use crate::harness::{Session, TestServer};

fn samples() -> Vec<PathBuf> {
    let folders = ["../archive/tests/data/original", "../../bin/reinstate/sample"];
    let folders = folders.map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let files = folders.into_iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "zip"))
        .collect()
}

/// Lines by model, and the reserved models that the archive holds.
fn counted(path: &Path) -> (BTreeMap<String, u64>, Vec<String>) {
    let mut archive = Archive::open(File::open(path).unwrap(), Limits::default()).unwrap();
    let entries: Vec<_> = archive.data_entries().cloned().collect();
    let (reserved, ordinary): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| is_reserved_model(&entry.model));
    let mut counts = BTreeMap::new();
    for entry in ordinary {
        let mut lines = archive.lines(&entry.name).unwrap();
        while lines.next_line().unwrap().is_some() {}
        counts.insert(entry.model.clone(), lines.records());
    }
    (counts, reserved.into_iter().map(|entry| entry.model).collect())
}

async fn warned_models(session: &Session, run_id: &str) -> Vec<String> {
    let path = format!("/api/data/restore_logs?filter[where][run_id]={run_id}&filter[where][level]=warn");
    let logs = session.get(&path).await;
    logs.records().iter().filter_map(|log| log["model_name"].as_str().map(str::to_owned)).collect()
}

#[actix_web::test]
async fn every_sample_restores_into_an_empty_tenant_and_again_on_itself() {
    let server = TestServer::start(BACKEND).await;
    let paths = samples();
    assert!(paths.len() >= 5, "{paths:?}");
    for (number, path) in paths.iter().enumerate() {
        let session = server.session(&format!("tenant-{number}"), "root");
        let (counts, reserved) = counted(path);
        let lines: u64 = counts.values().sum();
        let file = fs::read(path).unwrap();
        let run = session.restore(file.clone(), "upsert").await;
        let name = path.display();
        assert_eq!(run["status"], "completed", "{name}: {run}");
        assert_eq!(run["records_imported"].as_u64(), Some(lines), "{name}");
        for (model, count) in &counts {
            let listed = session.get(&format!("/api/data/{model}?limit=1&count=true&trashed=include")).await;
            assert_eq!(listed.body["page"]["total"].as_u64(), Some(*count), "{name}: {model}");
        }
        let warned = warned_models(&session, run["id"].as_str().unwrap()).await;
        for model in &reserved {
            assert_eq!(
                warned.iter().filter(|name| *name == model).count(),
                1,
                "{name}: {model} in {warned:?}"
            );
        }
        let again = session.restore(file, "upsert").await;
        let outcome = (again["records_imported"].as_u64(), again["records_updated"].as_u64());
        assert_eq!(outcome, (Some(0), Some(lines)), "{name}: {again}");
    }
}
