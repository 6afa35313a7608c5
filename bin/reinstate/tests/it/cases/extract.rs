//! `reinstate extract` against a server.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use reinstate_api::extract::{ExtractConfiguration, ExtractRunRecord};
use reinstate_api::restore::RunStatus;
use serde_json::Value as Json;

use super::BACKEND;
use crate::archives;
use crate::place::Place;
use crate::program::{Server, block_on, command, finish, run, signal, stderr, stdout, token, wait_for};
use crate::runs::{completed, queue};

/// A server whose tenant `acme` has the sample.
fn furnished(place: &Place) -> Server {
    let server = place.start(&[]);
    imported(&server, "acme", &archives::sample());
    server
}

fn imported(server: &Server, tenant: &str, file: &Path) {
    let url = server.url();
    let mut import =
        command(&["import", file.to_str().unwrap(), "--url", url, "--conflict-strategy", "replace"]);
    import.env("REINSTATE_TOKEN", token(tenant, "full"));
    let output = finish(import);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
}

fn extract(server: &Server, tenant: &str, file: &Path, more: &[&str]) -> Output {
    let mut arguments = vec!["extract", "-o", file.to_str().unwrap(), "--url", server.url()];
    arguments.extend(more);
    let mut command = command(&arguments);
    command.env("REINSTATE_TOKEN", token(tenant, "full"));
    finish(command)
}

fn inspected(file: &Path) -> Json {
    let output = run(&["inspect", "--json", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stdout(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn records(report: &Json, entry: &str) -> Json {
    let entries = report["entries"].as_array().unwrap();
    entries.iter().find(|found| found["name"] == entry).map_or(Json::Null, |found| found["records"].clone())
}

/// The files of a folder that are archives, whole or not.
fn files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).collect()
}

fn configurations(server: &Server, tenant: &str) -> usize {
    let query = [("trashed", "include".to_owned())];
    let listed = block_on(server.client(tenant).list::<ExtractConfiguration>("extracts", &query));
    listed.unwrap().records.len()
}

#[test]
fn a_tenant_is_extracted_inspected_and_restored_elsewhere() {
    let place = Place::new(BACKEND);
    let server = furnished(&place);
    let file = place.folder().join("out.zip");
    let output = extract(&server, "acme", &file, &[]);
    let text = stdout(&output);
    assert!(output.status.success(), "{text}{}", stderr(&output));
    for part in ["completed", "tracks.jsonl", "15,607 records of 11 models", "out.zip", "verified"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert_eq!(files(place.folder()), std::slice::from_ref(&file), "nothing is left beside the file");
    let report = inspected(&file);
    assert_eq!(records(&report, "tracks.jsonl"), 3_503);
    assert!(report["entries"].as_array().unwrap().iter().all(|e| e["checksum"] != "unlisted"), "{report}");
    imported(&server, "other", &file);
    let client = server.client("other");
    assert_eq!(block_on(client.count("tracks")).unwrap(), 3_503);
    assert_eq!(configurations(&server, "acme"), 0, "what was made for the extract is removed");
}

#[test]
fn models_and_filters_choose_and_json_tells_programs() {
    let place = Place::new(BACKEND);
    let server = furnished(&place);
    let file = place.folder().join("some.zip");
    let filter = r#"{"genres":{"name":{"$in":["Rock","Jazz"]}}}"#;
    let more = ["--models", "genres,artists", "--filter", filter, "--name", "Some", "--json"];
    let output = extract(&server, "acme", &file, &more);
    assert!(output.status.success(), "{}", stderr(&output));
    let report: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["run"]["status"], &report["run"]["extract_name"]),
        (&"completed".into(), &"Some".into())
    );
    assert_eq!(report["file"]["size_bytes"], file.metadata().unwrap().len());
    assert_eq!(report["file"]["checksum"].as_str().unwrap().len(), 64);
    assert_eq!(report["entries"].as_array().unwrap().len(), 4, "{report}");
    let inspected = inspected(&file);
    assert_eq!(records(&inspected, "genres.jsonl"), 2);
    assert_eq!(records(&inspected, "artists.jsonl"), 275);
    assert_eq!(records(&inspected, "tracks.jsonl"), Json::Null);
}

#[test]
fn a_file_that_is_there_is_only_overwritten_by_force() {
    let place = Place::new(BACKEND);
    let server = furnished(&place);
    let file = place.folder().join("mine.zip");
    std::fs::write(&file, "mine").unwrap();
    let refused = extract(&server, "acme", &file, &["--models", "genres"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("--force"), "{}", stderr(&refused));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    let forced = extract(&server, "acme", &file, &["--models", "genres", "--force"]);
    assert!(forced.status.success(), "{}", stderr(&forced));
    assert_eq!(records(&inspected(&file), "genres.jsonl"), 25);
}

#[test]
fn a_failed_run_ends_with_1_says_why_and_leaves_no_file() {
    let place = Place::new(BACKEND);
    let server = furnished(&place);
    let file = place.folder().join("none.zip");
    let output = extract(&server, "acme", &file, &["--models", "missing"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("missing"), "{}", stdout(&output));
    assert_eq!(files(place.folder()), Vec::<PathBuf>::new());
    assert_eq!(configurations(&server, "acme"), 0);
    let mut refused = command(&["extract", "-o", file.to_str().unwrap(), "--url", server.url()]);
    refused.env("REINSTATE_TOKEN", token("acme", "read"));
    let refused = finish(refused);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("FORBIDDEN"), "{}", stderr(&refused));
}

#[test]
fn a_second_interrupt_cancels_the_run_on_the_server() {
    let place = Place::new(BACKEND);
    // Without workers the run waits until it is cancelled.
    let server = place.start(&[("REINSTATE_WORKERS", "0")]);
    let client = server.client("acme");
    let file = place.folder().join("none.zip");
    let mut command = command(&["extract", "-o", file.to_str().unwrap(), "--url", server.url()]);
    command.env("REINSTATE_TOKEN", token("acme", "full")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut extract = command.spawn().unwrap();
    let newest = || block_on(client.list::<ExtractRunRecord>("extract_runs", &[])).unwrap().records.pop();
    wait_for(newest);
    // Interrupts that arrive together count as one, so they are sent until the second one was heard.
    let status = wait_for(|| {
        signal(extract.id(), "INT");
        extract.try_wait().unwrap()
    });
    assert_eq!(status.code(), Some(1));
    assert_eq!(newest().unwrap().status, RunStatus::Cancelled);
    assert_eq!(files(place.folder()), Vec::<PathBuf>::new());
    assert_eq!(configurations(&server, "acme"), 0);
}

#[test]
fn a_tenant_that_grew_by_an_import_gives_back_what_was_imported() {
    let place = Place::new(BACKEND);
    let server = place.start(&[]);
    let source = archives::write(place.folder(), 5_000);
    let client = server.client("acme");
    completed(&client, &queue(&client, &source), 5_000);
    let file = place.folder().join("again.zip");
    let output = extract(&server, "acme", &file, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(records(&inspected(&file), "readings.jsonl"), 5_000);
}
