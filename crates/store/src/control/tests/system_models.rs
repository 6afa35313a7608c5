use reinstate_describe::filter::parse_list_query;
use reinstate_describe::{AccessLevel, Caller, Trashed};
use reinstate_engine::{LogLevel, LogPhase};
use serde_json::Value as Json;

use super::*;

on_both! {
    models_of_the_platform_are_filtered_ordered_and_counted_like_any_other,
    a_run_shows_its_state_and_nothing_of_the_inside,
    a_run_of_an_extract_shows_its_state_and_nothing_of_the_inside,
    artifacts_are_listed_with_what_they_share_with_their_run,
    a_configuration_shows_its_lists_as_arrays,
    an_extract_shows_its_lists_and_conditions_as_json,
    logs_are_listed_in_the_order_in_which_they_were_written,
    records_of_another_tenant_are_not_there,
    trashed_configurations_are_listed_only_where_asked_for,
    columns_of_the_store_can_neither_be_filtered_nor_selected,
    a_look_at_a_run_waits_for_the_end_of_its_commit,
    a_look_at_a_run_whose_commit_does_not_end_is_answered_all_the_same,
}

fn reader() -> Caller {
    Caller::new(AccessLevel::Read, "rob")
}

fn list(plane: &Plane, tenant_name: &str, model: &str, pairs: &[(&str, &str)]) -> Vec<Json> {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let page = plane
        .system_list(&tenant(tenant_name), &reader(), model, |layout| parse_list_query(&pairs, layout))
        .unwrap();
    page.records.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}

fn get(plane: &Plane, model: &str, id: &str) -> Json {
    let text = plane.system_get(&tenant("acme"), &reader(), model, id, Trashed::Exclude).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn keys(record: &Json) -> Vec<&str> {
    let mut keys: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn a_run_shows_its_state_and_nothing_of_the_inside(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1_000_000);
    let run = plane.claim(2_000_000).unwrap();
    assert!(plane.finish(&run, RunStatus::Failed, 4_500_000));
    let shown = get(&plane, "restore_runs", "run-a");
    assert_eq!(
        keys(&shown),
        [
            "access_deny",
            "access_edit",
            "access_full",
            "access_read",
            "attempt",
            "completed_at",
            "config_snapshot",
            "created_at",
            "deleted_at",
            "duration_ms",
            "duration_seconds",
            "error",
            "error_detail",
            "executed_by",
            "fields_created",
            "id",
            "models_created",
            "progress",
            "progress_detail",
            "records_deleted",
            "records_failed",
            "records_imported",
            "records_skipped",
            "records_updated",
            "restore_id",
            "restore_name",
            "started_at",
            "status",
            "trashed_at",
            "updated_at"
        ]
    );
    assert_eq!(shown["status"], "failed");
    assert_eq!(shown["records_imported"], 7);
    assert_eq!((&shown["duration_ms"], &shown["duration_seconds"]), (&json!(2_500), &json!(2)));
    assert_eq!(shown["config_snapshot"], json!({"conflict_strategy": "upsert"}));
    assert_eq!(shown["started_at"], "1970-01-01T00:00:02.000Z");
}

fn a_run_of_an_extract_shows_its_state_and_nothing_of_the_inside(backend: Backend) {
    let plane = backend.plane();
    plane.complete_extract("acme", "run-a", 2_500_000);
    let shown = get(&plane, "extract_runs", "run-a");
    let system = ["access_deny", "access_edit", "access_full", "access_read", "created_at", "deleted_at"];
    let own: Vec<_> = keys(&shown).into_iter().filter(|key| !system.contains(key)).collect();
    assert_eq!(
        own,
        [
            "artifacts_created",
            "attempt",
            "completed_at",
            "config_snapshot",
            "duration_ms",
            "duration_seconds",
            "error",
            "error_detail",
            "executed_by",
            "expires_at",
            "extract_id",
            "extract_name",
            "id",
            "models_exported",
            "progress",
            "progress_detail",
            "records_exported",
            "started_at",
            "status",
            "total_size_bytes",
            "trashed_at",
            "updated_at"
        ]
    );
    assert_eq!((&shown["status"], &shown["progress"]), (&json!("completed"), &json!(100)));
    assert_eq!((&shown["artifacts_created"], &shown["total_size_bytes"]), (&json!(2), &json!(201)));
    assert_eq!(shown["config_snapshot"], json!({"format": "jsonl"}));
    assert_eq!(shown["expires_at"], "1970-01-01T00:01:02.500Z");
}

fn artifacts_are_listed_with_what_they_share_with_their_run(backend: Backend) {
    let plane = backend.plane();
    plane.complete_extract("acme", "run-a", MINUTE);
    plane.complete_extract("acme", "run-b", MINUTE);
    plane.extract_artifact_count_download(&tenant("acme"), &extracts::artifact_id("run-a", 1)).unwrap();
    let shown = list(&plane, "acme", "extract_artifacts", &[("filter[where][run_id]", "run-a")]);
    let of_each = |key: &str| shown.iter().map(|artifact| artifact[key].clone()).collect::<Vec<_>>();
    assert_eq!(of_each("artifact_type"), ["data-model_0", "data-model_1"]);
    assert_eq!(of_each("is_primary"), [true, false]);
    assert_eq!(of_each("download_count"), [0, 1]);
    assert_eq!(of_each("extract_id"), ["extract-run-a"; 2]);
    assert_eq!(of_each("expires_at"), ["1970-01-01T00:02:00.000Z"; 2]);
    assert_eq!(of_each("updated_at"), of_each("created_at"));
}

fn an_extract_shows_its_lists_and_conditions_as_json(backend: Backend) {
    let plane = backend.plane();
    let written = NewExtract { models: None, ..extracts::extract("extract-1") };
    plane.extracts_create(&tenant("acme"), &[written], 1).unwrap();
    let shown = get(&plane, "extracts", "extract-1");
    assert_eq!((&shown["include"], &shown["models"]), (&json!(["describe", "data"]), &Json::Null));
    assert_eq!(shown["filter"], json!({"orders": {"total": {"$gt": 10}}}));
    assert_eq!((&shown["format"], &shown["retention_days"]), (&json!("jsonl"), &json!(7)));
}

fn a_configuration_shows_its_lists_as_arrays(backend: Backend) {
    let plane = backend.plane();
    plane.restores_create(&tenant("acme"), &[restore("restore-1")], 1).unwrap();
    let shown = get(&plane, "restores", "restore-1");
    assert_eq!(shown["include"], json!(["describe", "data"]));
    assert_eq!(shown["models"], json!(["orders"]));
    assert_eq!((&shown["enabled"], &shown["description"]), (&json!(true), &Json::Null));
}

fn logs_are_listed_in_the_order_in_which_they_were_written(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    let run = plane.claim(2).unwrap();
    let rows: Vec<_> = (0..1_234).map(row).collect();
    let (acme, id) = (tenant("acme"), &run.id);
    assert!(plane.run_progress(&acme, id, run.fence, None, &rows[..1_000], 3).unwrap());
    assert!(plane.run_progress(&acme, id, run.fence, None, &rows[1_000..], 4).unwrap());

    let by_run = ("filter[where][run_id]", "run-a");
    let shown = list(&plane, "acme", "restore_logs", &[by_run, ("filter[limit]", "10000")]);
    let messages: Vec<_> = shown.iter().map(|log| log["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(messages, (0..1_234).map(|n| format!("entry {n}")).collect::<Vec<_>>());
    let warnings = list(&plane, "acme", "restore_logs", &[by_run, ("filter[where][level]", "warn")]);
    assert_eq!(warnings.len(), 124);
    assert_eq!(warnings[1]["detail"], json!({"number": 10}));
}

fn records_of_another_tenant_are_not_there(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    plane.complete_extract("acme", "run-b", 1);
    for model in SYSTEM_MODELS {
        assert_eq!(list(&plane, "globex", model, &[]), Vec::<Json>::new(), "{model}");
    }
    let other = plane.system_get(&tenant("globex"), &reader(), "restore_runs", "run-a", Trashed::Include);
    assert!(matches!(other, Err(StoreError::NotFound { .. })));
}

fn trashed_configurations_are_listed_only_where_asked_for(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.restores_create(&acme, &[restore("restore-1"), restore("restore-2")], 1).unwrap();
    plane.restores_delete(&acme, &["restore-1"], false, 2).unwrap();
    assert_eq!(list(&plane, "acme", "restores", &[]).len(), 1);
    assert_eq!(list(&plane, "acme", "restores", &[("trashed", "include")]).len(), 2);
}

fn columns_of_the_store_can_neither_be_filtered_nor_selected(backend: Backend) {
    let plane = backend.plane();
    for pair in [("filter[where][tenant]", "acme"), ("filter[select]", "caller")] {
        let pairs = [(pair.0.to_owned(), pair.1.to_owned())];
        let refused = plane.system_list(&tenant("acme"), &reader(), "restore_runs", |layout| {
            parse_list_query(&pairs, layout)
        });
        assert!(matches!(refused, Err(StoreError::Filter(_))), "{pair:?}");
    }
}

fn row(number: usize) -> LogRow {
    LogRow {
        id: format!("log-{number:05}"),
        level: if number.is_multiple_of(10) { LogLevel::Warn } else { LogLevel::Info },
        phase: LogPhase::DataImport,
        model_name: Some("orders".to_owned()),
        record_id: None,
        message: format!("entry {number}"),
        detail: Some(json!({"number": number})),
        // Many entries share an instant.
        created_at: (number / 100) as i64,
    }
}

fn a_look_at_a_run_waits_for_the_end_of_its_commit(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    let run = plane.claim(MINUTE).unwrap();
    assert!(plane.run_commit_begin(&run.id, run.fence, MINUTE).unwrap());
    let seen = std::thread::scope(|scope| {
        let looking = scope.spawn(|| get(&plane, "restore_runs", "run-a"));
        assert!(plane.finish(&run, RunStatus::Completed, MINUTE));
        looking.join().unwrap()
    });
    assert_eq!(seen["status"], "completed");
}

fn a_look_at_a_run_whose_commit_does_not_end_is_answered_all_the_same(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    let run = plane.claim(MINUTE).unwrap();
    assert!(plane.run_commit_begin(&run.id, run.fence, MINUTE).unwrap());
    assert_eq!(get(&plane, "restore_runs", "run-a")["status"], "running");
}

fn models_of_the_platform_are_filtered_ordered_and_counted_like_any_other(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    for (place, include) in [&["describe"][..], &["data"], &["describe", "data"]].into_iter().enumerate() {
        let include = include.iter().map(|part| (*part).to_owned()).collect();
        let id = format!("restore-{place}");
        let models = (place == 1).then(|| vec!["orders".to_owned()]);
        let restore = NewRestore { include, models, description: None, ..restore(&id) };
        plane.restores_create(&acme, &[restore], place as i64 * 1_000_000).unwrap();
    }
    let ids = |model: &str, pairs: &[(&str, &str)]| -> Vec<String> {
        let shown = list(&plane, "acme", model, pairs);
        shown.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
    };
    let since = [("filter[where][created_at][$gte]", "1970-01-01T00:00:01Z")];
    assert_eq!(ids("restores", &since), ["restore-1", "restore-2"]);
    let at = [("filter[where][created_at]", "1970-01-01T01:00:02+01:00")];
    assert_eq!(ids("restores", &at), ["restore-2"]);
    let data = [("filter[where][include][$any]", "data"), ("filter[order]", "created_at desc")];
    assert_eq!(ids("restores", &data), ["restore-2", "restore-1"]);
    let by_models = [("filter[where][models][$null]", "true"), ("filter[order]", "name desc")];
    assert_eq!(ids("restores", &by_models), ["restore-2", "restore-0"]);
    let enabled = [("filter[where][enabled]", "true"), ("filter[where][last_run_at][$null]", "true")];
    assert_eq!(ids("restores", &enabled).len(), 3);

    let pairs = [("filter[count]", "true"), ("filter[limit]", "2")];
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let page = plane.system_list(&acme, &reader(), "restores", |layout| parse_list_query(&pairs, layout));
    let page = page.unwrap();
    assert_eq!((page.records.len(), page.has_more, page.total), (2, true, Some(3)));
    let many =
        plane.system_get_many(&acme, &reader(), "restores", &["restore-2", "restore-0"], Trashed::Exclude);
    assert!(many.unwrap()[0].contains("restore-2"));
}
