//! The scripts of the workflows, run against a server as their readers run them.

use std::process::{Command, Output};

use reinstate_api::client::{Client, ImportOptions};
use reinstate_api::restore::RunStatus;
use serde_json::Value as Json;

use super::BACKEND;
use crate::archives::{self, write_bytes};
use crate::place::Place;
use crate::program::{Server, block_on, finish, stderr, stdout, token, wait_for};
use crate::workspace;

/// The users that the tenant has before anything happens.
const USERS: &str = "users:\n  fields:\n    name: { type: text }\n";

/// The same with a further field, and a model that the tenant lacks.
const PACKAGE: &str = "users:\n  fields:\n    name: { type: text }\n    phone: { type: text }\n\
                       channels:\n  fields:\n    name: { type: text }\n";

fn users(ids: &[&str], name: &str) -> Vec<String> {
    ids.iter().map(|id| format!(r#"{{"id":"{id}","name":"{name}"}}"#)).collect()
}

/// Puts an archive into a tenant.
fn fill(place: &Place, client: &Client, archive: &[u8]) {
    let file = write_bytes(place.folder(), archive);
    let run_id = block_on(client.import(&file, &ImportOptions::default(), |_, _| {})).unwrap().run_id;
    let run = wait_for(|| {
        let run = crate::runs::run(client, &run_id);
        run.status.is_ended().then_some(run)
    });
    assert_eq!(run.status, RunStatus::Completed, "{:?}", run.error);
}

/// The command that runs a script with tokens of the tenants `acme` and `sandbox`.
fn command(server: &Server, name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command.arg(workspace::root().join("examples/workflows").join(name)).args(arguments);
    command.env("REINSTATE_URL", server.url()).env("REINSTATE_POLL_S", "0.05");
    command.env("REINSTATE_TOKEN", token("acme", "full"));
    command.env("REINSTATE_SANDBOX_TOKEN", token("sandbox", "full"));
    command
}

fn script(server: &Server, name: &str, arguments: &[&str]) -> Output {
    finish(command(server, name, arguments))
}

/// What a script prints that must succeed.
fn succeeds(command: Command) -> String {
    let output = finish(command);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// Fails where a part is not among what was printed.
fn tells(printed: &str, parts: &[&str]) {
    for part in parts {
        assert!(printed.contains(part), "'{part}' is missing in\n{printed}");
    }
}

/// `id=name` of all records of a model.
fn names(client: &Client, model: &str) -> Vec<String> {
    let list = block_on(client.list::<Json>(model, &[("order", "id".to_owned())])).unwrap();
    let text = |record: &Json, key: &str| record[key].as_str().unwrap_or("-").to_owned();
    list.records.iter().map(|record| format!("{}={}", text(record, "id"), text(record, "name"))).collect()
}

#[test]
fn a_package_adds_its_models_and_leaves_the_records_that_are_there() {
    let place = Place::new(BACKEND);
    let server = place.start(&[]);
    let client = server.client("acme");
    fill(&place, &client, &archives::of(USERS, &[("users", users(&["u1"], "mine"))]));
    let package = archives::of(
        PACKAGE,
        &[("users", users(&["u1", "u2"], "theirs")), ("channels", users(&["c1", "c2"], "general"))],
    );
    let package = write_bytes(place.folder(), &package);
    let printed = succeeds(command(&server, "package-install.sh", &[package.to_str().unwrap()]));
    tells(
        &printed,
        &[
            "created 1 models and 2 fields",
            "imported 2 records, left out 2",
            "new: channels with 2 records",
            "as many records as before",
        ],
    );
    assert_eq!(names(&client, "users"), ["u1=mine"]);
    assert_eq!(names(&client, "channels"), ["c1=general", "c2=general"]);
}

#[test]
fn a_package_that_is_none_ends_the_script_with_the_words_of_the_server() {
    let place = Place::new(BACKEND);
    let server = place.start(&[]);
    let file = write_bytes(place.folder(), b"this is no ZIP");
    let output = script(&server, "package-install.sh", &[file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    tells(&stderr(&output), &["400", "not a ZIP archive"]);
    assert!(!stdout(&output).contains("imported"));
}

#[test]
fn a_failed_run_ends_the_script_with_its_own_words() {
    let place = Place::new(BACKEND);
    let server = place.start(&[]);
    let bad = archives::of(USERS, &[("users", vec![r#"{"id":"u1","surname":"x"}"#.to_owned()])]);
    let file = write_bytes(place.folder(), &bad);
    let output = script(&server, "package-install.sh", &[file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    tells(&stderr(&output), &["failed", "surname"]);
}

#[test]
fn a_tenant_survives_its_rebuild() {
    let place = Place::new(BACKEND);
    let server = place.start(&[]);
    let client = server.client("acme");
    fill(&place, &client, &archives::bytes(500));
    fill(&place, &client, &archives::of(USERS, &[("users", users(&["u1", "u2"], "mine"))]));
    let file = place.folder().join("saved.zip");
    let file = file.to_str().unwrap();
    let rebuild = format!(
        "for model in users {}; do curl -sf -X DELETE -H \"Authorization: Bearer $REINSTATE_TOKEN\" \
         \"$REINSTATE_URL/api/describe/$model\"; done",
        archives::MODEL
    );
    let printed = succeeds(command(&server, "dev-restore.sh", &[file, "bash", "-c", &rebuild]));
    tells(
        &printed,
        &[
            "saved 502 records of 2 models",
            "put back 502 records, created 2 models",
            "as many records as before",
        ],
    );
    assert_eq!(names(&client, "users"), ["u1=mine", "u2=mine"]);

    let output = script(&server, "dev-restore.sh", &[file, "false"]);
    assert_eq!(output.status.code(), Some(1));
    tells(&stderr(&output), &["the rebuild failed"]);
}

#[test]
fn what_is_new_in_a_sandbox_comes_home_and_the_rest_stays() {
    let (home, away) = (Place::new(BACKEND), Place::new(BACKEND));
    let (server, other) = (home.start(&[]), away.start(&[]));
    let (parent, sandbox) = (server.client("acme"), other.client("sandbox"));
    fill(&home, &parent, &archives::of(USERS, &[("users", users(&["u1", "u2"], "mine"))]));
    let made = archives::of(
        PACKAGE,
        &[("users", users(&["u2", "u3"], "theirs")), ("channels", users(&["c1"], "general"))],
    );
    fill(&away, &sandbox, &made);
    let merge = || {
        let mut command = command(&server, "sandbox-merge.sh", &[]);
        command.env("REINSTATE_SANDBOX_URL", other.url());
        succeeds(command)
    };
    tells(
        &merge(),
        &[
            "saved 3 records of 2 models",
            "created 1 models and 2 fields",
            "imported 2 records, left 1",
            "2 records more than before",
        ],
    );
    assert_eq!(names(&parent, "users"), ["u1=mine", "u2=mine", "u3=theirs"]);
    assert_eq!(names(&parent, "channels"), ["c1=general"]);
    tells(&merge(), &["imported 0 records, left 3", "0 records more than before"]);
}
