//! The typed client against a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reinstate_api::{Client, ClientError, ImportOptions, RunStatus};

use super::BACKEND;
use crate::harness::{TestServer, archive_of, mint, orders_archive};

#[actix_web::test]
async fn a_file_is_imported_followed_and_read_back() {
    let server = TestServer::start(BACKEND).await;
    let lines = (0..5_000).map(|n| format!(r#"{{"id":"r{n}","title":"{n}"}}"#)).collect();
    let file = archive_of("orders:\n  fields:\n    title: { type: text }\n", &[("orders", lines)]);
    let path = server.dir().join("file.zip");
    std::fs::write(&path, &file).unwrap();
    let client = Client::new(server.url(), mint("alpha", "full")).unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&sent);
    let options = ImportOptions { conflict_strategy: Some("skip".to_owned()), ..ImportOptions::default() };
    let accepted = client
        .import(&path, &options, move |done, _| {
            told.store(done, Ordering::Relaxed);
        })
        .await
        .unwrap();
    assert_eq!(sent.load(Ordering::Relaxed), file.len() as u64);
    assert_eq!(
        (accepted.filename.as_str(), accepted.config.conflict_strategy.as_str()),
        ("file.zip", "skip")
    );
    server.session("alpha", "full").wait_for_run(&accepted.run_id).await;
    let run = client.run(&accepted.run_id).await.unwrap();
    assert_eq!((run.status, run.records_imported, run.progress), (RunStatus::Completed, 5_000, 100));
    assert_eq!(client.models().await.unwrap(), ["orders"]);
    assert_eq!(client.count("orders").await.unwrap(), 5_000);
    let logs = client.logs(&accepted.run_id, 2, 0).await.unwrap();
    assert_eq!((logs.records.len(), logs.page.unwrap().limit), (2, 2));
    let again = client.restore_run(&accepted.restore_id).await.unwrap();
    server.session("alpha", "full").wait_for_run(&again.run_id).await;
    assert_eq!(client.run(&again.run_id).await.unwrap().records_skipped, 5_000);
    let none = client.cancel(&accepted.restore_id).await.unwrap_err();
    assert_eq!(none.code(), Some("RECORD_NOT_FOUND"));
}

#[actix_web::test]
async fn refusals_carry_status_code_and_sentence() {
    let server = TestServer::start(BACKEND).await;
    let path = server.dir().join("file.zip");
    std::fs::write(&path, orders_archive(&["a"])).unwrap();
    let client = Client::new(server.url(), mint("alpha", "full")).unwrap();
    let options = ImportOptions { conflict_strategy: Some("none".to_owned()), ..ImportOptions::default() };
    match client.import(&path, &options, |_, _| ()).await.unwrap_err() {
        ClientError::Refused { status, code, message, .. } => {
            assert_eq!((status, code.as_str()), (400, "BAD_REQUEST"));
            assert!(message.contains("upsert"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    let missing = client.upload(&server.dir().join("missing.zip"), |_, _| ()).await.unwrap_err();
    assert!(missing.to_string().contains("missing.zip"), "{missing}");
}

#[actix_web::test]
async fn a_server_that_is_not_there_is_told_in_plain_words() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::new(&format!("http://{free}"), "token").unwrap();
    let message = client.run("run_x").await.unwrap_err().to_string();
    assert!(message.contains("cannot connect to") && message.contains(&free.to_string()), "{message}");
    assert!(matches!(Client::new("ftp://host", ""), Err(ClientError::Address { .. })));
    assert!(matches!(Client::new("localhost", ""), Err(ClientError::Address { .. })));
}
