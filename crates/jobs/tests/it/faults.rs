//! What becomes of runs while their database does not answer.

use std::time::{Duration, Instant};

use reinstate_test_postgres::{Cluster, ClusterOptions};

use super::BACKEND;
use crate::backend::Home;
use crate::harness::*;

/// Ends every connection to the database but the one that says so.
const END_CONNECTIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[test]
fn a_run_survives_a_crash_of_its_database() {
    let mut cluster = Cluster::start_new(ClusterOptions::default());
    let dir = tempfile::tempdir().unwrap();
    let house = House::at(Home::Server(cluster.url()), dir, |_| {}, |settings| settings.workers = 1);
    house.completed("acme", &house.import("acme", &notes(&lines(0, 5))).run_id);
    house.ids.hold();
    let imported = house.import("acme", &notes(&nameless(3_000)));
    house.ids.wait_held();
    cluster.restart_immediate();
    house.ids.release();
    let run = house.completed_through_faults("acme", &imported.run_id);
    assert_eq!(run.counters.records_imported, 3_000);
    assert_eq!(run.attempt, 1, "an absence of the database is no attempt");
    drop(house);
}

#[test]
fn a_run_is_let_go_of_before_its_lease_ends_while_its_database_is_away_and_goes_on_afterwards() {
    let mut cluster = Cluster::start_new(ClusterOptions::default());
    let dir = tempfile::tempdir().unwrap();
    let house = House::at(
        Home::Server(cluster.url()),
        dir,
        |store| store.busy_timeout_ms = 100,
        |settings| (settings.workers, settings.lease_ms) = (1, 1_000),
    );
    house.ids.hold();
    let imported = house.import("acme", &notes(&nameless(3_000)));
    house.ids.wait_held();
    cluster.stop();
    house.ids.release();
    let begin = Instant::now();
    while house.jobs.stats().is_ok() || begin.elapsed() < Duration::from_millis(1_500) {
        assert!(begin.elapsed() < Duration::from_secs(60));
        std::thread::park_timeout(Duration::from_millis(20));
    }
    cluster.start();
    let run = house.completed_through_faults("acme", &imported.run_id);
    assert_eq!((run.counters.records_imported, run.attempt), (3_000, 1));
    drop(house);
}

#[test]
fn connections_that_break_at_any_moment_of_a_run_cost_nothing() {
    let home = Home::new(BACKEND);
    let Home::Database(database) = &home else { panic!("no database") };
    let dir = tempfile::tempdir().unwrap();
    let house = House::at(home.clone(), dir, |_| {}, |settings| settings.workers = 1);
    for round in 0..8_u32 {
        let first = round as usize * 2_000;
        let imported = house.import("acme", &notes(&lines(first, 2_000)));
        let begin = Instant::now();
        // From before the start to after the end of a run.
        while begin.elapsed() < Duration::from_millis(u64::from(round) * 15) {
            std::thread::yield_now();
        }
        database.execute(END_CONNECTIONS);
        let run = house.completed_through_faults("acme", &imported.run_id);
        assert_eq!(run.counters.records_imported, 2_000, "applied twice, or in part");
    }
}
