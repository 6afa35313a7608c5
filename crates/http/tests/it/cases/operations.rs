//! The addresses for those who run the server, and the document that describes all of them.

use std::collections::BTreeSet;

use reinstate_http::route::ROUTES;
use serde_json::json;

use super::BACKEND;
use crate::harness::{TestServer, orders_archive};

#[actix_web::test]
async fn health_and_readiness_answer_without_a_token() {
    let server = TestServer::start(BACKEND).await;
    let nobody = server.session_with(None);
    assert_eq!(nobody.get("/healthz").await.body["status"], "ok");
    let ready = nobody.get("/readyz").await;
    assert_eq!((ready.status, &ready.body["database"]), (200, &json!("ok")));
    assert_eq!(nobody.get("/").await.body["name"], "reinstate");
}

#[actix_web::test]
async fn readiness_names_the_part_that_is_gone() {
    let server = TestServer::start(BACKEND).await;
    server.storage_marked().await;
    // In one step: the server may be tidying up there.
    std::fs::rename(server.dir().join("objects"), server.dir().join("gone")).unwrap();
    let answer = server.session_with(None).get("/readyz").await;
    answer.refused(503, "SERVICE_UNAVAILABLE");
    assert!(answer.message().contains("storage"), "{}", answer.text);
    assert!(answer.header("retry-after").is_some());
}

#[actix_web::test]
async fn metrics_count_requests_by_route_and_runs_by_outcome() {
    let server = TestServer::start(BACKEND).await;
    let full = server.session("alpha", "full");
    full.restore(orders_archive(&["a", "b"]), "upsert").await;
    full.extract(serde_json::json!({ "name": "All" })).await;
    full.get("/api/data/orders/a").await;
    full.get("/no/such/address").await;
    let text = server.session_with(None).get("/metrics").await.text;
    let expected = [
        r#"reinstate_http_request_duration_seconds_count{method="GET",route="/api/data/{model}/{id}",status="200"}"#,
        r#"reinstate_http_request_duration_seconds_count{method="GET",route="none",status="404"} 1"#,
        r#"reinstate_runs_total{status="completed",strategy="upsert"} 1"#,
        r#"reinstate_extract_runs_total{status="completed"} 1"#,
        r#"reinstate_records_total{outcome="imported"} 2"#,
        "reinstate_queue_depth 0",
        "reinstate_workers 2",
        r#"reinstate_pool_connections{pool="control",state="idle"}"#,
    ];
    for line in expected {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("alpha"), "no label of a tenant's");
}

#[actix_web::test]
async fn the_document_describes_exactly_the_routes() {
    let server = TestServer::start(BACKEND).await;
    let document = server.session_with(None).get("/openapi.json").await.body;
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let registered: BTreeSet<String> = ROUTES.iter().map(|route| format!("{route:?}")).collect();
    assert_eq!(described, registered);
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let text = reinstate_http::openapi::document_json().unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    for route in ROUTES {
        let operation = &document["paths"][route.pattern][route.verb.as_str().to_lowercase()];
        assert!(operation["responses"][route.status.to_string()].is_object(), "{route:?}");
        assert_eq!(operation["security"].is_array(), route.least.is_some(), "{route:?}");
    }
}
