use std::time::Duration;

use reinstate_engine::{Cancellation, Clock, Counters, RunMark};
use reinstate_jobs::{JobsError, SystemClock};
use reinstate_store::control::{ClaimRules, ClaimedRun, RunStatus};
use reinstate_store::{RunToken, Store};

use crate::harness::*;

const RULES: ClaimRules = ClaimRules { lease_ms: 600_000, attempts_max: 3 };

/// A worker takes the run and is never heard of again.
fn take_and_die(store: &Store) -> ClaimedRun {
    store.control.run_claim("dead", SystemClock.now_micros(), RULES).unwrap().unwrap()
}

/// What a worker does last before its process may die: leave to commit, and the commit.
fn commit(store: &Store, claimed: &ClaimedRun, counters: Counters) {
    let run = &claimed.run;
    assert!(store.control.run_commit_begin(&run.id, run.fence, SystemClock.now_micros()).unwrap());
    let token = RunToken { run_id: &run.id, fence: run.fence };
    let tenant = store.tenants.open(&tenant_id("acme")).unwrap();
    let target = tenant.target(token, &Cancellation::default()).unwrap();
    let mark = RunMark { run_id: run.id.clone(), fence: run.fence, counters };
    Box::new(target).commit(&mark).unwrap();
}

/// A house without workers, with one import queued; its workers start with the next [`House::restart_with`].
fn idle_house_with_import() -> (House, String) {
    let house = House::with(|settings| settings.workers = 0);
    let run_id = house.import("acme", &notes(&lines(0, 10))).run_id;
    (house, run_id)
}

fn with_workers(house: House, between: impl FnOnce(&Store)) -> House {
    house.restart_with(|settings| settings.workers = 1, between)
}

#[test]
fn a_run_of_a_killed_server_is_taken_up_at_once_by_the_next_one() {
    let (house, run_id) = idle_house_with_import();
    let house = with_workers(house, |store| {
        take_and_die(store);
    });
    let run = house.completed("acme", &run_id);
    assert_eq!((run.attempt, run.fence, run.counters.records_imported), (2, 2, 10));
}

#[test]
fn a_run_that_was_committed_before_the_crash_is_completed_from_its_mark() {
    let (house, run_id) = idle_house_with_import();
    let counters = Counters { records_imported: 77, ..Counters::default() };
    let house = with_workers(house, |store| commit(store, &take_and_die(store), counters));
    let run = house.completed("acme", &run_id);
    assert_eq!((run.progress, run.counters.records_imported), (100, 77));
    assert!(house.tenant("acme").catalog().unwrap().is_empty(), "the archive was applied a second time");
}

#[test]
fn a_backup_of_the_control_plane_before_and_the_tenant_after_a_commit_completes_the_run_once() {
    let (house, run_id) = idle_house_with_import();
    let backup = tempfile::tempdir().unwrap();
    let data = house.dir.path().to_owned();
    let house = with_workers(house, |store| {
        take_and_die(store);
        for name in ["control.db", "control.db-wal"] {
            std::fs::copy(data.join(name), backup.path().join(name)).unwrap();
        }
    });
    house.completed("acme", &run_id);
    let before = house.dump("acme");
    // Between two servers nobody moves a write-ahead log while its files are copied.
    drop(house.restart_with(
        |_| {},
        |_| {
            for folder in ["tenants", "objects"] {
                copy_files(&data.join(folder), &backup.path().join(folder));
            }
        },
    ));

    let house = House::at(backup, |_| {}, |_| {});
    assert_eq!(house.completed("acme", &run_id).counters.records_imported, 10);
    assert_eq!(house.dump("acme"), before, "the archive was applied a second time");
}

#[test]
fn a_run_that_an_earlier_worker_may_still_commit_goes_back_without_being_open_to_cancels() {
    let (house, run_id) = idle_house_with_import();
    let mut stalled = None;
    let house = with_workers(house, |store| {
        let run = take_and_die(store).run;
        assert!(store.control.run_commit_begin(&run.id, run.fence, SystemClock.now_micros()).unwrap());
        let token = RunToken { run_id: &run.id, fence: run.fence };
        let tenant = store.tenants.open(&tenant_id("acme")).unwrap();
        stalled = Some(tenant.target(token, &Cancellation::default()).unwrap());
    });
    let run = house.wait("acme", &run_id, |run| run.fence == 2);
    block_on(house.jobs.shutdown(Duration::ZERO));
    assert_eq!(house.run("acme", &run_id).status, RunStatus::Queued);
    let refused = house.jobs.restore_cancel(&tenant_id("acme"), &full(), &run.restore_id);
    assert!(matches!(refused, Err(JobsError::Conflict { .. })), "{refused:?}");
    drop(stalled);
    let house = house.restart(|_| {});
    assert_eq!(house.completed("acme", &run_id).counters.records_imported, 10);
}

#[test]
fn a_committed_run_is_completed_even_where_its_archive_is_gone_and_its_attempts_are_used_up() {
    let (house, run_id) = idle_house_with_import();
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
    let (house, run_id) = idle_house_with_import();
    let house = with_workers(house, |store| {
        let run = take_and_die(store).run;
        assert!(store.control.run_commit_begin(&run.id, run.fence, SystemClock.now_micros()).unwrap());
    });
    assert_eq!(house.completed("acme", &run_id).counters.records_imported, 10);
}

#[test]
fn a_run_that_was_interrupted_three_times_fails_and_applies_nothing() {
    let (house, run_id) = idle_house_with_import();
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
    let house = House::new();
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
    let house = House::new();
    let imported = house.import("acme", &notes(&lines(0, 2_000)));
    house.wait("acme", &imported.run_id, |run| run.status != RunStatus::Queued);
    block_on(house.jobs.shutdown(Duration::from_secs(60)));
    assert_eq!(house.run("acme", &imported.run_id).status, RunStatus::Completed);
    let late = house.import("acme", &notes(&lines(0, 1)));
    assert_eq!(house.run("acme", &late.run_id).status, RunStatus::Queued, "nobody takes it any more");
}

#[test]
fn a_worker_that_stalled_past_its_lease_can_neither_commit_nor_overwrite() {
    let house = House::with(|settings| settings.workers = 1);
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
    let house = House::with(|settings| settings.workers = 1);
    house.ids.break_next();
    let imported = house.import("acme", &notes(&nameless(10)));
    let run = house.ended("acme", &imported.run_id);
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.error.unwrap().contains("internal error. Nothing was applied"));
    assert!(run.error_detail.unwrap().contains("INTERNAL_ERROR"));
    assert!(house.tenant("acme").catalog().unwrap().is_empty());
    house.completed("acme", &house.import("acme", &notes(&lines(0, 1))).run_id);
}

#[test]
fn a_run_whose_tenant_is_not_available_is_put_back_and_completed_later() {
    let house = House::with_store(|store| store.target_wait_ms = 20, |_| {});
    let token = RunToken { run_id: "run_other", fence: 1 };
    let blocker = house.tenant("acme").target(token, &Cancellation::default()).unwrap();
    let imported = house.import("acme", &notes(&lines(0, 1)));
    house.wait("acme", &imported.run_id, |run| run.status == RunStatus::Queued && run.fence > 0);
    drop(blocker);
    let run = house.completed("acme", &imported.run_id);
    assert_eq!(run.attempt, 1, "waiting is no attempt");
    assert!(run.fence > 1);
    let logs = house.logs("acme", &imported.run_id);
    assert!(logs.iter().any(|log| log["level"] == "warn"), "{logs:#?}");
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let house = House::new();
    let refused = house.start_beside(house.dir.path()).unwrap_err();
    assert!(matches!(&refused, JobsError::DataDirBusy { .. }));
    assert!(refused.to_string().contains("another server already uses"));
}

#[test]
fn a_second_server_on_the_same_storage_is_refused_and_removes_no_upload() {
    let house = House::new();
    house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let refused = house.start_beside(other.path()).unwrap_err();
    assert!(matches!(&refused, JobsError::StorageDirBusy { .. }));
    assert!(refused.to_string().contains("already keeps its uploads in"));
    assert_eq!(house.files().len(), 1);
}

#[test]
fn workers_end_when_the_last_handle_is_dropped() {
    let house = House::new();
    house.completed("acme", &house.import("acme", &notes(&lines(0, 1))).run_id);
    let (dir, store) = (house.dir, house.store);
    drop(house.jobs);
    // The folder comes free when the last thread is gone.
    let begin = std::time::Instant::now();
    while reinstate_jobs::DataLock::take(dir.path()).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(60));
        std::thread::park_timeout(Duration::from_millis(2));
    }
    drop(store);
}

#[test]
fn the_end_of_a_log_waits_for_a_busy_control_plane() {
    let house = House::with_store(|store| store.busy_timeout_ms = 20, |_| {});
    let restores =
        house.jobs.restores_create(&tenant_id("acme"), &full(), &[serde_json::json!({"name": "n"})]);
    let restore: serde_json::Value = serde_json::from_str(&restores.unwrap()[0]).unwrap();
    let restore_id = restore["id"].as_str().unwrap();
    let mut lines = nameless(1);
    lines.push("no record".to_owned());
    house.ids.hold();
    let imported = house.import("acme", &notes(&lines));
    house.ids.wait_held();
    // Another process of sorts: it holds the write lock of the control plane while the run ends.
    let other = open_store(house.dir.path());
    let changed = other.control.restores_update(&tenant_id("acme"), &[restore_id], 1, |_, _| {
        house.ids.release();
        let token = RunToken { run_id: "run_other", fence: 1 };
        // The tenant is free when the engine gave up.
        drop(house.tenant("acme").target(token, &Cancellation::default()).unwrap());
        for _ in 0..3 {
            assert!(house.store.control.leases_expire(SystemClock.now_micros()).is_err());
        }
        Err(JobsError::Conflict { message: "nothing was to be changed".to_owned() })
    });
    assert!(matches!(changed, Err(JobsError::Conflict { .. })));
    let run = house.ended("acme", &imported.run_id);
    assert_eq!(run.status, RunStatus::Failed);
    let logs = house.logs("acme", &imported.run_id);
    assert!(logs.iter().any(|log| log["level"] == "error"), "{logs:#?}");
}
