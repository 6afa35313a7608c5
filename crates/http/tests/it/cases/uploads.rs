//! Forms that bring an archive, and everything that can be wrong with them. What is refused leaves no file.

use reqwest::multipart::{Form, Part};
use serde_json::json;

use super::BACKEND;
use crate::harness::{Session, TestServer, archive, orders_archive};

const IMPORT: &str = "/api/restores/import";
const UPLOADS: &str = "/api/restores/uploads";

async fn send_form(session: &Session, path: &str, form: Form) -> crate::harness::Answer {
    session.send(session.request("POST", path).multipart(form)).await
}

fn file() -> Part {
    Part::bytes(orders_archive(&["a"])).file_name("test.zip")
}

#[actix_web::test]
async fn options_may_come_before_or_after_the_file() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    for form in [
        Form::new().text("conflict_strategy", "sync").part("file", file()).text("create_models", "false"),
        Form::new().part("file", file()).text("create_models", "false").text("conflict_strategy", "sync"),
    ] {
        let answer = send_form(&session, IMPORT, form).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.data()["config"]["conflict_strategy"], "sync");
        assert_eq!(answer.data()["config"]["create_models"], json!(false));
    }
}

#[actix_web::test]
async fn wrong_options_are_refused_with_the_right_ones() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let cases = [
        ("conflict_strategy", "overwrite", "replace, upsert, merge, sync, skip, error"),
        ("conflict_strategy", "", "upsert"),
        ("include", "everything", "describe, data"),
        ("create_models", "yes", "true"),
        ("models", "not a name", "not a name"),
        ("colour", "red", "file, conflict_strategy, include, models, create_models"),
        ("colour", "red", "colour"),
    ];
    for (name, value, part) in cases {
        for form in [
            Form::new().text(name, value).part("file", file()),
            Form::new().part("file", file()).text(name, value),
        ] {
            let answer = send_form(&session, IMPORT, form).await;
            answer.refused(400, "BAD_REQUEST");
            assert!(answer.message().contains(part), "{name}={value}: {}", answer.message());
        }
    }
    send_form(&session, UPLOADS, Form::new().part("file", file()).text("include", "data"))
        .await
        .refused(400, "BAD_REQUEST");
    server.no_uploads_left().await;
    assert_eq!(session.get("/api/data/restores").await.records().len(), 0);
    assert_eq!(session.get("/api/data/restore_runs").await.records().len(), 0);
}

#[actix_web::test]
async fn forms_without_a_file_or_with_two_are_refused() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    for path in [IMPORT, UPLOADS] {
        for form in [
            Form::new(),
            Form::new().part("archive", file()),
            Form::new().part("file", file()).part("file", file()),
        ] {
            send_form(&session, path, form).await.refused(400, "BAD_REQUEST");
        }
    }
    server.no_uploads_left().await;
}

#[actix_web::test]
async fn bodies_that_are_no_form_are_refused() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    for path in [IMPORT, UPLOADS] {
        session.post(path, json!({})).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
        session.call("POST", path).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
        for kind in ["multipart/form-data", "multipart/form-data; boundary=x"] {
            let request = session.request("POST", path).header("content-type", kind);
            session.send(request.body("no form at all")).await.refused(400, "BAD_REQUEST");
        }
    }
}

#[actix_web::test]
async fn files_that_are_no_archive_are_refused_and_not_kept() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let whole = orders_archive(&["a", "b", "c"]);
    let files = [Vec::new(), b"not a zip".to_vec(), whole[..whole.len() / 2].to_vec(), archive("", &[])];
    for file in files {
        for path in [IMPORT, UPLOADS] {
            let answer = session.form(path, file.clone(), &[]).await;
            answer.refused(400, "BAD_REQUEST");
        }
    }
    server.no_uploads_left().await;
    assert_eq!(session.get("/api/data/restores").await.records().len(), 0);
}

#[actix_web::test]
async fn uploads_over_the_limit_are_refused_as_soon_as_it_is_passed() {
    let server = TestServer::start_with(BACKEND, |settings| settings.jobs.upload_bytes_max = 1_000_000).await;
    let session = server.session("alpha", "full");
    let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 64 * 1024]));
    let part = Part::stream(reqwest::Body::wrap_stream(endless)).file_name("endless.zip");
    let answer = send_form(&session, IMPORT, Form::new().part("file", part)).await;
    answer.refused(413, "BODY_TOO_LARGE");
    server.no_uploads_left().await;
}

#[actix_web::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let started = std::sync::Arc::new(tokio::sync::Notify::new());
    let told = std::sync::Arc::clone(&started);
    let pieces = futures_util::stream::unfold(0, move |piece| {
        let told = std::sync::Arc::clone(&told);
        async move {
            if piece == 40 {
                told.notify_one();
                std::future::pending::<()>().await;
            }
            Some((Ok::<_, std::io::Error>(vec![b'x'; 64 * 1024]), piece + 1))
        }
    });
    let part = Part::stream(reqwest::Body::wrap_stream(pieces)).file_name("broken.zip");
    let request = session.request("POST", IMPORT).multipart(Form::new().part("file", part));
    tokio::select! {
        answer = request.send() => panic!("answered: {answer:?}"),
        () = started.notified() => {}
    }
    // The connection is gone with the request; the server notices in its own time.
    server.no_uploads_left().await;
    assert_eq!(session.get("/api/data/restore_runs").await.records().len(), 0);
}

#[actix_web::test]
async fn an_upload_that_stalls_is_given_up() {
    let server = TestServer::start_with(BACKEND, |settings| settings.http.upload_idle_timeout_s = 1).await;
    let session = server.session("alpha", "full");
    let stalling = futures_util::StreamExt::chain(
        futures_util::stream::iter([Ok::<_, std::io::Error>(vec![b'x'; 1024])]),
        futures_util::stream::pending(),
    );
    let part = Part::stream(reqwest::Body::wrap_stream(stalling)).file_name("slow.zip");
    let answer = send_form(&session, UPLOADS, Form::new().part("file", part)).await;
    answer.refused(400, "BAD_REQUEST");
    assert!(answer.message().contains("stalled"), "{}", answer.message());
    server.no_uploads_left().await;
}

#[actix_web::test]
async fn file_names_are_kept_without_their_folders() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    for (given, kept) in [("../../etc/passwd.zip", "passwd.zip"), (r"C:\data\x.zip", "x.zip")] {
        let part = Part::bytes(orders_archive(&["a"])).file_name(given);
        let answer = send_form(&session, UPLOADS, Form::new().part("file", part)).await;
        assert_eq!(answer.data()["filename"], kept, "{}", answer.text);
        let source = answer.data()["source_ref"].as_str().unwrap();
        assert!(!source.contains(".."), "{source}");
    }
    assert_eq!(server.stored_uploads().len(), 2);
}
