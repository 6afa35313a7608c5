//! Archives in a bucket, as clients see it: no different from a folder while it works, and 503 while it does not.

use reinstate_test_s3::{ACCESS_KEY_ID, Fault, S3Server};
use serde_json::json;

use super::BACKEND;
use crate::harness::{Answer, TestServer, orders_archive, storage_in};

async fn start(bucket: &S3Server) -> TestServer {
    TestServer::start_with(BACKEND, |settings| settings.storage = storage_in(bucket)).await
}

/// 503 with a hint when to come again, and nothing of the inside.
fn assert_away(answer: &Answer) {
    answer.refused(503, "SERVICE_UNAVAILABLE");
    assert!(answer.header("retry-after").is_some());
    for inside in ["127.0.0.1", "prefix", ACCESS_KEY_ID, "S3", "uploads/"] {
        assert!(!answer.text.contains(inside), "{inside}: {}", answer.text);
    }
}

#[actix_web::test]
async fn an_import_and_an_extract_go_through_a_bucket() {
    let bucket = S3Server::start();
    let server = start(&bucket).await;
    let full = server.session("alpha", "full");
    assert_eq!(server.session_with(None).get("/readyz").await.status, 200);
    let run = full.restore(orders_archive(&["a", "b"]), "upsert").await;
    assert_eq!(run["status"], "completed", "{run}");
    assert!(bucket.keys().iter().any(|key| key.starts_with("prefix/uploads/alpha/upload_")));

    let extract = full.post("/api/data/extracts", json!({"name": "all"})).await;
    let id = extract.body["data"]["id"].as_str().unwrap();
    let answer = full.post(&format!("/api/extracts/{id}/run"), json!({})).await;
    let run_id = answer.body["data"]["run_id"].as_str().unwrap();
    let run = full
        .wait_until(&format!("/api/data/extract_runs/{run_id}"), |run| {
            ["completed", "failed"].contains(&run["status"].as_str().unwrap())
        })
        .await;
    assert_eq!(run["status"], "completed", "{run}");
    let path = format!("/api/extracts/runs/{run_id}/download");
    let whole = full.request("GET", &path).send().await.unwrap().bytes().await.unwrap();
    let part = full.request("GET", &path).header("range", "bytes=5-14").send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.unwrap(), whole[5..15]);

    bucket.fail(Fault::Denied);
    assert_away(&full.get(&path).await);
}

#[actix_web::test]
async fn a_bucket_that_fails_gives_503_and_works_again_when_it_is_back() {
    let bucket = S3Server::start();
    let server = start(&bucket).await;
    let full = server.session("alpha", "full");
    for fault in [Fault::Denied, Fault::Unavailable] {
        bucket.fail(fault);
        for path in ["/api/restores/import", "/api/restores/uploads"] {
            assert_away(&full.form(path, orders_archive(&["a"]), &[]).await);
        }
        let ready = server.session_with(None).get("/readyz").await;
        ready.refused(503, "SERVICE_UNAVAILABLE");
        assert!(ready.message().contains("storage"), "{}", ready.text);
        assert!(!ready.text.contains(ACCESS_KEY_ID), "{}", ready.text);
        assert_eq!(full.get("/api/data/restores").await.status, 200, "what needs no archive goes on");
        bucket.recover();
    }
    let run = full.restore(orders_archive(&["a"]), "upsert").await;
    assert_eq!(run["status"], "completed", "{run}");
}
