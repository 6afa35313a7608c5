//! Every strategy in every situation of a tenant, through the API: what is counted, and what is there afterwards.
//! After a failure the whole tenant is compared with what it was.

use serde_json::{Value as Json, json};

use super::BACKEND;
use crate::harness::{Session, TestServer, archive, orders_archive};

const ORDERS: &str = "orders:\n  status: active\n  fields:\n    title: { type: text }\n";
const A: &str = r#"{"id":"a","title":"from archive"}"#;
const B: &str = r#"{"id":"b","title":"from archive"}"#;
const A_LATER: &str = r#"{"id":"a","title":"later"}"#;

const STRATEGIES: [&str; 6] = ["replace", "upsert", "merge", "sync", "skip", "error"];

/// Restores `file` into a fresh tenant that `prepare` filled, with each strategy, and compares with `expected`,
/// in the order of [`STRATEGIES`].
async fn check(prepare: impl AsyncFn(&Session), file: Vec<u8>, expected: [&str; 6]) {
    let server = TestServer::start(BACKEND).await;
    let mut outcomes = Vec::new();
    for strategy in STRATEGIES {
        let session = server.session(strategy, "full");
        prepare(&session).await;
        let before = server.dump(strategy);
        let run = session.restore(file.clone(), strategy).await;
        if run["status"] == "failed" {
            assert_eq!(server.dump(strategy), before, "{strategy} left something behind");
        }
        outcomes.push(outcome(&session, &run).await);
    }
    assert_eq!(outcomes, expected);
}

/// Counters (imported, updated, skipped, deleted, models, fields) and titles, or the failure and titles.
async fn outcome(session: &Session, run: &Json) -> String {
    let there: Vec<String> = match session.get("/api/describe/orders").await.status {
        404 => vec!["nothing".to_owned()],
        _ => session.titles().await.iter().map(|(id, title)| format!("{id}={title}")).collect(),
    };
    let there = there.join(" ").replace("from archive", "archive");
    if run["status"] == "completed" {
        let count = |name: &str| run[name].as_u64().unwrap();
        assert_eq!((run["progress"].as_u64(), &run["error"]), (Some(100), &Json::Null), "{run}");
        return format!(
            "i{} u{} s{} d{} m{} f{}: {there}",
            count("records_imported"),
            count("records_updated"),
            count("records_skipped"),
            count("records_deleted"),
            count("models_created"),
            count("fields_created"),
        );
    }
    let error = run["error"].as_str().unwrap();
    assert!(error.contains("othing"), "the error says that nothing was applied: {error}");
    assert!(run["error_detail"].as_str().is_some_and(|detail| detail.contains("orders")), "{run}");
    format!("{}: {there}", run["status"].as_str().unwrap())
}

#[actix_web::test]
async fn empty_tenant() {
    let all = "i2 u0 s0 d0 m1 f1: a=archive b=archive";
    check(async |_| {}, orders_archive(&["a", "b"]), [all; 6]).await;
}

#[actix_web::test]
async fn model_without_records() {
    let all = "i2 u0 s0 d0 m0 f0: a=archive b=archive";
    let expected = [all, all, "i0 u0 s2 d0 m0 f0: ", all, all, all];
    check(async |session| session.orders(&[]).await, orders_archive(&["a", "b"]), expected).await;
}

#[actix_web::test]
async fn partly_full_tenant() {
    let expected = [
        "i2 u0 s0 d1 m0 f0: a=archive b=archive",
        "i1 u1 s0 d0 m0 f0: a=archive b=archive",
        "i0 u0 s2 d0 m0 f0: a=mine",
        "i1 u0 s1 d0 m0 f0: a=mine b=archive",
        "i1 u0 s1 d0 m0 f0: a=mine b=archive",
        "failed: a=mine",
    ];
    check(async |session| session.orders(&["a"]).await, orders_archive(&["a", "b"]), expected).await;
}

#[actix_web::test]
async fn full_tenant() {
    let expected = [
        "i2 u0 s0 d3 m0 f0: a=archive b=archive",
        "i0 u2 s0 d0 m0 f0: a=archive b=archive c=mine",
        "i0 u0 s2 d0 m0 f0: a=mine b=mine c=mine",
        "i0 u0 s2 d0 m0 f0: a=mine b=mine c=mine",
        "i0 u0 s2 d0 m0 f0: a=mine b=mine c=mine",
        "failed: a=mine b=mine c=mine",
    ];
    check(async |session| session.orders(&["a", "b", "c"]).await, orders_archive(&["a", "b"]), expected)
        .await;
}

#[actix_web::test]
async fn trashed_records_count_as_existing() {
    let expected = [
        "i2 u0 s0 d1 m0 f0: a=archive b=archive",
        "i1 u1 s0 d0 m0 f0: a=archive b=archive",
        "i0 u0 s2 d0 m0 f0: a=mine",
        "i1 u0 s1 d0 m0 f0: a=mine b=archive",
        "i1 u0 s1 d0 m0 f0: a=mine b=archive",
        "failed: a=mine",
    ];
    let trash = async |session: &Session| {
        session.orders(&["a"]).await;
        assert_eq!(session.call("DELETE", "/api/data/orders/a").await.status, 200);
    };
    check(trash, orders_archive(&["a", "b"]), expected).await;
}

#[actix_web::test]
async fn duplicate_ids_in_the_file_of_a_new_model() {
    let file = archive(ORDERS, &[("orders", &[A, B, A_LATER])]);
    let expected = [
        "failed: nothing",
        "i2 u1 s0 d0 m1 f1: a=later b=archive",
        "failed: nothing",
        "i2 u0 s1 d0 m1 f1: a=archive b=archive",
        "i2 u0 s1 d0 m1 f1: a=archive b=archive",
        "failed: nothing",
    ];
    check(async |_| {}, file, expected).await;
}

#[actix_web::test]
async fn duplicate_ids_in_the_file_of_an_existing_model() {
    let file = archive(ORDERS, &[("orders", &[A, B, A_LATER, B])]);
    let expected = [
        "failed: a=mine",
        "i1 u3 s0 d0 m0 f0: a=later b=archive",
        "i0 u0 s4 d0 m0 f0: a=mine",
        "i1 u0 s3 d0 m0 f0: a=mine b=archive",
        "i1 u0 s3 d0 m0 f0: a=mine b=archive",
        "failed: a=mine",
    ];
    check(async |session| session.orders(&["a"]).await, file, expected).await;
}

#[actix_web::test]
async fn new_field_on_an_existing_model() {
    let describe = "orders:\n  fields:\n    title: { type: text }\n    note: { type: text }\n";
    let file = archive(describe, &[("orders", &[r#"{"id":"b","title":"from archive","note":"n"}"#])]);
    let added = "i1 u0 s0 d0 m0 f1: a=mine b=archive";
    let expected = ["i1 u0 s0 d1 m0 f1: b=archive", added, "i0 u0 s1 d0 m0 f1: a=mine", added, added, added];
    check(async |session| session.orders(&["a"]).await, file, expected).await;
}

#[actix_web::test]
async fn new_model_beside_an_existing_one() {
    let describe = format!("{ORDERS}invoices:\n  fields:\n    total: {{ type: decimal }}\n");
    let file = archive(&describe, &[("orders", &[A, B]), ("invoices", &[r#"{"id":"i","total":1.50}"#])]);
    let expected = [
        "i3 u0 s0 d1 m1 f1: a=archive b=archive",
        "i2 u1 s0 d0 m1 f1: a=archive b=archive",
        "i1 u0 s2 d0 m1 f1: a=mine",
        "i2 u0 s1 d0 m1 f1: a=mine b=archive",
        "i2 u0 s1 d0 m1 f1: a=mine b=archive",
        "failed: a=mine",
    ];
    check(async |session| session.orders(&["a"]).await, file, expected).await;
}

#[actix_web::test]
async fn broken_line_fails_every_strategy_that_reads_it() {
    let file = archive(ORDERS, &[("orders", &[A, B, r#"{"id":"c","title":7}"#])]);
    let expected = [
        "failed: z=mine",
        "failed: z=mine",
        "i0 u0 s3 d0 m0 f0: z=mine",
        "failed: z=mine",
        "failed: z=mine",
        "failed: z=mine",
    ];
    check(async |session| session.orders(&["z"]).await, file, expected).await;
}

#[actix_web::test]
async fn strategy_error_names_the_first_conflict_and_their_number() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    session.orders(&["b", "c"]).await;
    let run = session.restore(orders_archive(&["a", "b", "c"]), "error").await;
    let told = format!("{} {}", run["error"].as_str().unwrap(), run["error_detail"].as_str().unwrap());
    for part in ["orders", "'b'", "orders.jsonl", "line 2", "2 "] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[actix_web::test]
async fn missing_models_fail_where_they_may_not_be_created() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let before = server.dump("alpha");
    let run = session.restore_with(orders_archive(&["a"]), &[("create_models", "false")]).await;
    assert_eq!(run["status"], "failed");
    let error = run["error"].as_str().unwrap();
    assert!(error.contains("Model 'orders' does not exist (set create_models: true"), "{error}");
    assert_eq!(server.dump("alpha"), before);
}

#[actix_web::test]
async fn include_and_models_narrow_what_is_restored() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let describe = format!("{ORDERS}invoices:\n  fields:\n    total: {{ type: decimal }}\n");
    let file = archive(&describe, &[("orders", &[A, B]), ("invoices", &[r#"{"id":"i","total":1.50}"#])]);
    let run = session.restore_with(file.clone(), &[("include", "describe"), ("models", "orders")]).await;
    assert_eq!((&run["models_created"], &run["records_imported"]), (&json!(1), &json!(0)), "{run}");
    assert_eq!(session.get("/api/describe").await.data(), &json!(["orders"]));
    let run = session.restore_with(file.clone(), &[("include", " data "), ("models", " orders ,")]).await;
    assert_eq!((&run["models_created"], &run["records_imported"]), (&json!(0), &json!(2)), "{run}");
    let run = session.restore_with(file, &[("include", "describe, data"), ("models", "")]).await;
    assert_eq!((&run["models_created"], &run["records_imported"]), (&json!(1), &json!(1)), "{run}");
}
