//! `reinstate import` against a server.

use std::path::Path;
use std::process::{Output, Stdio};

use reinstate_api::restore::{RunRecord, RunStatus};
use serde_json::Value as Json;

use super::BACKEND;
use crate::archives;
use crate::place::Place;
use crate::program::{Server, block_on, command, finish, signal, stderr, stdout, token, wait_for};

fn import(server: &Server, tenant: &str, file: &Path, more: &[&str]) -> Output {
    let mut arguments = vec!["import", file.to_str().unwrap(), "--url", server.url()];
    arguments.extend(more);
    let mut command = command(&arguments);
    command.env("REINSTATE_TOKEN", token(tenant, "full"));
    finish(command)
}

#[test]
fn the_sample_is_imported_once_and_updated_the_second_time() {
    let place = Place::new(BACKEND);
    let server = place.start(&[]);
    let first = import(&server, "acme", &archives::sample(), &["--json"]);
    assert!(first.status.success(), "{}", stderr(&first));
    let report: Json = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(report["run"]["status"], "completed");
    assert_eq!(report["run"]["records_imported"], 15_607);
    assert_eq!(report["run"]["models_created"], 11);
    let tracks =
        report["models"].as_array().unwrap().iter().find(|model| model["model"] == "tracks").unwrap();
    assert_eq!(tracks["imported"], 3_503);

    let second = import(&server, "acme", &archives::sample(), &[]);
    assert!(second.status.success(), "{}", stderr(&second));
    let text = stdout(&second);
    let total = text.lines().find(|line| line.trim_start().starts_with("total")).unwrap();
    assert_eq!(total.split_whitespace().collect::<Vec<_>>(), ["total", "0", "15,607", "0", "0"], "{text}");
    assert_eq!(block_on(server.client("acme").count("tracks")).unwrap(), 3_503);
}

#[test]
fn a_failed_run_ends_with_1_and_says_why() {
    let place = Place::new(BACKEND);
    let server = place.start(&[]);
    let file = archives::write(place.folder(), 10);
    assert!(import(&server, "acme", &file, &[]).status.success());
    let again = import(&server, "acme", &file, &["--conflict-strategy", "error"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stdout(&again).contains("r00000000"), "{}", stdout(&again));
    let none = import(&server, "other", &file, &["--create-models", "false"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(stdout(&none).contains("create_models"), "{}", stdout(&none));
}

#[test]
fn only_the_models_that_were_asked_for_are_imported() {
    let place = Place::new(BACKEND);
    let server = place.start(&[]);
    let output = import(&server, "acme", &archives::sample(), &["--models", "genres,artists"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let mut models = block_on(server.client("acme").models()).unwrap();
    models.sort();
    assert_eq!(models, ["artists", "genres"]);
}

#[test]
fn a_second_interrupt_cancels_the_run_on_the_server() {
    let place = Place::new(BACKEND);
    let server = place.start(&[]);
    let client = server.client("acme");
    let file = archives::write(place.folder(), 200_000);
    let mut command = command(&["import", file.to_str().unwrap(), "--url", server.url()]);
    command.env("REINSTATE_TOKEN", token("acme", "full")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut import = command.spawn().unwrap();
    let newest = || {
        let query = [("order", "created_at desc".to_owned()), ("limit", "1".to_owned())];
        block_on(client.list::<RunRecord>("restore_runs", &query)).unwrap().records.pop()
    };
    wait_for(|| newest().filter(|run| run.status == RunStatus::Running));
    // Interrupts that arrive together count as one, so they are sent until the second one was heard.
    let status = wait_for(|| {
        signal(import.id(), "INT");
        import.try_wait().unwrap()
    });
    assert_eq!(status.code(), Some(1));
    assert_eq!(newest().unwrap().status, RunStatus::Cancelled);
    assert_eq!(block_on(client.models()).unwrap(), Vec::<String>::new());
}

#[test]
fn what_is_no_archive_is_refused_at_once() {
    let place = Place::new(BACKEND);
    let server = place.start(&[]);
    let file = archives::write_bytes(place.folder(), b"this is no ZIP");
    let output = import(&server, "acme", &file, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("BAD_REQUEST"), "{}", stderr(&output));
}
