//! The restore application as its specification shows it: every request, every key of the answers.

use serde_json::{Value as Json, json};

use super::BACKEND;
use crate::harness::{Answer, Session, TestServer, archive, orders_archive};

fn has_keys(value: &Json, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "{key} is missing in {value}");
    }
}

fn accepted(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["success"], json!(true));
    let data = answer.data();
    let run_id = data["run_id"].as_str().unwrap().to_owned();
    assert!(run_id.starts_with("run_"), "{run_id}");
    assert_eq!(data["message"], "Restore queued for execution");
    assert_eq!(data["status_url"], format!("/api/data/restore_runs/{run_id}"));
    run_id
}

async fn configuration(session: &Session, changes: Json) -> Json {
    let describe = "users:\n  fields: {}\norders:\n  fields:\n    title: { type: text }\n";
    let file = archive(describe, &[("users", &[r#"{"id":"u"}"#]), ("orders", &[r#"{"id":"a"}"#])]);
    let upload = session.form("/api/restores/uploads", file, &[]).await;
    assert_eq!(upload.status, 200, "{}", upload.text);
    has_keys(upload.data(), &["source_ref", "filename", "size"]);
    let mut body = json!({
        "name": "Production Restore",
        "description": "Restore production data after testing",
        "source_type": "upload",
        "source_ref": upload.data()["source_ref"],
        "conflict_strategy": "upsert",
        "include": ["describe", "data"],
        "models": ["users", "orders"],
        "create_models": true,
        "enabled": true
    });
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    let created = session.post("/api/data/restores", body).await;
    assert_eq!(created.status, 201, "{}", created.text);
    created.data().clone()
}

#[actix_web::test]
async fn import_answers_the_run_the_file_and_the_settings() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let file = orders_archive(&["a"]);
    let size = file.len();
    let answer = session.form("/api/restores/import", file, &[("conflict_strategy", "upsert")]).await;
    accepted(&answer);
    assert_eq!(answer.data()["filename"], "test.zip");
    assert_eq!(answer.data()["size"], json!(size));
    let config = json!({
        "conflict_strategy": "upsert", "include": ["describe", "data"], "models": null, "create_models": true
    });
    assert_eq!(answer.data()["config"], config);
}

#[actix_web::test]
async fn import_makes_a_configuration_that_can_be_run_again() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let run = session.restore(orders_archive(&["a", "b"]), "upsert").await;
    let path = format!("/api/data/restores/{}", run["restore_id"].as_str().unwrap());
    let restore = session.get(&path).await;
    assert_eq!(restore.data()["name"], "Import test.zip");
    assert_eq!(restore.data()["source_type"], "upload");
    let id = restore.data()["id"].as_str().unwrap();
    let again = session.call("POST", &format!("/api/restores/{id}/run")).await;
    let run = session.wait_for_run(&accepted(&again)).await;
    assert_eq!((&run["records_updated"], &run["records_imported"]), (&json!(2), &json!(0)), "{run}");
    let restore = session.get(&path).await;
    let data = restore.data();
    assert_eq!(
        (&data["total_runs"], &data["successful_runs"], &data["failed_runs"]),
        (&json!(2), &json!(2), &json!(0))
    );
    assert_eq!(data["last_run_id"], run["id"]);
}

#[actix_web::test]
async fn run_records_have_the_keys_of_the_specification() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let run = session.restore(orders_archive(&["a", "b"]), "upsert").await;
    let keys = [
        "id",
        "restore_id",
        "restore_name",
        "status",
        "progress",
        "progress_detail",
        "started_at",
        "records_imported",
        "records_skipped",
        "models_created",
        "fields_created",
        "created_at",
        "records_updated",
        "records_deleted",
        "records_failed",
        "duration_seconds",
        "duration_ms",
        "completed_at",
        "config_snapshot",
        "attempt",
        "error",
        "error_detail",
    ];
    has_keys(&run, &keys);
    let detail =
        ["phase", "files_total", "files_completed", "current_model", "records_imported", "records_skipped"];
    has_keys(&run["progress_detail"], &detail);
    assert_eq!(run["progress_detail"]["phase"], "importing_data");
    assert_eq!((&run["progress"], &run["attempt"]), (&json!(100), &json!(1)));
    assert!(run["started_at"].as_str().unwrap().ends_with('Z'), "{run}");
}

#[actix_web::test]
async fn configurations_are_created_listed_read_changed_and_deleted() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let created = configuration(&session, json!({})).await;
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("restore_"), "{id}");
    let keys = [
        "name",
        "description",
        "source_type",
        "source_ref",
        "conflict_strategy",
        "include",
        "models",
        "create_models",
        "enabled",
        "last_run_id",
        "last_run_at",
        "total_runs",
        "successful_runs",
        "failed_runs",
    ];
    has_keys(&created, &keys);
    assert_eq!(created["models"], json!(["users", "orders"]));
    assert_eq!(session.get("/api/data/restores").await.ids(), [id]);
    let path = format!("/api/data/restores/{id}");
    assert_eq!(session.get(&path).await.data(), &created);
    let changed = session.put(&path, json!({ "enabled": false, "models": null })).await;
    assert_eq!((&changed.data()["enabled"], &changed.data()["models"]), (&json!(false), &Json::Null));
    assert_eq!(changed.data()["name"], created["name"]);
    let deleted = session.call("DELETE", &path).await;
    assert!(deleted.data()["trashed_at"].is_string(), "{}", deleted.text);
    session.get(&path).await.refused(404, "RECORD_NOT_FOUND");
    assert_eq!(session.get("/api/data/restores").await.records().len(), 0);
}

#[actix_web::test]
async fn configurations_have_defaults() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let created = session.post("/api/data/restores", json!({ "name": "x", "source_type": "upload" })).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let data = created.data();
    assert_eq!(data["conflict_strategy"], "upsert");
    assert_eq!(data["include"], json!(["describe", "data"]));
    assert_eq!(
        (&data["models"], &data["create_models"], &data["enabled"]),
        (&Json::Null, &json!(true), &json!(true))
    );
    assert_eq!((&data["description"], &data["source_ref"]), (&Json::Null, &Json::Null));
}

#[actix_web::test]
async fn faulty_configurations_are_refused_with_every_fault() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let body = json!({
        "source_type": "upload", "conflict_strategy": "overwrite", "include": ["all"], "enabled": "maybe", "colour": 1
    });
    let answer = session.post("/api/data/restores", body).await;
    answer.refused(422, "VALIDATION_ERROR");
    let errors = answer.data()["errors"].as_array().unwrap();
    let fields: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    for field in ["name", "conflict_strategy", "include", "enabled", "colour"] {
        assert!(fields.contains(&field), "{field} in {}", answer.text);
    }
    for error in errors {
        has_keys(error, &["field", "rule", "message"]);
    }
    let url = json!({ "name": "x", "source_type": "url", "source_ref": "https://example.com/a.zip" });
    session.post("/api/data/restores", url).await.refused(422, "VALIDATION_ERROR");
}

#[actix_web::test]
async fn sources_outside_the_tenants_own_uploads_are_refused_alike() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let foreign = server.session("beta", "full");
    let foreign = foreign.form("/api/restores/uploads", orders_archive(&["a"]), &[]).await;
    let foreign = foreign.data()["source_ref"].as_str().unwrap().to_owned();
    let control = server.dir().join("control.db").to_str().unwrap().to_owned();
    let places = [
        foreign.as_str(),
        "/etc/passwd",
        "/etc/no-such-file",
        "../beta/x.zip",
        "uploads/alpha/../beta/x.zip",
        "/tmp/restores/uploads/abc123.zip",
        control.as_str(),
        "uploads/alpha/none.zip",
        "",
    ];
    let mut messages = std::collections::BTreeSet::new();
    for place in places {
        let body = json!({ "name": "x", "source_type": "upload", "source_ref": place });
        let answer = session.post("/api/data/restores", body).await;
        answer.refused(400, "BAD_REQUEST");
        messages.insert(answer.message().replace(place, "PLACE"));
    }
    assert!(messages.len() <= 2, "whether a file exists must not show: {messages:?}");
}

#[actix_web::test]
async fn restores_run_by_their_id() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let created = configuration(&session, json!({})).await;
    let id = created["id"].as_str().unwrap();
    let answer = session.call("POST", &format!("/api/restores/{id}/run")).await;
    let run = session.wait_for_run(&accepted(&answer)).await;
    assert_eq!((&run["status"], &run["restore_id"]), (&json!("completed"), &json!(id)), "{run}");
    assert_eq!(run["restore_name"], "Production Restore");
    assert_eq!(run["config_snapshot"]["conflict_strategy"], "upsert");
}

#[actix_web::test]
async fn restores_that_cannot_run_now_are_refused() {
    let server = TestServer::start_with(BACKEND, |settings| settings.jobs.workers = 0).await;
    let session = server.session("alpha", "full");
    session.call("POST", "/api/restores/restore_none/run").await.refused(404, "RECORD_NOT_FOUND");
    let disabled = configuration(&session, json!({ "enabled": false })).await;
    let path = format!("/api/restores/{}/run", disabled["id"].as_str().unwrap());
    session.call("POST", &path).await.refused(409, "CONFLICT");
    let busy = configuration(&session, json!({})).await;
    let path = format!("/api/restores/{}/run", busy["id"].as_str().unwrap());
    accepted(&session.call("POST", &path).await);
    session.call("POST", &path).await.refused(409, "CONFLICT");
    let path = format!("/api/data/restores/{}", busy["id"].as_str().unwrap());
    session.call("DELETE", &path).await.refused(409, "CONFLICT");
}

#[actix_web::test]
async fn logs_are_queried_by_run_and_level() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    session.orders(&["a"]).await;
    let run = session.restore(orders_archive(&["a", "b"]), "sync").await;
    let run_id = run["id"].as_str().unwrap();
    let logs = session.get(&format!("/api/data/restore_logs?filter[where][run_id]={run_id}")).await;
    let keys =
        ["id", "run_id", "level", "phase", "model_name", "record_id", "message", "detail", "created_at"];
    for log in logs.records() {
        has_keys(log, &keys);
        assert!(log["id"].as_str().unwrap().starts_with("log_"));
    }
    let skipped = logs.records().iter().find(|log| log["record_id"] == "a").expect("the skip is logged");
    assert_eq!(skipped["detail"]["reason"], "record_exists_in_parent");
    assert_eq!((&skipped["phase"], &skipped["model_name"]), (&json!("data_import"), &json!("orders")));
    let failed = session.restore(orders_archive(&["a"]), "error").await;
    let failed_id = failed["id"].as_str().unwrap();
    let runs = session.get("/api/data/restore_runs?filter[where][status]=failed").await;
    assert_eq!(runs.ids(), [failed_id]);
    let path = format!("/api/data/restore_logs?filter[where][run_id]={failed_id}&filter[where][level]=error");
    let errors = session.get(&path).await;
    assert!(!errors.records().is_empty());
    assert!(errors.records().iter().all(|log| log["level"] == "error"));
}

#[actix_web::test]
async fn creation_of_models_and_fields_is_logged() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let run = session.restore(orders_archive(&["a"]), "merge").await;
    let path = format!(
        "/api/data/restore_logs?filter[where][run_id]={}&filter[where][phase]=describe_import",
        run["id"].as_str().unwrap()
    );
    let logs = session.get(&path).await;
    let messages: Vec<&str> = logs.records().iter().map(|log| log["message"].as_str().unwrap()).collect();
    assert!(messages.contains(&"Created model"), "{messages:?}");
    assert!(messages.contains(&"Created field: title"), "{messages:?}");
}

#[actix_web::test]
async fn reserved_models_of_an_archive_are_skipped_with_a_warning_each() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let describe =
        "orders:\n  fields: {}\nrestores:\n  status: system\n  fields:\n    name: { type: text }\n";
    let file = archive(
        describe,
        &[
            ("orders", &[r#"{"id":"a"}"#]),
            ("restores", &[r#"{"id":"restore_x","name":"smuggled"}"#]),
            ("restore_runs", &[r#"{"id":"run_x","status":"completed"}"#]),
        ],
    );
    let run = session.restore(file, "upsert").await;
    assert_eq!((&run["status"], &run["records_imported"]), (&json!("completed"), &json!(1)), "{run}");
    let path = format!(
        "/api/data/restore_logs?filter[where][run_id]={}&filter[where][level]=warn",
        run["id"].as_str().unwrap()
    );
    let warned: Vec<Json> =
        session.get(&path).await.records().iter().map(|log| log["model_name"].clone()).collect();
    for model in ["restores", "restore_runs"] {
        assert_eq!(warned.iter().filter(|name| **name == model).count(), 1, "{warned:?}");
    }
    session.get("/api/data/restores/restore_x").await.refused(404, "RECORD_NOT_FOUND");
}

#[actix_web::test]
async fn decimals_keep_every_digit_from_the_archive_to_the_answer() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let file = archive(
        "sums:\n  fields:\n    total: { type: decimal }\n",
        &[(
            "sums",
            &[r#"{"id":"a","total":12345678901234567890.123456789}"#, r#"{"id":"b","total":"0.10"}"#],
        )],
    );
    session.restore(file, "upsert").await;
    let text = session.get("/api/data/sums?order=id").await.text;
    assert!(text.contains(r#""total":12345678901234567890.123456789"#), "{text}");
    let put = session.text("PUT", "/api/data/sums/b", r#"{"total":98765432109876543210.000000001}"#).await;
    assert!(put.text.contains(r#""total":98765432109876543210.000000001"#), "{}", put.text);
}
