//! The typed client's extracts against a server, and against a connection that breaks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reinstate_api::{Client, ClientError, ExtractBody, RunStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use super::BACKEND;
use crate::harness::{TestServer, archive_of, checksum, entries, mint};

/// A server whose tenant has so many orders, and a client of it.
async fn furnished(records: u32) -> (TestServer, Client) {
    let server = TestServer::start(BACKEND).await;
    let line = |n: u32| format!(r#"{{"id":"r{n}","title":"{}"}}"#, checksum(&n.to_be_bytes()));
    let describe = "orders:\n  fields:\n    title: { type: text }\n";
    let file = archive_of(describe, &[("orders", (0..records).map(line).collect())]);
    assert_eq!(server.session("alpha", "full").restore(file, "replace").await["status"], "completed");
    let client = Client::new(server.url(), mint("alpha", "full")).unwrap();
    (server, client)
}

/// Makes and runs an extract of everything; answers the ids of both.
async fn extracted(server: &TestServer, client: &Client) -> (String, String) {
    let body = ExtractBody { name: "All".to_owned(), ..ExtractBody::default() };
    let extract = client.extract_create(&body).await.unwrap();
    assert_eq!((extract.retention_days, extract.enabled, extract.total_runs), (7, true, 0));
    let accepted = client.extract_run(&extract.id).await.unwrap();
    server.session("alpha", "full").wait_for_extract(&accepted.run_id).await;
    (extract.id, accepted.run_id)
}

#[actix_web::test]
async fn an_extract_is_made_run_watched_downloaded_and_removed() {
    let (server, client) = furnished(1_000).await;
    let (extract_id, run_id) = extracted(&server, &client).await;
    let run = client.extract_run_record(&run_id).await.unwrap();
    assert_eq!((run.status, run.progress, run.records_exported), (RunStatus::Completed, 100, 1_000));
    let path = server.dir().join("out.zip");
    let mut told = Vec::new();
    let downloaded = client.extract_download(&run_id, &path, |done, total| told.push((done, total))).await;
    let (downloaded, bytes) = (downloaded.unwrap(), std::fs::read(&path).unwrap());
    assert_eq!((downloaded.size_bytes, downloaded.checksum), (bytes.len() as u64, checksum(&bytes)));
    assert_eq!(told.last(), Some(&(bytes.len() as u64, bytes.len() as u64)));
    let entries = entries(&bytes);
    let artifacts = client.artifacts(&run_id).await.unwrap();
    assert_eq!(artifacts.len(), entries.len());
    for artifact in artifacts {
        let downloaded = client.artifact_download(&artifact.id, &path, |_, _| ()).await.unwrap();
        assert_eq!(downloaded.checksum, artifact.checksum);
        assert_eq!(std::fs::read(&path).unwrap(), entries[&artifact.artifact_name]);
    }
    let none = client.extract_cancel(&extract_id).await.unwrap_err();
    assert_eq!(none.code(), Some("RECORD_NOT_FOUND"));
    client.extract_remove(&extract_id).await.unwrap();
    let gone = client.extract_run(&extract_id).await.unwrap_err();
    assert_eq!(gone.code(), Some("RECORD_NOT_FOUND"));
}

#[actix_web::test]
async fn refusals_and_files_that_cannot_be_written_end_a_download_at_once() {
    let (server, client) = furnished(1).await;
    let path = server.dir().join("out.zip");
    match client.extract_download("run_x", &path, |_, _| ()).await.unwrap_err() {
        ClientError::Refused { status, code, .. } => {
            assert_eq!((status, code.as_str()), (404, "RECORD_NOT_FOUND"));
        }
        other => panic!("{other:?}"),
    }
    let (_, run_id) = extracted(&server, &client).await;
    let nowhere = server.dir().join("missing/out.zip");
    let error = client.extract_download(&run_id, &nowhere, |_, _| ()).await.unwrap_err();
    assert!(matches!(&error, ClientError::Unwritable { path, .. } if path.contains("missing")), "{error:?}");
}

/// Passes connections on to a server. Each is cut after so many bytes of the answer, but for those after the first
/// `cuts`. Answers its address and how many connections it has had.
async fn cutting_proxy(server: SocketAddr, bytes: u64, cuts: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    actix_web::rt::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let limit = if number < cuts { bytes } else { u64::MAX };
            actix_web::rt::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                let (mut from_client, mut to_client) = client.split();
                let (from_server, mut to_server) = server.split();
                let mut answer = from_server.take(limit);
                tokio::select! {
                    _ = copy(&mut from_client, &mut to_server) => {}
                    _ = copy(&mut answer, &mut to_client) => {}
                }
                // Whichever side ended it, the other one hears of it.
                let _ = to_client.shutdown().await;
            });
        }
    });
    (url, count)
}

#[actix_web::test]
async fn a_download_that_breaks_is_taken_up_where_it_broke() {
    let (server, client) = furnished(20_000).await;
    let (_, run_id) = extracted(&server, &client).await;
    let address = server.url().trim_start_matches("http://").parse().unwrap();
    let (url, connections) = cutting_proxy(address, 200_000, 2).await;
    let client = Client::new(&url, mint("alpha", "read")).unwrap();
    let path = server.dir().join("out.zip");
    let mut done_before = 0;
    let downloaded = client.extract_download(&run_id, &path, |done, _| {
        assert!(done >= done_before, "nothing is fetched twice");
        done_before = done;
    });
    let (downloaded, bytes) = (downloaded.await.unwrap(), std::fs::read(&path).unwrap());
    assert_eq!(connections.load(Ordering::SeqCst), 3);
    assert!(bytes.len() > 500_000, "{}", bytes.len());
    assert_eq!((downloaded.size_bytes, downloaded.checksum), (bytes.len() as u64, checksum(&bytes)));
    entries(&bytes);
}
