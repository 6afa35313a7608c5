//! Who may run, configure and download extracts, and which records they hold.

use serde_json::json;

use super::BACKEND;
use crate::harness::{Session, TestServer, ids_in, mint_with, now_s};

fn user(server: &TestServer, name: &str, level: &str) -> Session {
    let claims = json!({ "sub": name, "tenant": "alpha", "access": level, "exp": now_s() + 600 });
    server.session_with(Some(mint_with(&claims)))
}

#[actix_web::test]
async fn read_downloads_edit_runs_and_full_configures() {
    let server = TestServer::start(BACKEND).await;
    let [read, edit, full] = ["read", "edit", "full"].map(|level| server.session("alpha", level));
    full.orders(&["a"]).await;
    let id = full.extract_made(json!({ "name": "All" })).await;
    let (start, cancel) = (format!("/api/extracts/{id}/run"), format!("/api/extracts/{id}/cancel"));
    read.call("POST", &start).await.refused(403, "FORBIDDEN");
    read.call("POST", &cancel).await.refused(403, "FORBIDDEN");
    let run = edit.extract_ran(&id).await;
    assert_eq!(run["status"], "completed", "{run}");
    let archive = read.archive_of(&run).await;
    assert_eq!(ids_in(&archive, "orders.jsonl"), ["a"]);
    let artifact = read.artifacts(&run).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(read.get(&format!("/api/extracts/artifacts/{artifact}/download")).await.status, 200);
    let path = format!("/api/data/extracts/{id}");
    assert_eq!(read.get(&path).await.status, 200);
    for below in [&read, &edit] {
        below.post("/api/data/extracts", json!({ "name": "x" })).await.refused(403, "FORBIDDEN");
        below.put(&path, json!({ "name": "x" })).await.refused(403, "FORBIDDEN");
        below.call("DELETE", &path).await.refused(403, "FORBIDDEN");
    }
}

#[actix_web::test]
async fn records_that_the_caller_may_not_read_are_left_out_and_the_rest_is_theirs_alone() {
    let server = TestServer::start(BACKEND).await;
    let root = user(&server, "root", "root");
    root.orders(&["open"]).await;
    let listed = json!([
        { "id": "for-ann", "title": "x", "access_read": ["ann"] },
        { "id": "for-bob", "title": "x", "access_read": ["bob"] },
        { "id": "not-ann", "title": "x", "access_deny": ["ann"] },
    ]);
    assert_eq!(root.post("/api/data/orders", listed).await.status, 201);
    let id = root.extract_made(json!({ "name": "All" })).await;
    let [ann, bob, eve] = ["ann", "bob", "eve"].map(|name| user(&server, name, "edit"));
    let run = ann.extract_ran(&id).await;
    assert_eq!((&run["status"], &run["executed_by"]), (&json!("completed"), &json!("ann")), "{run}");
    assert_eq!(ids_in(&ann.archive_of(&run).await, "orders.jsonl"), ["for-ann", "open"]);
    assert_eq!(ids_in(&root.archive_of(&run).await, "orders.jsonl"), ["for-ann", "open"]);
    let path = format!("/api/extracts/runs/{}/download", run["id"].as_str().unwrap());
    for other in [&bob, &eve, &user(&server, "fritz", "full")] {
        other.get(&path).await.refused(403, "FORBIDDEN");
        for artifact in other.artifacts(&run).await {
            let path = format!("/api/extracts/artifacts/{}/download", artifact["id"].as_str().unwrap());
            other.get(&path).await.refused(403, "FORBIDDEN");
        }
    }
    let whole = root.extract_ran(&id).await;
    let ids = ids_in(&root.archive_of(&whole).await, "orders.jsonl");
    assert_eq!(ids, ["for-ann", "for-bob", "not-ann", "open"]);
    ann.get(&path.replace(run["id"].as_str().unwrap(), whole["id"].as_str().unwrap()))
        .await
        .refused(403, "FORBIDDEN");
}

#[actix_web::test]
async fn an_archive_that_others_may_not_have_is_no_way_for_them_to_restore_it() {
    let server = TestServer::start(BACKEND).await;
    let root = user(&server, "root", "root");
    root.orders(&["open"]).await;
    let closed = json!({ "id": "for-bob", "title": "secret", "access_read": ["bob"] });
    assert_eq!(root.post("/api/data/orders", closed).await.status, 201);
    let run = root.extract(json!({ "name": "All" })).await;
    let ann = user(&server, "ann", "full");
    let body = json!({ "name": "x", "source_type": "extract_run", "source_ref": run["id"] });
    ann.post("/api/data/restores", body.clone()).await.refused(400, "BAD_REQUEST");
    let restore = root.post("/api/data/restores", body).await;
    assert_eq!(restore.status, 201, "{}", restore.text);
    let path = format!("/api/restores/{}/run", restore.data()["id"].as_str().unwrap());
    ann.call("POST", &path).await.refused(403, "FORBIDDEN");
    assert_eq!(root.call("POST", &path).await.status, 200);
}
