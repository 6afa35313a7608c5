//! What holds where one process has the data to itself: an embedded database, one storage folder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reinstate_engine::{Cancellation, Clock};
use reinstate_jobs::{JobsError, SystemClock};
use reinstate_store::RunToken;
use reinstate_store::control::RunStatus;
use serde_json::json;

use super::BACKEND;
use crate::backend::Home;
use crate::extracts::*;
use crate::harness::*;
use crate::lost_worker::*;

#[test]
fn a_backup_of_the_control_plane_before_and_the_tenant_after_a_commit_completes_the_run_once() {
    let (house, run_id) = idle_house_with_import(BACKEND);
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

    let house = House::at(Home::Folder, backup, |_| {}, |_| {});
    assert_eq!(house.completed("acme", &run_id).counters.records_imported, 10);
    assert_eq!(house.dump("acme"), before, "the archive was applied a second time");
}

#[test]
fn a_run_that_an_earlier_worker_may_still_commit_goes_back_without_being_open_to_cancels() {
    let (house, run_id) = idle_house_with_import(BACKEND);
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
fn a_run_whose_tenant_is_not_available_is_put_back_and_completed_later() {
    let house = House::with_store(BACKEND, |store| store.target_wait_ms = 20, |_| {});
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
    let house = House::new(BACKEND);
    let refused = house.start_with_databases_in(house.dir.path()).unwrap_err();
    assert!(matches!(&refused, JobsError::DataDirBusy { .. }));
    assert!(refused.to_string().contains("another server already uses"));
}

#[test]
fn a_second_server_on_the_same_storage_is_refused_and_removes_no_upload() {
    let house = House::new(BACKEND);
    house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let refused = house.start_with_databases_in(other.path()).unwrap_err();
    assert!(matches!(&refused, JobsError::StorageDirBusy { .. }));
    assert!(refused.to_string().contains("already keeps its uploads in"));
    assert_eq!(house.files().len(), 1);
}

#[test]
fn workers_end_when_the_last_handle_is_dropped() {
    let house = House::new(BACKEND);
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
    let house = House::with_store(BACKEND, |store| store.busy_timeout_ms = 20, |_| {});
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
    let other = house.open_store();
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

#[test]
fn a_run_that_waits_for_its_tenant_follows_a_cancel_at_once() {
    let house = House::new(BACKEND);
    let token = RunToken { run_id: "run_other", fence: 1 };
    let blocker = house.tenant("acme").target(token, &Cancellation::default()).unwrap();
    let imported = house.import("acme", &notes(&lines(0, 1)));
    house.wait("acme", &imported.run_id, |run| run.status == RunStatus::Running);
    house.jobs.restore_cancel(&tenant_id("acme"), &full(), &imported.restore_id).unwrap();
    house.ended("acme", &imported.run_id);
    drop(blocker);
}

#[test]
fn files_without_a_row_are_removed_at_the_next_start() {
    let house = House::new(BACKEND);
    let stored = house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    let folder = house.dir.path().join("objects/uploads/acme");
    for name in ["upload_crashed.zip", "upload_unfinished.zip#1"] {
        std::fs::write(folder.join(name), b"half").unwrap();
    }
    let house = house.restart(|_| {});
    let files = house.files();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].ends_with(&stored.source_ref));
}

/// A clock that goes right, from another day on.
struct DaysAhead(i64);

impl Clock for DaysAhead {
    fn now_micros(&self) -> i64 {
        SystemClock.now_micros() + self.0 * 86_400_000_000
    }
}

#[test]
fn the_server_removes_an_archive_whose_time_is_over_and_keeps_its_run() {
    let house = house_with_notes(BACKEND, 10);
    let run = house.extracted("acme", &house.extract("acme", json!({ "retention_days": 2 })));
    let house = house.restart_at(Arc::new(DaysAhead(1)));
    assert_eq!(house.archives().len(), 1);
    let house = house.restart_at(Arc::new(DaysAhead(3)));
    let begin = Instant::now();
    while !house.archives().is_empty() {
        assert!(begin.elapsed() < PATIENCE, "the archive stays");
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let gone = house.jobs.extract_download(&tenant_id("acme"), &full(), &run.id);
    assert!(matches!(gone, Err(JobsError::Gone { .. })), "{gone:?}");
    assert_eq!(house.list("acme", "extract_artifacts", "run_id", &run.id).len(), 3);
}
