//! Files on their way out: what their headers say, parts of them, and downloads that break.

use serde_json::{Value as Json, json};

use super::BACKEND;
use crate::harness::{Answer, Session, TestServer, archive_of, checksum, entries};

/// A tenant with one archive, large enough to be sent in many pieces.
struct Made {
    server: TestServer,
    session: Session,
    run: Json,
    path: String,
}

impl Made {
    async fn new(name: &str, records: u32) -> Self {
        let server = TestServer::start(BACKEND).await;
        let session = server.session("alpha", "full");
        // Titles that do not compress well, so that the archive is large.
        let line = |n: u32| format!(r#"{{"id":"r{n}","title":"{}"}}"#, checksum(&n.to_be_bytes()));
        let describe = "orders:\n  fields:\n    title: { type: text }\n";
        let file = archive_of(describe, &[("orders", (0..records).map(line).collect())]);
        assert_eq!(session.restore(file, "replace").await["status"], "completed");
        let run = session.extract(json!({ "name": name })).await;
        let path = format!("/api/extracts/runs/{}/download", run["id"].as_str().unwrap());
        Self { server, session, run, path }
    }

    async fn with(&self, headers: &[(&str, &str)]) -> Answer {
        let request = self.session.request("GET", &self.path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.session.send(request).await
    }

    async fn artifact(&self, artifact_type: &str) -> Json {
        let artifacts = self.session.artifacts(&self.run).await;
        artifacts.into_iter().find(|artifact| artifact["artifact_type"] == artifact_type).unwrap()
    }
}

#[actix_web::test]
async fn an_archive_comes_with_its_name_length_tag_and_checksum() {
    let made = Made::new("Sales \"2025\" / Größe", 100).await;
    let answer = made.with(&[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/zip"));
    assert_eq!(answer.header("content-length"), Some(answer.bytes.len().to_string().as_str()));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert_eq!(answer.header("x-checksum-sha256"), Some(checksum(&answer.bytes).as_str()));
    let etag = answer.header("etag").unwrap();
    assert!(etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    let name = answer.header("content-disposition").unwrap();
    let run_id = made.run["id"].as_str().unwrap();
    let day = &made.run["created_at"].as_str().unwrap()[..10];
    let plain = format!("attachment; filename=\"Sales-2025-Gr__e-{day}-{run_id}.zip\"; filename*=UTF-8''");
    let exact = format!("Sales-2025-Gr%C3%B6%C3%9Fe-{day}-{run_id}.zip");
    assert_eq!(name, plain + &exact);
    entries(&answer.bytes);
}

#[actix_web::test]
async fn head_says_the_same_without_the_bytes() {
    let made = Made::new("All", 100).await;
    let full = made.with(&[]).await;
    let head = made.session.call("HEAD", &made.path).await;
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    for name in [
        "content-type",
        "content-length",
        "etag",
        "accept-ranges",
        "x-checksum-sha256",
        "content-disposition",
    ] {
        assert_eq!(head.header(name), full.header(name), "{name}");
    }
    let ranged = made.session.request("HEAD", &made.path).header("range", "bytes=0-0");
    assert_eq!(made.session.send(ranged).await.status, 200);
    assert_eq!(made.session.call("HEAD", "/api/extracts/runs/run_x/download").await.status, 404);
}

#[actix_web::test]
async fn a_download_taken_up_in_the_middle_has_the_right_checksum() {
    let made = Made::new("All", 20_000).await;
    let whole = made.with(&[]).await;
    let (size, etag) = (whole.bytes.len(), whole.header("etag").unwrap());
    assert!(size > 500_000, "{size}");
    for cut in [1, size / 2, size - 1] {
        let first = made.with(&[("range", &format!("bytes=0-{}", cut - 1))]).await;
        assert_eq!((first.status, first.bytes.len()), (206, cut));
        assert_eq!(first.header("content-range"), Some(format!("bytes 0-{}/{size}", cut - 1).as_str()));
        assert_eq!(first.header("content-length"), Some(cut.to_string().as_str()));
        let rest = made.with(&[("range", &format!("bytes={cut}-")), ("if-range", etag)]).await;
        assert_eq!(rest.status, 206);
        assert_eq!(rest.header("content-range"), Some(format!("bytes {cut}-{}/{size}", size - 1).as_str()));
        let joined = [first.bytes.as_slice(), &rest.bytes].concat();
        assert_eq!(Some(checksum(&joined).as_str()), rest.header("x-checksum-sha256"), "cut at {cut}");
    }
    let end = made.with(&[("range", "bytes=-100")]).await;
    assert_eq!((end.status, end.bytes.as_slice()), (206, &whole.bytes[size - 100..]));
}

#[actix_web::test]
async fn parts_that_cannot_be_are_refused_or_passed_over() {
    let made = Made::new("All", 100).await;
    let whole = made.with(&[]).await;
    let size = whole.bytes.len();
    for range in [format!("bytes={size}-"), "bytes=-0".to_owned(), format!("bytes={}-{}", size + 1, size + 2)]
    {
        let beyond = made.with(&[("range", &range)]).await;
        beyond.refused(416, "RANGE_NOT_SATISFIABLE");
        assert_eq!(beyond.header("content-range"), Some(format!("bytes */{size}").as_str()), "{range}");
    }
    let other = ("if-range", "\"another file\"");
    let passed_over: [&[(&str, &str)]; 5] = [
        &[("range", "bytes=5-4")],
        &[("range", "bytes=0-1,3-4")],
        &[("range", "lines=0-1")],
        &[("range", "bytes=0-1"), other],
        &[("range", "bytes=0-1"), ("if-range", "Tue, 15 Nov 1994 12:45:26 GMT")],
    ];
    for headers in passed_over {
        let answer = made.with(headers).await;
        assert_eq!((answer.status, answer.bytes.len()), (200, size), "{headers:?}");
        assert_eq!(answer.header("content-range"), None);
    }
}

#[actix_web::test]
async fn who_has_the_file_is_told_that_it_did_not_change() {
    let made = Made::new("All", 100).await;
    let etag = made.with(&[]).await.header("etag").unwrap().to_owned();
    for tags in [etag.clone(), "*".to_owned(), format!("\"other\", W/{etag}")] {
        let answer = made.with(&[("if-none-match", &tags), ("range", "bytes=0-1")]).await;
        assert_eq!((answer.status, answer.bytes.len()), (304, 0), "{tags}");
        assert_eq!(answer.header("etag"), Some(etag.as_str()));
    }
    assert_eq!(made.with(&[("if-none-match", "\"other\"")]).await.status, 200);
}

#[actix_web::test]
async fn each_entry_is_handed_out_by_itself_with_its_checksum() {
    let made = Made::new("All", 5_000).await;
    let entries = entries(&made.with(&[]).await.bytes);
    let artifacts = made.session.artifacts(&made.run).await;
    let names: Vec<&str> = artifacts.iter().map(|a| a["artifact_name"].as_str().unwrap()).collect();
    assert_eq!(names, entries.keys().map(String::as_str).collect::<Vec<_>>());
    for artifact in &artifacts {
        let name = artifact["artifact_name"].as_str().unwrap();
        let path = format!("/api/extracts/artifacts/{}/download", artifact["id"].as_str().unwrap());
        let answer = made.session.get(&path).await;
        assert_eq!((answer.status, &answer.bytes), (200, &entries[name]), "{name}");
        assert_eq!(artifact["size_bytes"], json!(answer.bytes.len()));
        assert_eq!(answer.header("content-length"), Some(answer.bytes.len().to_string().as_str()));
        assert_eq!(answer.header("x-checksum-sha256"), artifact["checksum"].as_str());
        assert_eq!(answer.header("x-checksum-sha256"), Some(checksum(&answer.bytes).as_str()));
        assert_eq!(answer.header("content-type"), artifact["content_type"].as_str());
        assert!(answer.header("content-disposition").unwrap().contains(name));
        // It is unpacked on the way: whoever asks for a part gets it whole.
        assert_eq!(answer.header("accept-ranges"), Some("none"));
        let part = made.session.request("GET", &path).header("range", "bytes=10-19");
        let whole = made.session.send(part).await;
        assert_eq!((whole.status, &whole.bytes), (200, &entries[name]), "{name}");
    }
    made.session.get("/api/extracts/artifacts/artifact_x/download").await.refused(404, "RECORD_NOT_FOUND");
}

#[actix_web::test]
async fn downloads_of_an_entry_are_counted_once_each() {
    let made = Made::new("All", 10).await;
    let artifact = made.artifact("data-orders").await;
    let id = artifact["id"].as_str().unwrap();
    let path = format!("/api/extracts/artifacts/{id}/download");
    made.session.get(&path).await;
    made.session.call("HEAD", &path).await;
    made.session.get(&path).await;
    assert_eq!(made.artifact("data-orders").await["download_count"], json!(2));
}

#[actix_web::test]
async fn clients_that_go_away_leave_the_server_as_it_was() {
    use std::io::{Read, Write};
    let made = Made::new("All", 20_000).await;
    let address = made.server.url().trim_start_matches("http://").to_owned();
    let token = crate::harness::mint("alpha", "read");
    let artifact = made.artifact("data-orders").await;
    let entry = format!("/api/extracts/artifacts/{}/download", artifact["id"].as_str().unwrap());
    for path in [made.path.clone(), entry] {
        let (address, token) = (address.clone(), token.clone());
        let begun = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let mut begun = [0; 64];
            stream.read_exact(&mut begun).unwrap();
            begun
        });
        assert!(begun.await.unwrap().starts_with(b"HTTP/1.1 200"));
    }
    entries(&made.with(&[]).await.bytes);
}
