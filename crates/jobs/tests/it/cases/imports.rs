use reinstate_store::StoreError;
use reinstate_store::control::RunStatus;
use serde_json::json;

use super::super::BACKEND;
use crate::harness::*;
use reinstate_jobs::JobsError;

#[test]
fn an_import_is_applied_and_tells_what_it_did() {
    let house = House::new(BACKEND);
    let imported = house.import("acme", &notes(&lines(0, 1_000)));
    assert_eq!(imported.filename, "data.zip");
    let run = house.completed("acme", &imported.run_id);
    assert_eq!((run.progress, run.attempt, run.counters.records_imported), (100, 1, 1_000));
    assert_eq!((run.counters.models_created, run.counters.fields_created), (1, 1));
    assert!(run.duration_ms.is_some() && run.error.is_none());
    let detail = run.progress_detail.unwrap();
    assert_eq!(detail["phase"], "importing_data");
    assert_eq!(detail["bytes_read"], detail["bytes_total"]);
    assert_eq!(detail["files_completed"], 1);

    let logs = house.logs("acme", &imported.run_id);
    let messages: Vec<_> = logs.iter().map(|log| log["message"].as_str().unwrap()).collect();
    assert!(messages.contains(&"Created model"), "{messages:?}");
    assert!(logs.is_sorted_by_key(|log| log["created_at"].as_str().unwrap().to_owned()));

    let restore = house.restore("acme", &imported.restore_id);
    assert_eq!(restore["name"], "Import data.zip");
    assert_eq!(restore["last_run_id"], imported.run_id);
    assert_eq!((&restore["total_runs"], &restore["successful_runs"]), (&json!(1), &json!(1)));
    assert_eq!(run.config_snapshot["conflict_strategy"], "upsert");
}

#[test]
fn a_failed_run_applies_nothing_and_says_why_and_where() {
    let house = House::new(BACKEND);
    house.completed("acme", &house.import("acme", &notes(&lines(0, 3))).run_id);
    let before = house.dump("acme");
    let mut broken = lines(10, 5_000);
    broken[4_321] = r#"{"id":"note-x","title":7}"#.to_owned();
    let imported = house.import("acme", &notes(&broken));
    let run = house.ended("acme", &imported.run_id);
    assert_eq!(run.status, RunStatus::Failed);
    let (error, detail) = (run.error.unwrap(), run.error_detail.unwrap());
    assert!(error.contains("notes.jsonl line 4322") && error.contains("Nothing was applied"), "{error}");
    for fact in ["file: notes.jsonl", "line: 4322", "model: notes", "record: note-x"] {
        assert!(detail.contains(fact), "{detail}");
    }
    assert!(run.progress < 100);
    let logs = house.logs("acme", &imported.run_id);
    let log = logs.iter().find(|log| log["level"] == "error").unwrap();
    assert_eq!((&log["model_name"], &log["record_id"]), (&json!("notes"), &json!("note-x")));
    assert_eq!(house.dump("acme"), before);
    assert_eq!(house.restore("acme", &imported.restore_id)["failed_runs"], 1);
}

#[test]
fn many_log_entries_arrive_whole_and_in_order() {
    let house = House::new(BACKEND);
    house.completed("acme", &house.import("acme", &notes(&lines(0, 3_000))).run_id);
    let again = house.import_as("acme", &full(), &notes(&lines(0, 3_000)), "sync").unwrap();
    let run = house.completed("acme", &again.run_id);
    assert_eq!(run.counters.records_skipped, 3_000);
    let logs = house.logs("acme", &again.run_id);
    let skipped: Vec<_> = logs.iter().filter_map(|log| log["record_id"].as_str()).collect();
    let expected = (0..1_000).map(|n| format!("note-{n:06}"));
    assert!(skipped.iter().copied().eq(expected), "{} entries, or out of order", skipped.len());
    assert!(logs.iter().any(|log| log["message"].as_str().unwrap().contains("2000")), "the rest is a number");
    assert_eq!(logs[1]["detail"]["reason"], "record_exists_in_parent", "{:#?}", &logs[..3]);
}

#[test]
fn a_configuration_runs_again_and_finds_its_own_records() {
    let house = House::new(BACKEND);
    let imported = house.import("acme", &notes(&lines(0, 10)));
    house.completed("acme", &imported.run_id);
    let again = house.jobs.restore_run(&tenant_id("acme"), &full(), &imported.restore_id).unwrap();
    let run = house.completed("acme", &again);
    assert_eq!((run.counters.records_imported, run.counters.records_updated), (0, 10));
    assert_eq!(house.restore("acme", &imported.restore_id)["total_runs"], 2);
}

#[test]
fn runs_of_one_tenant_are_applied_in_the_order_of_the_queue() {
    let house = House::new(BACKEND);
    house.ids.hold();
    let first = house.import("acme", &notes(&nameless(10)));
    house.ids.wait_held();
    let rest: Vec<_> = (0..5).map(|n| house.import("acme", &notes(&lines(n, 1)))).collect();
    let other = house.import("globex", &notes(&lines(0, 1)));
    house.completed("globex", &other.run_id);
    assert!(rest.iter().all(|run| house.run("acme", &run.run_id).status == RunStatus::Queued));
    house.ids.release();
    house.completed("acme", &first.run_id);
    let ends: Vec<_> = rest.iter().map(|run| house.completed("acme", &run.run_id)).collect();
    assert!(ends.is_sorted_by_key(|run| run.completed_at));
    assert!(ends.windows(2).all(|pair| pair[0].completed_at <= pair[1].started_at));
}

#[test]
fn an_archive_that_is_gone_fails_the_run_with_a_clear_error() {
    let house = House::with(BACKEND, |settings| settings.workers = 0);
    let imported = house.import("acme", &notes(&lines(0, 1)));
    let key = house.run("acme", &imported.run_id).source_ref.unwrap();
    std::fs::remove_file(house.dir.path().join("objects").join(key)).unwrap();
    let house = house.restart_with(|settings| settings.workers = 1, |_| {});
    let run = house.ended("acme", &imported.run_id);
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.error.unwrap().contains("upload it"));
    assert!(run.error_detail.unwrap().contains("SOURCE_NOT_FOUND"));
}

#[test]
fn an_editor_may_import_records_but_neither_replace_nor_create() {
    let house = House::new(BACKEND);
    let forbidden = house.import_as("acme", &editor(), &notes(&lines(0, 1)), "replace");
    assert!(matches!(forbidden, Err(JobsError::Forbidden { message }) if message.contains("replace")));
    assert_eq!(house.files(), Vec::<String>::new(), "the upload is not kept");

    let creating = house.import_as("acme", &editor(), &notes(&lines(0, 1)), "upsert").unwrap();
    let run = house.ended("acme", &creating.run_id);
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.error_detail.unwrap().contains("FORBIDDEN"));

    house.completed("acme", &house.import("acme", &notes(&lines(0, 1))).run_id);
    let allowed = house.import_as("acme", &editor(), &notes(&lines(1, 1)), "upsert").unwrap();
    assert_eq!(house.completed("acme", &allowed.run_id).executed_by, "ed");
}

#[test]
fn a_run_is_refused_where_it_could_not_be_carried_out() {
    let house = House::with(BACKEND, |settings| settings.workers = 0);
    let (acme, restore_id) = (tenant_id("acme"), house.import("acme", &notes(&lines(0, 1))).restore_id);
    let run = |id: &str| house.jobs.restore_run(&acme, &full(), id);
    assert!(matches!(run(&restore_id), Err(JobsError::Store(StoreError::Conflict { .. }))), "active");
    assert!(matches!(run("restore_none"), Err(JobsError::Store(StoreError::NotFound { .. }))));
    house.jobs.restore_cancel(&acme, &full(), &restore_id).unwrap();
    let cancel = house.jobs.restore_cancel(&acme, &full(), &restore_id);
    assert!(matches!(cancel, Err(JobsError::NotFound { .. })));
    let disable = json!({"enabled": false});
    house.jobs.restores_update(&acme, &full(), &[(Some(&restore_id), &disable)]).unwrap();
    assert!(matches!(run(&restore_id), Err(JobsError::Store(StoreError::Conflict { .. }))), "disabled");
    let no_source = json!({"enabled": true, "source_ref": null});
    house.jobs.restores_update(&acme, &full(), &[(Some(&restore_id), &no_source)]).unwrap();
    assert!(matches!(run(&restore_id), Err(JobsError::Conflict { .. })), "no archive");
}

#[test]
fn what_workers_did_shows_in_the_statistics() {
    let house = House::new(BACKEND);
    house.completed("acme", &house.import("acme", &notes(&lines(0, 4))).run_id);
    let stats = house.jobs.stats().unwrap();
    assert_eq!((stats.workers, stats.queue.queued), (2, 0));
    assert_eq!(stats.records.records_imported, 4);
    assert_eq!(stats.ended.len(), 1);
    assert_eq!((stats.ended[0].status, stats.ended[0].runs), (RunStatus::Completed, 1));
}
