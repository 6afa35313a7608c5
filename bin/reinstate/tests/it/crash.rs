//! Servers that die or are told to stop in the middle of a run.
//!
//! `REINSTATE_TEST_CRASH_RECORDS` and `REINSTATE_TEST_CRASH_KILLS` make the first test as large as one likes.

use std::path::Path;

use reinstate_api::client::{Client, ImportOptions};
use reinstate_api::restore::{RunRecord, RunStatus};

use crate::archives::{self, MODEL};
use crate::program::{Server, block_on, wait_for};

/// Leases short enough that a test need not wait for them.
const NO_GRACE: [(&str, &str); 1] = [("REINSTATE_SHUTDOWN_GRACE_S", "0")];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

fn queue(client: &Client, file: &Path) -> String {
    block_on(client.import(file, &ImportOptions::default(), |_, _| {})).unwrap().run_id
}

fn run(client: &Client, run_id: &str) -> RunRecord {
    block_on(client.run(run_id)).unwrap()
}

/// How many records a reader sees; none where the model is not there yet.
fn seen(client: &Client) -> u64 {
    match block_on(client.count(MODEL)) {
        Ok(count) => count,
        Err(error) => {
            assert_eq!(error.code(), Some("MODEL_NOT_FOUND"), "{error}");
            0
        }
    }
}

/// Follows a run to its end; on the way a reader sees nothing or, once it is committed, all.
fn completed(client: &Client, run_id: &str, records: u64) -> RunRecord {
    wait_for(|| {
        let count = seen(client);
        assert!(count == 0 || count == records, "a reader saw {count} of {records} records");
        let run = run(client, run_id);
        run.status.is_ended().then_some(run)
    })
}

#[test]
fn a_server_killed_at_any_point_of_a_run_completes_it_once_after_a_restart() {
    let records = setting("REINSTATE_TEST_CRASH_RECORDS", 20_000);
    let kills = setting("REINSTATE_TEST_CRASH_KILLS", 3);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = archives::write(folder.path(), records);
    let mut server = Server::start(&data, &[]);
    for kill in 0..kills {
        let tenant = format!("tenant{kill}");
        let run_id = queue(&server.client(&tenant), &file);
        // From right after it was queued to shortly before its end.
        let progress = i64::try_from(kill * 95 / kills.max(2).saturating_sub(1)).unwrap();
        let client = server.client(&tenant);
        let before = wait_for(|| Some(run(&client, &run_id)).filter(|run| run.progress >= progress));
        server.kill();

        server = Server::start(&data, &[]);
        let client = server.client(&tenant);
        let run = completed(&client, &run_id, records);
        assert_eq!(run.status, RunStatus::Completed, "killed at {} %: {:?}", before.progress, run.error);
        assert_eq!(
            (run.records_imported, run.records_updated),
            (records, 0),
            "killed at {} %",
            before.progress
        );
        assert_eq!(seen(&client), records);
    }
}

#[test]
fn a_server_told_to_stop_puts_its_run_back_and_the_next_one_completes_it() {
    let records = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = archives::write(folder.path(), records);
    let mut server = Server::start(&data, &NO_GRACE);
    let client = server.client("acme");
    let run_id = queue(&client, &file);
    wait_for(|| (run(&client, &run_id).status == RunStatus::Running).then_some(()));
    server.terminate();
    assert!(server.ended().success());

    let reader = Server::start(&data, &[("REINSTATE_WORKERS", "0")]);
    let put_back = run(&reader.client("acme"), &run_id);
    // On a quick machine the run may have been through before the signal came.
    assert!(matches!(put_back.status, RunStatus::Queued | RunStatus::Completed), "{put_back:?}");
    assert_eq!(seen(&reader.client("acme")), if put_back.status == RunStatus::Queued { 0 } else { records });
    drop(reader);

    let server = Server::start(&data, &[]);
    let run = completed(&server.client("acme"), &run_id, records);
    assert_eq!((run.status, run.records_imported), (RunStatus::Completed, records), "{:?}", run.error);
}

#[test]
fn a_second_signal_stops_a_server_that_is_still_waiting_for_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = archives::write(folder.path(), 200_000);
    let mut server = Server::start(&data, &[("REINSTATE_SHUTDOWN_GRACE_S", "600")]);
    let client = server.client("acme");
    let run_id = queue(&client, &file);
    wait_for(|| (run(&client, &run_id).status == RunStatus::Running).then_some(()));
    server.terminate();
    // Signals that arrive together count as one, so the second one is sent until it is heard.
    wait_for(|| {
        server.terminate();
        server.has_ended().then_some(())
    });
}
