use std::time::Duration;

use reinstate_engine::{Clock, Counters};
use reinstate_jobs::SystemClock;
use reinstate_store::control::RunStatus;

use super::super::BACKEND;
use crate::harness::*;
use crate::lost_worker::*;

#[test]
fn a_run_of_a_killed_server_is_taken_up_at_once_by_the_next_one() {
    let (house, run_id) = idle_house_with_import(BACKEND);
    let house = with_workers(house, |store| {
        take_and_die(store);
    });
    let run = house.completed("acme", &run_id);
    assert_eq!((run.attempt, run.fence, run.counters.records_imported), (2, 2, 10));
}

#[test]
fn a_run_that_was_committed_before_the_crash_is_completed_from_its_mark() {
    let (house, run_id) = idle_house_with_import(BACKEND);
    let counters = Counters { records_imported: 77, ..Counters::default() };
    let house = with_workers(house, |store| commit(store, &take_and_die(store), counters));
    let run = house.completed("acme", &run_id);
    assert_eq!((run.progress, run.counters.records_imported), (100, 77));
    assert!(house.tenant("acme").catalog().unwrap().is_empty(), "the archive was applied a second time");
}

#[test]
fn a_committed_run_is_completed_even_where_its_archive_is_gone_and_its_attempts_are_used_up() {
    let (house, run_id) = idle_house_with_import(BACKEND);
    let key = house.run("acme", &run_id).source_ref.unwrap();
    std::fs::remove_file(house.dir.path().join("objects").join(key)).unwrap();
    let house = with_workers(house, |store| {
        for _ in 0..2 {
            take_and_die(store);
            store.control.leases_expire(SystemClock.now_micros()).unwrap();
        }
        commit(store, &take_and_die(store), Counters::default());
    });
    assert_eq!(house.completed("acme", &run_id).attempt, 3);
}

#[test]
fn a_run_that_died_between_leave_and_commit_runs_again() {
    let (house, run_id) = idle_house_with_import(BACKEND);
    let house = with_workers(house, |store| {
        let run = take_and_die(store).run;
        assert!(store.control.run_commit_begin(&run.id, run.fence, SystemClock.now_micros()).unwrap());
    });
    assert_eq!(house.completed("acme", &run_id).counters.records_imported, 10);
}

#[test]
fn a_run_that_was_interrupted_three_times_fails_and_applies_nothing() {
    let (house, run_id) = idle_house_with_import(BACKEND);
    let house = with_workers(house, |store| {
        for _ in 0..3 {
            take_and_die(store);
            store.control.leases_expire(SystemClock.now_micros()).unwrap();
        }
    });
    let run = house.ended("acme", &run_id);
    assert_eq!((run.status, run.attempt), (RunStatus::Failed, 3));
    assert!(run.error_detail.unwrap().contains("INTERRUPTED"));
    assert!(house.tenant("acme").catalog().unwrap().is_empty());
}

#[test]
fn a_shutdown_puts_the_run_back_and_the_next_start_applies_it_once() {
    let house = House::new(BACKEND);
    house.ids.hold();
    let imported = house.import("acme", &notes(&nameless(20_000)));
    house.ids.wait_held();
    let jobs = house.jobs.clone();
    let stopping = std::thread::Builder::new()
        .name("stopping".to_owned())
        .spawn(move || block_on(jobs.shutdown(Duration::ZERO)))
        .unwrap();
    house.ids.release();
    stopping.join().unwrap();
    let run = house.run("acme", &imported.run_id);
    // Released, the engine may have been quicker than the wish to stop.
    if run.status == RunStatus::Queued {
        assert_eq!((run.attempt, run.lease_owner), (0, None));
    }
    let house = house.restart(|_| {});
    let run = house.completed("acme", &imported.run_id);
    assert_eq!((run.attempt, run.counters.records_imported), (1, 20_000));
}

#[test]
fn a_shutdown_with_grace_lets_the_run_end() {
    let house = House::new(BACKEND);
    let imported = house.import("acme", &notes(&lines(0, 2_000)));
    house.wait("acme", &imported.run_id, |run| run.status != RunStatus::Queued);
    block_on(house.jobs.shutdown(Duration::from_secs(60)));
    assert_eq!(house.run("acme", &imported.run_id).status, RunStatus::Completed);
    let late = house.import("acme", &notes(&lines(0, 1)));
    assert_eq!(house.run("acme", &late.run_id).status, RunStatus::Queued, "nobody takes it any more");
}

#[test]
fn a_worker_that_stalled_past_its_lease_can_neither_commit_nor_overwrite() {
    let house = House::with(BACKEND, |settings| settings.workers = 1);
    house.completed("acme", &house.import("acme", &notes(&lines(0, 1))).run_id);
    let before = house.dump("acme");
    house.ids.hold();
    let imported = house.import("acme", &notes(&nameless(100)));
    house.ids.wait_held();
    let now = SystemClock.now_micros();
    house.store.control.leases_expire(now).unwrap();
    let other = house.store.control.run_claim("other", now, RULES).unwrap().unwrap().run;
    assert_eq!((other.id.as_str(), other.fence), (imported.run_id.as_str(), 2));

    house.ids.release();
    // The one worker is free again when it completes a run of another tenant.
    house.completed("globex", &house.import("globex", &notes(&lines(0, 1))).run_id);
    assert_eq!(house.dump("acme"), before);
    let run = house.run("acme", &imported.run_id);
    assert_eq!((run.status, run.fence, run.lease_owner.as_deref()), (RunStatus::Running, 2, Some("other")));
    assert_eq!(run.error, None);
}

#[test]
fn a_panic_fails_the_run_and_the_worker_goes_on() {
    let house = House::with(BACKEND, |settings| settings.workers = 1);
    house.ids.break_next();
    let imported = house.import("acme", &notes(&nameless(10)));
    let run = house.ended("acme", &imported.run_id);
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.error.unwrap().contains("internal error. Nothing was applied"));
    assert!(run.error_detail.unwrap().contains("INTERNAL_ERROR"));
    assert!(house.tenant("acme").catalog().unwrap().is_empty());
    house.completed("acme", &house.import("acme", &notes(&lines(0, 1))).run_id);
}
