//! Several servers on one database and one storage folder.
//!
//! `REINSTATE_TEST_CRASH_RECORDS` and `REINSTATE_TEST_CRASH_KILLS` make the second test as large as one likes.

use std::time::{Duration, Instant};

use reinstate_api::restore::{RunRecord, RunStatus};

use super::BACKEND;
use crate::archives;
use crate::place::Place;
use crate::program::wait_for;
use crate::runs::{completed, queue, run, seen, setting, under_way};

/// How long a run may be left alone after the server that had it was killed, with the default settings.
const TAKEOVER_MAX: Duration = Duration::from_secs(30);
const SHORT_LEASE: [(&str, &str); 1] = [("REINSTATE_LEASE_S", "1")];

#[test]
fn runs_queued_on_two_servers_are_applied_once_each_in_the_order_of_their_tenants() {
    let place = Place::new(BACKEND);
    let file = archives::write(place.folder(), 500);
    let servers = [place.start(&[]), place.start(&[])];
    let tenants = ["t0", "t1", "t2", "t3"];
    let queued: Vec<(usize, String)> = (0..12)
        .map(|number| (number % 4, queue(&servers[number % 2].client(tenants[number % 4]), &file)))
        .collect();
    for (tenant, name) in tenants.iter().enumerate() {
        let client = servers[tenant % 2].client(name);
        let ids = queued.iter().filter(|(of, _)| *of == tenant).map(|(_, id)| id);
        let runs: Vec<RunRecord> =
            ids.map(|id| wait_for(|| Some(run(&client, id)).filter(|run| run.status.is_ended()))).collect();
        for run in &runs {
            assert_eq!((run.status, run.attempt), (RunStatus::Completed, 1), "{:?}", run.error);
        }
        let counts = |run: &RunRecord| (run.records_imported, run.records_skipped + run.records_updated);
        assert_eq!(runs.iter().map(counts).collect::<Vec<_>>(), [(500, 0), (0, 500), (0, 500)]);
        for pair in runs.windows(2) {
            assert!(pair[0].completed_at <= pair[1].started_at, "{pair:?}");
        }
        assert_eq!(seen(&client), 500);
    }
}

#[test]
fn run_of_a_killed_server_is_completed_once_by_another_in_time() {
    let records = setting("REINSTATE_TEST_CRASH_RECORDS", 60_000);
    let kills = setting("REINSTATE_TEST_CRASH_KILLS", 1);
    let place = Place::new(BACKEND);
    let file = archives::write(place.folder(), records);
    let mut working = place.start(&[]);
    for kill in 0..kills {
        let tenant = format!("tenant{kill}");
        let run_id = queue(&working.client(&tenant), &file);
        under_way(&working.client(&tenant), &run_id, 30);
        working.kill();
        let killed_at = Instant::now();
        let other = place.start(&[]);
        let run = completed(&other.client(&tenant), &run_id, records);
        assert!(killed_at.elapsed() < TAKEOVER_MAX, "it took {:?}", killed_at.elapsed());
        assert_eq!(run.attempt, 2, "the run was too short for this test");
        working = other;
    }
}

#[test]
fn a_server_frozen_past_its_lease_can_neither_commit_nor_change_its_run() {
    // Long enough that the server is frozen before the run ends, on a quick machine too.
    let records = 80_000;
    let place = Place::new(BACKEND);
    let file = archives::write(place.folder(), records);
    let mut frozen = place.start(&SHORT_LEASE);
    let run_id = queue(&frozen.client("acme"), &file);
    under_way(&frozen.client("acme"), &run_id, 30);
    frozen.freeze();

    let other = place.start(&SHORT_LEASE);
    let client = other.client("acme");
    let taken_over = completed(&client, &run_id, records);
    assert_eq!(taken_over.attempt, 2, "the run was too short for this test");

    frozen.wake();
    // It stops in order only once its worker has given the run up.
    frozen.terminate();
    assert!(frozen.ended().success());
    assert_eq!(run(&client, &run_id), taken_over);
    assert_eq!(seen(&client), records);
}
