//! The extract application as its specification shows it: every request, every key of the answers, and what comes
//! of a run.

use serde_json::{Value as Json, json};

use super::BACKEND;
use crate::harness::{Session, TestServer, content, entries, ids_in};

fn has_keys(value: &Json, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "{key} is missing in {value}");
    }
}

/// The tenant `orders` of [`Session::orders`], one record of which is in the trash, and a model `notes`.
async fn furnish(session: &Session) {
    session.orders(&["a", "b", "c"]).await;
    assert_eq!(session.call("DELETE", "/api/data/orders/c").await.status, 200);
    let fields = json!([{ "field_name": "stars", "type": "integer" }]);
    assert_eq!(session.post("/api/describe/notes", json!({ "fields": fields })).await.status, 201);
    let notes = json!([{ "id": "n1", "stars": 1 }, { "id": "n5", "stars": 5 }]);
    assert_eq!(session.post("/api/data/notes", notes).await.status, 201);
}

#[actix_web::test]
async fn a_run_is_queued_followed_and_told_of_by_the_keys_of_the_specification() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    furnish(&session).await;
    let id = session.extract_made(json!({ "name": "Nightly" })).await;
    assert!(id.starts_with("extract_"), "{id}");
    let queued = session.call("POST", &format!("/api/extracts/{id}/run")).await;
    let run_id = queued.data()["run_id"].as_str().unwrap();
    assert!(run_id.starts_with("run_"), "{run_id}");
    assert_eq!(queued.data()["message"], "Extract queued for execution");
    assert_eq!(queued.data()["status_url"], format!("/api/data/extract_runs/{run_id}"));
    let run = session.wait_for_extract(run_id).await;
    let keys = [
        "id",
        "extract_id",
        "extract_name",
        "started_at",
        "completed_at",
        "duration_ms",
        "duration_seconds",
        "error",
        "error_detail",
        "config_snapshot",
        "executed_by",
        "created_at",
    ];
    has_keys(&run, &keys);
    assert_eq!((&run["status"], &run["progress"]), (&json!("completed"), &json!(100)), "{run}");
    assert_eq!((&run["records_exported"], &run["models_exported"]), (&json!(5), &json!(2)), "{run}");
    has_keys(
        &run["progress_detail"],
        &["phase", "models_total", "models_completed", "current_model", "records_exported"],
    );
    assert_eq!(run["progress_detail"]["phase"], "exporting_data");
    let artifacts = session.artifacts(&run).await;
    assert_eq!(run["artifacts_created"], json!(artifacts.len()));
    let sizes: u64 = artifacts.iter().map(|artifact| artifact["size_bytes"].as_u64().unwrap()).sum();
    assert_eq!(run["total_size_bytes"], json!(sizes));
    let extract = session.get(&format!("/api/data/extracts/{id}")).await;
    let counts = ["total_runs", "successful_runs", "failed_runs"].map(|key| extract.data()[key].clone());
    assert_eq!(counts, [json!(1), json!(1), json!(0)]);
    assert_eq!(extract.data()["last_run_id"], run["id"]);
}

#[actix_web::test]
async fn what_is_extracted_is_restored_elsewhere_and_extracted_again_byte_for_byte() {
    let server = TestServer::start(BACKEND).await;
    let (alpha, beta) = (server.session("alpha", "full"), server.session("beta", "full"));
    furnish(&alpha).await;
    let run = alpha.extract(json!({ "name": "Everything" })).await;
    let archive = alpha.archive_of(&run).await;
    let names: Vec<String> = entries(&archive).into_keys().collect();
    assert_eq!(names, ["describe.yaml", "manifest.json", "notes.jsonl", "orders.jsonl"]);
    assert_eq!(ids_in(&archive, "orders.jsonl"), ["a", "b", "c"]);
    let restored = beta.restore(archive.clone(), "replace").await;
    assert_eq!((&restored["status"], &restored["records_imported"]), (&json!("completed"), &json!(5)));
    assert_eq!(beta.titles().await, alpha.titles().await);
    let trashed = beta.get("/api/data/orders?trashed=only").await;
    assert_eq!(trashed.ids(), ["c"]);
    let again = beta.extract(json!({ "name": "Everything" })).await;
    assert_eq!(content(&beta.archive_of(&again).await), content(&archive));
}

#[actix_web::test]
async fn a_restore_reads_what_a_run_of_the_same_tenant_made() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    furnish(&session).await;
    let run = session.extract(json!({ "name": "Before" })).await;
    let before = session.titles().await;
    let body = json!({
        "name": "Back", "source_type": "extract_run", "source_ref": run["id"], "conflict_strategy": "replace"
    });
    let restore = session.post("/api/data/restores", body).await;
    assert_eq!(restore.status, 201, "{}", restore.text);
    session.put("/api/data/orders/a", json!({ "title": "changed" })).await;
    assert_eq!(session.call("DELETE", "/api/data/orders/b?permanent=true").await.status, 200);
    let path = format!("/api/restores/{}/run", restore.data()["id"].as_str().unwrap());
    let queued = session.call("POST", &path).await;
    let restored = session.wait_for_run(queued.data()["run_id"].as_str().unwrap()).await;
    assert_eq!(restored["status"], "completed", "{restored}");
    assert_eq!(session.titles().await, before);
    // Once the archive is gone there is nothing to read.
    assert!(server.store.control.extract_run_forget_object(run["id"].as_str().unwrap()).unwrap());
    session.call("POST", &path).await.refused(409, "CONFLICT");
}

#[actix_web::test]
async fn filters_and_models_choose_what_is_written() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    furnish(&session).await;
    let body = json!({
        "name": "Some",
        "models": ["notes"],
        "filter": { "notes": { "stars": { "$gte": 3 } } },
    });
    let run = session.extract(body).await;
    assert_eq!((&run["records_exported"], &run["models_exported"]), (&json!(1), &json!(1)), "{run}");
    let archive = session.archive_of(&run).await;
    assert_eq!(ids_in(&archive, "notes.jsonl"), ["n5"]);
    assert!(!entries(&archive).contains_key("orders.jsonl"));
    let filtered = json!({ "name": "Others", "filter": { "orders": { "id": { "$ne": "b" } } } });
    let archive = session.archive_of(&session.extract(filtered).await).await;
    assert_eq!(ids_in(&archive, "orders.jsonl"), ["a", "c"]);
    assert_eq!(ids_in(&archive, "notes.jsonl"), ["n1", "n5"]);
}

#[actix_web::test]
async fn either_half_can_be_left_out() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    furnish(&session).await;
    for (half, expected) in
        [("describe", vec!["describe.yaml"]), ("data", vec!["notes.jsonl", "orders.jsonl"])]
    {
        let run = session.extract(json!({ "name": half, "include": [half] })).await;
        let names: Vec<String> = content(&session.archive_of(&run).await).into_keys().collect();
        assert_eq!(names, expected, "{half}");
    }
}

#[actix_web::test]
async fn a_filter_that_does_not_fit_its_model_is_refused_at_once() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    furnish(&session).await;
    for (filter, named) in [
        (json!({ "notes": { "colour": "red" } }), "colour"),
        (json!({ "notes": { "stars": { "$nope": 1 } } }), "$nope"),
        (json!({ "notes": { "stars": "many" } }), "stars"),
    ] {
        let refused = session.post("/api/data/extracts", json!({ "name": "x", "filter": filter })).await;
        refused.refused(422, "VALIDATION_ERROR");
        assert_eq!(refused.data()["errors"][0]["field"], "filter");
        assert!(refused.message().contains(named), "{}", refused.text);
    }
}

#[actix_web::test]
async fn what_the_tenant_does_not_have_when_it_is_run_fails_the_run_and_is_named() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    furnish(&session).await;
    let stars = session.extract_made(json!({ "name": "x", "filter": { "notes": { "stars": 5 } } })).await;
    assert_eq!(session.call("DELETE", "/api/describe/notes/fields/stars").await.status, 200);
    let missing = session.extract_made(json!({ "name": "x", "models": ["missing"] })).await;
    for (id, named) in [(stars, "stars"), (missing, "missing")] {
        let run = session.extract_ran(&id).await;
        assert_eq!(run["status"], "failed", "{run}");
        assert!(run["error"].as_str().unwrap().contains(named), "{run}");
        let path = format!("/api/extracts/runs/{}/download", run["id"].as_str().unwrap());
        session.get(&path).await.refused(409, "CONFLICT");
        assert_eq!(session.get(&format!("/api/data/extracts/{id}")).await.data()["failed_runs"], json!(1));
    }
}

#[actix_web::test]
async fn an_empty_tenant_gives_an_archive_that_restores_to_nothing() {
    let server = TestServer::start(BACKEND).await;
    let (alpha, beta) = (server.session("alpha", "full"), server.session("beta", "full"));
    let run = alpha.extract(json!({ "name": "Nothing" })).await;
    assert_eq!((&run["records_exported"], &run["models_exported"]), (&json!(0), &json!(0)), "{run}");
    let archive = alpha.archive_of(&run).await;
    assert!(entries(&archive).contains_key("manifest.json"));
    let restored = beta.restore(archive, "replace").await;
    assert_eq!((&restored["status"], &restored["records_imported"]), (&json!("completed"), &json!(0)));
    assert_eq!(beta.get("/api/describe").await.records().len(), 0);
}

#[actix_web::test]
async fn configurations_are_created_listed_read_changed_and_deleted() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let id = session.extract_made(json!({ "name": "Nightly" })).await;
    let path = format!("/api/data/extracts/{id}");
    let made = session.get(&path).await.data().clone();
    for (key, value) in [
        ("format", json!("jsonl")),
        ("include", json!(["describe", "data"])),
        ("models", Json::Null),
        ("filter", Json::Null),
        ("retention_days", json!(7)),
        ("enabled", json!(true)),
        ("description", Json::Null),
        ("total_runs", json!(0)),
    ] {
        assert_eq!(made[key], value, "{key}");
    }
    let changed = session.put(&path, json!({ "retention_days": 30, "models": ["orders"] })).await;
    assert_eq!((changed.status, &changed.data()["retention_days"]), (200, &json!(30)), "{}", changed.text);
    let both = json!([{ "id": id, "name": "Weekly" }]);
    assert_eq!(session.put("/api/data/extracts", both).await.records()[0]["name"], "Weekly");
    assert_eq!(session.get("/api/data/extracts").await.ids(), [id.as_str()]);
    assert_eq!(session.call("DELETE", &path).await.status, 200);
    assert_eq!(session.get("/api/data/extracts").await.records().len(), 0);
    session.call("POST", &format!("/api/extracts/{id}/run")).await.refused(404, "RECORD_NOT_FOUND");
    assert_eq!(session.call("DELETE", &format!("{path}?permanent=true")).await.status, 200);
    session.get(&format!("{path}?trashed=include")).await.refused(404, "RECORD_NOT_FOUND");
}

#[actix_web::test]
async fn configurations_that_cannot_be_are_refused_with_every_fault() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": "x", "format": "csv" }), "format"),
        (json!({ "name": "x", "include": [] }), "include"),
        (json!({ "name": "x", "include": ["schema"] }), "include"),
        (json!({ "name": "x", "models": ["1st"] }), "models"),
        (json!({ "name": "x", "filter": [] }), "filter"),
        (json!({ "name": "x", "retention_days": 0 }), "retention_days"),
        (json!({ "name": "x", "retention_days": 366 }), "retention_days"),
        (json!({ "name": "x", "total_runs": 3 }), "total_runs"),
        (json!({ "name": "x", "colour": "red" }), "colour"),
    ] {
        let answer = session.post("/api/data/extracts", body).await;
        answer.refused(422, "VALIDATION_ERROR");
        assert_eq!(answer.data()["errors"][0]["field"], field, "{}", answer.text);
    }
    let both = json!({ "name": 7, "retention_days": "long" });
    let answer = session.post("/api/data/extracts", both).await;
    assert_eq!(answer.data()["errors"].as_array().unwrap().len(), 2, "{}", answer.text);
    let upsert = session.post("/api/data/extracts?upsert=true", json!({ "name": "x" })).await;
    upsert.refused(400, "BAD_REQUEST");
}

#[actix_web::test]
async fn a_disabled_or_unknown_extract_does_not_run() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let id = session.extract_made(json!({ "name": "Off", "enabled": false })).await;
    let refused = session.call("POST", &format!("/api/extracts/{id}/run")).await;
    refused.refused(409, "CONFLICT");
    assert!(refused.message().contains("disabled"), "{}", refused.text);
    session.call("POST", "/api/extracts/extract_x/run").await.refused(404, "RECORD_NOT_FOUND");
    session.call("POST", "/api/extracts/extract_x/cancel").await.refused(404, "RECORD_NOT_FOUND");
}

#[actix_web::test]
async fn one_run_a_configuration_which_can_be_cancelled_once() {
    let server = TestServer::start_with(BACKEND, |settings| settings.jobs.workers = 0).await;
    let session = server.session("alpha", "full");
    let id = session.extract_made(json!({ "name": "Slow" })).await;
    let (start, cancel) = (format!("/api/extracts/{id}/run"), format!("/api/extracts/{id}/cancel"));
    session.call("POST", &cancel).await.refused(404, "RECORD_NOT_FOUND");
    let queued = session.call("POST", &start).await;
    let run_id = queued.data()["run_id"].as_str().unwrap();
    let again = session.call("POST", &start).await;
    again.refused(409, "CONFLICT");
    assert!(again.message().contains("running") && again.message().contains(run_id), "{}", again.text);
    let download = format!("/api/extracts/runs/{run_id}/download");
    session.get(&download).await.refused(409, "CONFLICT");
    let cancelled = session.call("POST", &cancel).await;
    let expected = json!({ "message": "Extract cancelled", "run_id": run_id });
    assert_eq!((cancelled.status, cancelled.data()), (200, &expected));
    session.call("POST", &cancel).await.refused(404, "RECORD_NOT_FOUND");
    let run = session.wait_for_extract(run_id).await;
    assert_eq!((&run["status"], &run["artifacts_created"]), (&json!("cancelled"), &json!(0)), "{run}");
    session.get(&download).await.refused(409, "CONFLICT");
    assert_eq!(session.call("POST", &start).await.status, 200);
}

#[actix_web::test]
async fn a_run_under_way_is_cancelled_and_leaves_no_file() {
    let server = TestServer::start_with(BACKEND, |settings| settings.jobs.progress_ms = 10).await;
    let session = server.session("alpha", "full");
    let lines = (0..100_000).map(|n| format!(r#"{{"id":"r{n}","title":"record number {n}"}}"#)).collect();
    let describe = "orders:\n  fields:\n    title: { type: text }\n";
    let file = crate::harness::archive_of(describe, &[("orders", lines)]);
    assert_eq!(session.restore(file, "replace").await["status"], "completed");
    let id = session.extract_made(json!({ "name": "Large" })).await;
    let queued = session.call("POST", &format!("/api/extracts/{id}/run")).await;
    let path = queued.data()["status_url"].as_str().unwrap().to_owned();
    session.wait_until(&path, |run| run["status"] != "queued").await;
    let cancelled = session.call("POST", &format!("/api/extracts/{id}/cancel")).await;
    let run = session.wait_for_extract(path.rsplit('/').next().unwrap()).await;
    if cancelled.status == 200 {
        assert_eq!(run["status"], "cancelled", "{run}");
        server.no_archives_left().await;
    } else {
        // A machine that was done before it could be stopped has kept what it made.
        assert_eq!(run["status"], "completed", "{run}");
    }
}

#[actix_web::test]
async fn a_file_that_was_removed_is_gone_and_its_run_stays() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    furnish(&session).await;
    let run = session.extract(json!({ "name": "Short", "retention_days": 1 })).await;
    let run_id = run["id"].as_str().unwrap();
    assert!(run["expires_at"].as_str().unwrap() > run["completed_at"].as_str().unwrap(), "{run}");
    let artifacts = session.artifacts(&run).await;
    assert_eq!(artifacts[0]["expires_at"], run["expires_at"]);
    assert!(server.store.control.extract_run_forget_object(run_id).unwrap());
    session.get(&format!("/api/extracts/runs/{run_id}/download")).await.refused(410, "GONE");
    for artifact in &artifacts {
        let path = format!("/api/extracts/artifacts/{}/download", artifact["id"].as_str().unwrap());
        session.get(&path).await.refused(410, "GONE");
    }
    assert_eq!(session.wait_for_extract(run_id).await["status"], "completed");
    assert_eq!(session.artifacts(&run).await.len(), artifacts.len());
}

#[actix_web::test]
async fn what_a_run_made_outlives_its_configuration() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    furnish(&session).await;
    let run = session.extract(json!({ "name": "Once" })).await;
    let path = format!("/api/data/extracts/{}?permanent=true", run["extract_id"].as_str().unwrap());
    assert_eq!(session.call("DELETE", &path).await.status, 200);
    assert_eq!(ids_in(&session.archive_of(&run).await, "orders.jsonl"), ["a", "b", "c"]);
    assert_eq!(session.wait_for_extract(run["id"].as_str().unwrap()).await["extract_name"], "Once");
}
