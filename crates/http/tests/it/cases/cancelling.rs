//! Cancelling a run: in the queue, while it waits, and in the middle of its data.

use reinstate_engine::Cancellation;
use reinstate_store::{RunToken, TenantId};
use serde_json::json;

use super::BACKEND;
use crate::harness::{Session, TestServer, archive_of, orders_archive};

async fn cancel_of(session: &Session, run: &serde_json::Value) -> String {
    let path = format!("/api/restores/{}/cancel", run["restore_id"].as_str().unwrap());
    let answer = session.call("POST", &path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.data()["message"], "Restore cancelled");
    answer.data()["run_id"].as_str().unwrap().to_owned()
}

async fn run_of(session: &Session, run_id: &str) -> serde_json::Value {
    session.get(&format!("/api/data/restore_runs/{run_id}")).await.data().clone()
}

#[actix_web::test]
async fn nothing_to_cancel_is_not_found() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    session.call("POST", "/api/restores/restore_none/cancel").await.refused(404, "RECORD_NOT_FOUND");
    let run = session.restore(orders_archive(&["a"]), "upsert").await;
    let path = format!("/api/restores/{}/cancel", run["restore_id"].as_str().unwrap());
    session.call("POST", &path).await.refused(404, "RECORD_NOT_FOUND");
    assert_eq!(run_of(&session, run["id"].as_str().unwrap()).await["status"], "completed");
}

#[actix_web::test]
async fn a_queued_run_is_cancelled_and_never_taken() {
    let server = TestServer::start_with(BACKEND, |settings| settings.jobs.workers = 0).await;
    let session = server.session("alpha", "full");
    let before = server.dump("alpha");
    let run_id = session.import(orders_archive(&["a"]), &[]).await;
    let run = run_of(&session, &run_id).await;
    assert_eq!(run["status"], "queued", "{run}");
    assert_eq!(cancel_of(&session, &run).await, run_id);
    assert_eq!(run_of(&session, &run_id).await["status"], "cancelled");
    assert_eq!(server.dump("alpha"), before);
}

#[actix_web::test]
async fn a_run_that_waits_for_the_tenant_is_cancelled_and_leaves_nothing() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    session.orders(&["a"]).await;
    // Another writer holds the tenant, so that the run is taken but cannot begin.
    let tenant = server.store.tenants.open(&TenantId::new("alpha").unwrap()).unwrap();
    let held = tenant.target(RunToken { run_id: "run_other", fence: 1 }, &Cancellation::default()).unwrap();
    let run_id = session.import(orders_archive(&["a", "b"]), &[("conflict_strategy", "replace")]).await;
    let path = format!("/api/data/restore_runs/{run_id}");
    let run = session.wait_until(&path, |run| run["status"] == "running").await;
    assert_eq!(cancel_of(&session, &run).await, run_id);
    assert_eq!(run_of(&session, &run_id).await["status"], "cancelled");
    drop(held);
    // The next run of the tenant comes after the cancelled one has let go.
    let next = session.restore(orders_archive(&["b"]), "skip").await;
    assert_eq!(next["status"], "completed", "{next}");
    assert_eq!(session.titles().await, [("a".into(), "mine".into()), ("b".into(), "from archive".into())]);
    assert_eq!(run_of(&session, &run_id).await["status"], "cancelled");
}

/// Queues a `replace` of so many records and looks at the run until some of them are written.
async fn run_under_way(session: &Session, records: u32) -> serde_json::Value {
    let lines = (0..records).map(|n| format!(r#"{{"id":"r{n}","title":"record number {n}"}}"#)).collect();
    let describe = "orders:\n  fields:\n    title: { type: text }\n    note: { type: text }\n";
    let file = archive_of(describe, &[("orders", lines)]);
    let run_id = session.import(file, &[("conflict_strategy", "replace")]).await;
    let is_under_way = |run: &serde_json::Value| {
        let is_ended = !["queued", "running"].contains(&run["status"].as_str().unwrap());
        is_ended || run["progress"].as_u64().is_some_and(|percent| percent > 25)
    };
    session.wait_until(&format!("/api/data/restore_runs/{run_id}"), is_under_way).await
}

#[actix_web::test]
async fn a_run_in_the_middle_of_its_data_is_cancelled_and_leaves_nothing() {
    let server = TestServer::start_with(BACKEND, |settings| settings.jobs.progress_ms = 10).await;
    // A machine that is done with the first before it can be cancelled gets a larger one.
    for records in [100_000, 1_000_000, 5_000_000] {
        let tenant = format!("tenant-{records}");
        let session = server.session(&tenant, "full");
        session.orders(&["r1", "mine"]).await;
        let before = server.dump(&tenant);
        let run = run_under_way(&session, records).await;
        let path = format!("/api/restores/{}/cancel", run["restore_id"].as_str().unwrap());
        if session.call("POST", &path).await.status != 200 {
            continue;
        }
        // A second run of the tenant only begins once the first has rolled back.
        let next = session.restore(orders_archive(&[]), "skip").await;
        assert_eq!(next["status"], "completed", "{next}");
        assert_eq!(session.titles().await, [("mine".into(), "mine".into()), ("r1".into(), "mine".into())]);
        assert_eq!(without_marks(&server.dump(&tenant)), without_marks(&before));
        let run = run_of(&session, run["id"].as_str().unwrap()).await;
        assert_eq!(run["status"], json!("cancelled"));
        assert!(run["error"].as_str().is_some_and(|error| error.contains("othing")), "{run}");
        assert!(run["progress"].as_u64().unwrap() < 100);
        return;
    }
    panic!("no run could be cancelled before its end");
}

#[actix_web::test]
async fn nothing_of_a_run_is_seen_before_it_is_completed() {
    let server = TestServer::start_with(BACKEND, |settings| settings.jobs.progress_ms = 10).await;
    let session = server.session("alpha", "full");
    session.orders(&["mine"]).await;
    let run = run_under_way(&session, 60_000).await;
    let path = format!("/api/data/restore_runs/{}", run["id"].as_str().unwrap());
    let mut looks = 0;
    loop {
        let count = session.get("/api/data/orders?limit=1&count=true").await.body["page"]["total"].clone();
        let fields = session.get("/api/describe/orders/fields").await.records().len();
        let status = session.get(&path).await.data()["status"].clone();
        let is_old = (count.clone(), fields) == (json!(1), 1);
        let is_new = (count.clone(), fields) == (json!(60_000), 2);
        // The state may turn between the first look and the last, never back, and never halfway.
        assert!(is_old || is_new || (count == json!(1) && fields == 2), "{count} records, {fields} fields");
        if status != "queued" && status != "running" {
            assert_eq!(status, "completed");
            break;
        }
        looks += 1;
    }
    let total = session.get("/api/data/orders?limit=1&count=true").await.body["page"]["total"].clone();
    assert_eq!(total, json!(60_000), "after {looks} looks");
}

/// The dump without what the next run left: its mark.
fn without_marks(dump: &str) -> String {
    let lines: Vec<&str> = dump.lines().filter(|line| !line.contains("run_")).collect();
    lines.join("\n")
}
