//! What holds for every request: ids, envelopes, unknown addresses and methods, broken addresses and bodies.

use serde_json::json;

use super::BACKEND;
use crate::harness::{TestServer, orders_archive};

#[actix_web::test]
async fn request_ids_are_echoed_where_harmless_and_made_otherwise() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "read");
    let with_id = |id: &str| session.request("GET", "/healthz").header("x-request-id", id.to_owned());
    let echoed = session.send(with_id("client-7_a.b:c")).await;
    assert_eq!(echoed.header("x-request-id"), Some("client-7_a.b:c"));
    for strange in ["two words", "\"quoted\"", &"x".repeat(129)] {
        let answer = session.send(with_id(strange)).await;
        let made = answer.header("x-request-id").unwrap();
        assert!(made.len() == 36 && made != strange, "{made}");
    }
    assert!(server.session_with(None).get("/api/describe").await.header("x-request-id").is_some());
}

#[actix_web::test]
async fn unknown_addresses_answer_json() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "read");
    for path in
        ["/nothing", "/api/nothing", "/api/data", "/api/data/", "/api/data/orders/", "/api/data/a/b/c"]
    {
        session.get(path).await.refused(404, "NOT_FOUND");
    }
}

#[actix_web::test]
async fn other_methods_are_refused_with_the_allowed_ones() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "root");
    let cases = [
        ("DELETE", "/api/restores/import", "POST"),
        ("GET", "/api/restores/x/run", "POST"),
        ("POST", "/api/data/orders/x", "GET, HEAD, PUT, PATCH, DELETE"),
        ("PATCH", "/api/describe/orders", "GET, HEAD, POST, PUT, DELETE"),
        ("POST", "/healthz", "GET, HEAD"),
    ];
    for (method, path, allow) in cases {
        let answer = session.call(method, path).await;
        answer.refused(405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    assert_eq!(session.call("HEAD", "/healthz").await.status, 200);
}

#[actix_web::test]
async fn broken_addresses_are_refused() {
    let server = TestServer::start(BACKEND).await;
    for path in ["/api/data/orders/%ff", "/api/data/orders?order=%ff", "/api/data/orders?select=%c3%28"] {
        let answer = server.session("alpha", "read").get(path).await;
        answer.refused(400, "BAD_REQUEST");
        assert!(answer.message().contains("UTF-8"), "{}", answer.text);
    }
    for path in ["/api/data/orders/%zz", "/api/data/orders/100%", "/api/data/orders?order=%4"] {
        let answer = server.session("alpha", "read").get(path).await;
        answer.refused(400, "BAD_REQUEST");
        assert!(answer.message().contains('%'), "{}", answer.text);
    }
}

#[actix_web::test]
async fn json_faults_are_told_with_line_and_column() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    session.orders(&[]).await;
    let cases = [
        ("{\n  \"title\": oops\n}", "line 2, column 12"),
        ("", "line 1, column 0"),
        ("[{\"id\":\"a\"},", "line 1, column 12"),
        ("{\"title\":\"a\"} trailing", "line 1, column 15"),
    ];
    for (body, place) in cases {
        let answer = session.text("POST", "/api/data/orders", body).await;
        answer.refused(400, "JSON_PARSE_ERROR");
        assert!(answer.message().contains(place), "{body:?}: {}", answer.message());
    }
    let request = session.request("POST", "/api/data/orders").header("content-type", "application/json");
    let answer = session.send(request.body(b"{\n \"title\": \"\xff\"}".to_vec())).await;
    answer.refused(400, "JSON_PARSE_ERROR");
    assert!(answer.message().contains("line 2, column 12"), "{}", answer.message());
}

#[actix_web::test]
async fn deep_nesting_is_answered_not_suffered() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let fields = json!([{ "field_name": "data", "type": "jsonb" }]);
    assert_eq!(session.post("/api/describe/things", json!({ "fields": fields })).await.status, 201);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies =
        [deep.clone(), "[".repeat(100_000), format!(r#"{{"data":{deep}}}"#), format!(r#"[{{"id":{deep}}}]"#)];
    for path in ["/api/data/things", "/api/data/restores", "/api/describe/more"] {
        for body in &bodies {
            let answer = session.text("POST", path, body).await;
            assert!((400..500).contains(&answer.status), "{path}: {}", answer.text);
        }
    }
    let request = session.request("GET", "/api/data/things").query(&[("where", "[".repeat(5_000))]);
    session.send(request).await.refused(400, "FILTER_INVALID");
}

#[actix_web::test]
async fn the_first_requests_of_a_tenant_may_come_all_at_once() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("newcomer", "full");
    let requests = (0..20).map(|_| session.get("/api/describe"));
    let answers = futures_util::future::join_all(requests).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let creations = (0..5).map(|_| session.post("/api/describe/orders", json!({})));
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(creations).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409]);
}

#[actix_web::test]
async fn bodies_of_another_kind_are_refused() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let request = session.request("POST", "/api/data/orders").header("content-type", kind);
        session.send(request.body("{}")).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    let packed = session.request("POST", "/api/data/orders").header("content-encoding", "gzip");
    session.send(packed.json(&json!({}))).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    session.orders(&[]).await;
    let request = session.request("POST", "/api/data/orders");
    let request = request.header("content-type", "application/json; charset=utf-8");
    assert_eq!(session.send(request.body("{}")).await.status, 201);
}

#[actix_web::test]
async fn bodies_over_the_limit_are_refused_with_or_without_a_length() {
    let server = TestServer::start_with(BACKEND, |settings| settings.http.json_body_bytes_max = 1_000).await;
    let session = server.session("alpha", "full");
    let body = json!({ "title": "x".repeat(2_000) });
    session.post("/api/data/orders", body.clone()).await.refused(413, "BODY_TOO_LARGE");
    let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(body.to_string())]);
    let request = session.request("POST", "/api/data/orders").header("content-type", "application/json");
    let answer = session.send(request.body(reqwest::Body::wrap_stream(pieces))).await;
    answer.refused(413, "BODY_TOO_LARGE");
}

#[actix_web::test]
async fn misspelled_flags_are_not_passed_over() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    session.orders(&["a"]).await;
    session.call("DELETE", "/api/data/orders/a?permanant=true").await.refused(400, "BAD_REQUEST");
    session.call("DELETE", "/api/data/orders/a?permanent=yes").await.refused(400, "BAD_REQUEST");
    session.post("/api/data/orders?upsert=1", json!({})).await.refused(400, "BAD_REQUEST");
    assert_eq!(session.get("/api/data/orders/a").await.status, 200);
}

#[actix_web::test]
async fn a_head_that_trickles_in_is_given_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = TestServer::start_with(BACKEND, |settings| settings.http.request_head_timeout_s = 1).await;
    let address = server.url().strip_prefix("http://").unwrap().to_owned();
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    let mut answer = Vec::new();
    let closed = connection.read_to_end(&mut answer);
    let closed = tokio::time::timeout(std::time::Duration::from_secs(20), closed).await;
    closed.expect("the server lets go").unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[actix_web::test]
async fn a_body_that_stalls_is_given_up() {
    let server = TestServer::start_with(BACKEND, |settings| settings.http.body_timeout_s = 1).await;
    let session = server.session("alpha", "full");
    let stalling = futures_util::StreamExt::chain(
        futures_util::stream::iter([Ok::<_, std::io::Error>("{")]),
        futures_util::stream::pending(),
    );
    let request = session.request("POST", "/api/data/orders").header("content-type", "application/json");
    let answer = session.send(request.body(reqwest::Body::wrap_stream(stalling))).await;
    answer.refused(400, "BAD_REQUEST");
}

#[actix_web::test]
async fn a_graceful_stop_answers_what_is_in_flight() {
    use std::sync::Arc;
    let server = TestServer::start_with(BACKEND, |settings| settings.http.shutdown_grace_s = 20).await;
    let session = server.session("alpha", "full");
    let go_on = Arc::new(tokio::sync::Notify::new());
    let wait = Arc::clone(&go_on);
    let file = orders_archive(&["a"]);
    let (first, second) = (file[..10].to_vec(), file[10..].to_vec());
    let pieces = futures_util::stream::once(async { Ok::<_, std::io::Error>(first) });
    let pieces = futures_util::StreamExt::chain(
        pieces,
        futures_util::stream::once(async move {
            wait.notified().await;
            Ok(second)
        }),
    );
    let part = reqwest::multipart::Part::stream(reqwest::Body::wrap_stream(pieces)).file_name("late.zip");
    let form = reqwest::multipart::Form::new().part("file", part);
    let request = session.request("POST", "/api/restores/uploads").multipart(form);
    let sending = actix_web::rt::spawn(async move { session.send(request).await });
    // A file in the storage shows that the request is in its handler.
    let is_under_way = async {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(10));
        while server.stored_uploads().is_empty() {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), is_under_way).await.unwrap();
    let stopping = server.stop();
    go_on.notify_one();
    let answer = sending.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
    stopping.await;
    assert!(server.session("alpha", "full").request("GET", "/healthz").send().await.is_err());
}
