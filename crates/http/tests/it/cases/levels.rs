//! What each level may do.

use serde_json::{Value as Json, json};

use super::BACKEND;
use crate::harness::{TestServer, mint_with, now_s, orders_archive};

/// Level, method, path, body, status.
type Case = (&'static str, &'static str, &'static str, Json, u16);

#[actix_web::test]
async fn deny_is_refused_everywhere() {
    let server = TestServer::start(BACKEND).await;
    let denied = server.session("alpha", "deny");
    for route in reinstate_http::route::ROUTES.iter().filter(|route| route.least.is_some()) {
        let path = route.pattern.replace(['{', '}'], "");
        denied.call(route.verb.as_str(), &path).await.refused(403, "FORBIDDEN");
    }
    denied.get("/api/nothing").await.refused(403, "FORBIDDEN");
}

#[actix_web::test]
async fn each_route_is_refused_below_its_level() {
    let server = TestServer::start(BACKEND).await;
    for route in reinstate_http::route::ROUTES {
        let Some(least) = route.least else { continue };
        let path = route.pattern.replace(['{', '}'], "");
        for level in ["read", "edit"] {
            let is_enough = reinstate_describe::AccessLevel::parse(level).unwrap() >= least;
            let answer = server.session("alpha", level).call(route.verb.as_str(), &path).await;
            if is_enough {
                assert_ne!(answer.status, 401, "{route:?} as {level}");
            } else {
                answer.refused(403, "FORBIDDEN");
            }
        }
    }
}

#[actix_web::test]
async fn records_are_read_written_and_deleted_by_level() {
    let server = TestServer::start(BACKEND).await;
    server.session("alpha", "full").orders(&["a", "b", "c"]).await;
    let change = || json!({ "title": "changed" });
    let cases: Vec<Case> = vec![
        ("read", "GET", "/api/data/orders/a", Json::Null, 200),
        ("read", "POST", "/api/data/orders", change(), 403),
        ("read", "PUT", "/api/data/orders/a", change(), 403),
        ("edit", "POST", "/api/data/orders", change(), 201),
        ("edit", "PATCH", "/api/data/orders/a", change(), 200),
        ("edit", "DELETE", "/api/data/orders/a", Json::Null, 403),
        ("edit", "POST", "/api/describe/more", json!({}), 403),
        ("edit", "POST", "/api/data/restores", json!({ "name": "x", "source_type": "upload" }), 403),
        ("full", "DELETE", "/api/data/orders/a", Json::Null, 200),
        ("full", "DELETE", "/api/data/orders/b?permanent=true", Json::Null, 200),
        ("full", "POST", "/api/data/restores", json!({ "name": "x", "source_type": "upload" }), 201),
        ("root", "DELETE", "/api/data/orders/c", Json::Null, 200),
    ];
    for (level, method, path, body, status) in cases {
        let session = server.session("alpha", level);
        let answer = session.send(session.request(method, path).json(&body)).await;
        assert_eq!(answer.status, status, "{level} {method} {path}: {}", answer.text);
    }
}

#[actix_web::test]
async fn nobody_writes_the_bookkeeping() {
    let server = TestServer::start(BACKEND).await;
    let root = server.session("alpha", "root");
    for model in
        ["restore_runs", "restore_logs", "extract_runs", "extract_artifacts", "models", "Restore_Runs"]
    {
        let (all, one) = (format!("/api/data/{model}"), format!("/api/data/{model}/x"));
        root.post(&all, json!({ "id": "x" })).await.refused(403, "MODEL_PROTECTED");
        root.put(&all, json!([{ "id": "x" }])).await.refused(403, "MODEL_PROTECTED");
        root.put(&one, json!({ "status": "completed" })).await.refused(403, "MODEL_PROTECTED");
        root.call("DELETE", &one).await.refused(403, "MODEL_PROTECTED");
    }
}

#[actix_web::test]
async fn edit_restores_into_models_that_are_there_and_may_not_replace_or_create() {
    let server = TestServer::start(BACKEND).await;
    server.session("alpha", "full").orders(&["a"]).await;
    let edit = server.session("alpha", "edit");
    let run = edit.restore(orders_archive(&["a", "b"]), "upsert").await;
    assert_eq!(run["status"], "completed", "{run}");
    let replace = [("conflict_strategy", "replace")];
    let refused = edit.form("/api/restores/import", orders_archive(&["a"]), &replace).await;
    refused.refused(403, "FORBIDDEN");
    let before = server.dump("alpha");
    let more = crate::harness::archive("more:\n  fields: {}\n", &[("more", &[r#"{"id":"m"}"#])]);
    let run = edit.restore(more, "upsert").await;
    assert_eq!(run["status"], "failed", "{run}");
    assert!(run["error"].as_str().unwrap().contains("more"), "{run}");
    assert_eq!(server.dump("alpha"), before);
}

#[actix_web::test]
async fn read_may_not_restore() {
    let server = TestServer::start(BACKEND).await;
    let read = server.session("alpha", "read");
    read.form("/api/restores/import", orders_archive(&["a"]), &[]).await.refused(403, "FORBIDDEN");
    read.form("/api/restores/uploads", orders_archive(&["a"]), &[]).await.refused(403, "FORBIDDEN");
    server.no_uploads_left().await;
}

#[actix_web::test]
async fn access_lists_hide_and_protect_single_records() {
    let server = TestServer::start(BACKEND).await;
    let root = server.session("alpha", "root");
    root.orders(&["open"]).await;
    let records = json!([
        { "id": "for-ann", "title": "x", "access_edit": ["ann"] },
        { "id": "for-group", "title": "x", "access_read": ["sales"] },
        { "id": "not-ann", "title": "x", "access_deny": ["ann"] },
        { "id": "for-bob", "title": "x", "access_full": ["bob"] },
    ]);
    assert_eq!(root.post("/api/data/orders", records).await.status, 201);
    let claims = json!({ "sub": "ann", "tenant": "alpha", "access": "edit", "exp": now_s() + 600, "access_read": ["sales"] });
    let ann = server.session_with(Some(mint_with(&claims)));
    let seen = ann.get("/api/data/orders?order=id").await;
    assert_eq!(seen.ids(), ["for-ann", "for-group", "open"]);
    for hidden in ["not-ann", "for-bob"] {
        ann.get(&format!("/api/data/orders/{hidden}")).await.refused(404, "RECORD_NOT_FOUND");
        let path = format!("/api/data/orders/{hidden}");
        ann.put(&path, json!({ "title": "y" })).await.refused(404, "RECORD_NOT_FOUND");
    }
    assert_eq!(ann.put("/api/data/orders/for-ann", json!({ "title": "y" })).await.status, 200);
    ann.put("/api/data/orders/for-group", json!({ "title": "y" })).await.refused(403, "FORBIDDEN");
    assert_eq!(root.get("/api/data/orders").await.records().len(), 5);
}

#[actix_web::test]
async fn an_upsert_may_not_change_records_that_the_caller_may_not() {
    let server = TestServer::start(BACKEND).await;
    let root = server.session("alpha", "root");
    root.orders(&["a"]).await;
    let closed = json!({ "id": "b", "title": "mine", "access_full": ["bob"] });
    assert_eq!(root.post("/api/data/orders", closed).await.status, 201);
    let before = server.dump("alpha");
    for level in ["edit", "full"] {
        let run = server.session("alpha", level).restore(orders_archive(&["a", "b", "c"]), "upsert").await;
        assert_eq!(run["status"], "failed", "{level}: {run}");
        let detail = run["error_detail"].as_str().unwrap();
        assert!(detail.to_uppercase().contains("FORBIDDEN"), "{detail}");
        assert!(detail.contains('b') && detail.contains("orders.jsonl"), "{detail}");
        assert_eq!(server.dump("alpha"), before, "{level}");
    }
    let run = root.restore(orders_archive(&["a", "b", "c"]), "upsert").await;
    assert_eq!(run["status"], "completed", "{run}");
}

#[actix_web::test]
async fn access_lists_of_an_archive_count_for_full_and_root_alone() {
    let server = TestServer::start(BACKEND).await;
    for level in ["edit", "full", "root"] {
        server.session(level, "root").orders(&[]).await;
        let lines: &[&str] = &[r#"{"id":"a","title":"x","access_read":["bob"],"access_deny":["eve"]}"#];
        let file =
            crate::harness::archive("orders:\n  fields:\n    title: { type: text }\n", &[("orders", lines)]);
        let run = server.session(level, level).restore(file, "upsert").await;
        assert_eq!(run["status"], "completed", "{level}: {run}");
        let record = server.session(level, "root").get("/api/data/orders/a").await;
        let expected = if level == "edit" { json!([]) } else { json!(["bob"]) };
        assert_eq!(record.data()["access_read"], expected, "{level}");
        assert_eq!(record.data()["access_deny"].as_array().unwrap().is_empty(), level == "edit");
    }
}
