use std::time::{Duration, Instant};

use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::Clock;
use reinstate_jobs::{JobsError, SystemClock};
use reinstate_store::control::RunStatus;
use serde_json::json;

use super::super::BACKEND;
use crate::extracts::*;
use crate::harness::*;
use crate::lost_worker::RULES;

#[test]
fn an_extract_holds_the_tenant_and_can_be_restored_into_another_one() {
    let house = house_with_notes(BACKEND, 5_000);
    let run = house.extracted("acme", &house.extract("acme", json!({})));
    assert_eq!((run.progress, run.attempt), (100, 1));
    let bytes = house.archive("acme", &run.id);
    let imported = house.import("globex", &bytes);
    assert_eq!(house.completed("globex", &imported.run_id).counters.records_imported, 5_000);
    assert_eq!(house.list("acme", "extract_artifacts", "run_id", &run.id).len(), 3);
}

#[test]
fn an_entry_comes_out_of_the_archive_as_its_artifact_says() {
    let house = house_with_notes(BACKEND, 5_000);
    let run = house.extracted("acme", &house.extract("acme", json!({})));
    for artifact in house.list("acme", "extract_artifacts", "run_id", &run.id) {
        let id = artifact["id"].as_str().unwrap();
        let file = house.jobs.artifact_download(&tenant_id("acme"), &full(), id).unwrap();
        let bytes = house.bytes(&file, 0..file.size_bytes);
        assert_eq!(bytes.len(), usize::try_from(artifact["size_bytes"].as_u64().unwrap()).unwrap());
        assert_eq!(artifact["checksum"], sha256(&bytes).as_str(), "{artifact}");
        assert!(!file.has_parts);
    }
}

#[test]
fn a_cancelled_extract_leaves_no_archive_whenever_it_is_cancelled() {
    let house = house_with_notes(BACKEND, 3_000);
    let acme = tenant_id("acme");
    let extract_id = house.extract_configuration("acme", json!({}));
    let (mut cancelled, mut completed) = (0, 0);
    for round in 0..30_u32 {
        let run_id = house.jobs.extract_run(&acme, &full(), &extract_id).unwrap();
        let begin = Instant::now();
        // From before the start to after the end of a run.
        let wait = Duration::from_micros(u64::from(round) * 4_000);
        while begin.elapsed() < wait {
            std::thread::yield_now();
        }
        let answer = house.jobs.extract_cancel(&acme, &full(), &extract_id);
        let run = house.extract_ended("acme", &run_id);
        match answer {
            Ok(cancelled_id) => {
                assert_eq!((cancelled_id, run.status), (run_id, RunStatus::Cancelled));
                assert_eq!(run.object_key, None);
                cancelled += 1;
            }
            Err(JobsError::NotFound { .. }) => {
                assert_eq!(run.status, RunStatus::Completed);
                completed += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(house.archives().len(), completed, "cancelled: {cancelled}");
    assert!(cancelled > 0);
}

#[test]
fn an_extract_of_a_killed_server_is_taken_up_by_the_next_one() {
    let house = House::with(BACKEND, |settings| settings.workers = 0);
    let run_id = house.extract("acme", json!({}));
    let house = house.restart_with(
        |settings| settings.workers = 1,
        |store| {
            store.control.extract_run_claim("dead", SystemClock.now_micros(), RULES).unwrap().unwrap();
        },
    );
    let run = house.extracted("acme", &run_id);
    assert_eq!((run.attempt, run.fence), (2, 2));
}

#[test]
fn an_extract_that_was_interrupted_three_times_fails() {
    let house = House::with(BACKEND, |settings| settings.workers = 0);
    let run_id = house.extract("acme", json!({}));
    let house = house.restart_with(
        |settings| settings.workers = 1,
        |store| {
            for _ in 0..3 {
                let now = SystemClock.now_micros();
                store.control.extract_run_claim("dead", now, RULES).unwrap().unwrap();
                store.control.leases_expire(SystemClock.now_micros()).unwrap();
            }
        },
    );
    let run = house.extract_ended("acme", &run_id);
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.error_detail.unwrap().contains("INTERRUPTED"));
}

#[test]
fn an_archive_is_gone_when_its_time_is_over_and_its_run_stays() {
    let house = house_with_notes(BACKEND, 10);
    let run = house.extracted("acme", &house.extract("acme", json!({ "retention_days": 2 })));
    assert_eq!(house.archives().len(), 1);
    let days = |days: i64| SystemClock.now_micros() + days * 86_400_000_000;
    assert!((days(1)..days(3)).contains(&run.expires_at.unwrap()));
    let expired = house.store.control.extract_runs_expired(days(3), 10).unwrap();
    assert_eq!(expired.len(), 1);
    assert!(house.store.control.extract_runs_expired(days(1), 10).unwrap().is_empty());
    assert!(house.store.control.extract_run_forget_object(&run.id).unwrap());
    let gone = house.jobs.extract_download(&tenant_id("acme"), &full(), &run.id);
    assert!(matches!(gone, Err(JobsError::Gone { .. })), "{gone:?}");
    assert_eq!(house.list("acme", "extract_runs", "id", &run.id).len(), 1);
}

#[test]
fn what_an_extract_cannot_do_fails_it_by_name_and_keeps_nothing() {
    let house = house_with_notes(BACKEND, 10);
    for (configuration, named) in [
        (json!({ "models": ["notes", "orders"] }), "no model 'orders'"),
        (json!({ "filter": { "orders": { "size": 1 } } }), "model 'orders'"),
    ] {
        let run = house.extract_ended("acme", &house.extract("acme", configuration));
        assert_eq!(run.status, RunStatus::Failed);
        let error = run.error.unwrap();
        assert!(error.contains(named) && error.ends_with("No archive was kept"), "{error}");
    }
    assert!(house.archives().is_empty());
}

#[test]
fn faults_of_a_configuration_are_all_named_at_once() {
    let house = house_with_notes(BACKEND, 1);
    let body = json!({
        "format": "csv", "include": [], "models": ["restores"], "filter": { "notes": { "colour": 1 } }, "retention_days": 0,
        "enabled": "yes", "shape": 1, "total_runs": 5,
    });
    let refused = house.jobs.extracts_create(&tenant_id("acme"), &full(), &[body]);
    let Err(JobsError::Validation(faults)) = refused else { panic!("{refused:?}") };
    let mut fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    fields.sort_unstable();
    let all =
        ["enabled", "filter", "format", "include", "models", "name", "retention_days", "shape", "total_runs"];
    assert_eq!(fields, all);
}

#[test]
fn a_filter_is_refused_where_no_database_could_keep_it_or_it_says_two_things() {
    let house = House::new(BACKEND);
    for filter in [json!({ "later": { "name": "a\u{0}b" } }), json!({ "Later": {}, "later": {} })] {
        let body = json!({ "name": "x", "filter": filter });
        let refused = house.jobs.extracts_create(&tenant_id("acme"), &full(), &[body]);
        let Err(JobsError::Validation(faults)) = refused else { panic!("{refused:?}") };
        assert_eq!(faults[0].field, "filter");
    }
}

#[test]
fn archives_with_restricted_records_are_for_those_who_made_them() {
    let house = House::new(BACKEND);
    let lines = [r#"{"id":"a","title":"A","access_read":["bob"]}"#.to_owned()];
    house.completed("acme", &house.import("acme", &notes(&lines)).run_id);
    let acme = tenant_id("acme");
    let root = Caller::new(AccessLevel::Root, "root");
    let id = house.extract_configuration("acme", json!({}));
    let run = house.extracted("acme", &house.jobs.extract_run(&acme, &root, &id).unwrap());
    assert!(run.is_restricted);
    assert!(house.jobs.extract_download(&acme, &root, &run.id).is_ok());
    // Neither another user nor the same one with fewer rights than then.
    for caller in [full(), Caller::new(AccessLevel::Full, "root")] {
        let refused = house.jobs.extract_download(&acme, &caller, &run.id);
        assert!(matches!(refused, Err(JobsError::Forbidden { .. })), "{refused:?}");
    }
    let restore = json!({ "name": "r", "source_type": "extract_run", "source_ref": run.id });
    let refused = house.jobs.restores_create(&acme, &full(), &[restore]);
    assert!(matches!(refused, Err(JobsError::BadRequest { .. })), "{refused:?}");
    // Without the records that she may not read the archive is for everybody.
    let run = house.extracted("acme", &house.jobs.extract_run(&acme, &full(), &id).unwrap());
    assert!(!run.is_restricted);
    assert!(house.jobs.extract_download(&acme, &editor(), &run.id).is_ok());
}

#[test]
fn a_restore_reads_the_archive_of_an_extract_of_its_own_tenant_only() {
    let house = house_with_notes(BACKEND, 100);
    let run = house.extracted("acme", &house.extract("acme", json!({})));
    let (acme, globex) = (tenant_id("acme"), tenant_id("globex"));
    let restore = json!({
        "name": "Back", "source_type": "extract_run", "source_ref": run.id, "conflict_strategy": "replace"
    });
    let refused = house.jobs.restores_create(&globex, &full(), std::slice::from_ref(&restore));
    assert!(matches!(refused, Err(JobsError::BadRequest { .. })), "{refused:?}");
    let created = house.jobs.restores_create(&acme, &full(), &[restore]).unwrap();
    let created: serde_json::Value = serde_json::from_str(&created[0]).unwrap();
    let run_id = house.jobs.restore_run(&acme, &full(), created["id"].as_str().unwrap()).unwrap();
    let restored = house.completed("acme", &run_id);
    assert_eq!((restored.counters.records_deleted, restored.counters.records_imported), (100, 100));
}
