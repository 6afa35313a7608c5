//! The Data API: create, read, change, trash and remove, one record and many.

use serde_json::{Value as Json, json};

use super::BACKEND;
use crate::harness::{Session, TestServer};

async fn people(session: &Session) {
    let fields = json!([
        { "field_name": "name", "type": "text", "required": true, "maximum": 10 },
        { "field_name": "email", "type": "text", "unique": true },
        { "field_name": "age", "type": "integer", "minimum": 0, "maximum": 150 },
        { "field_name": "kind", "type": "text", "enum_values": ["staff", "guest"], "default_value": "guest" },
        { "field_name": "code", "type": "text", "pattern": "^[A-Z]{3}$", "immutable": true },
    ]);
    let made = session.post("/api/describe/people", json!({ "fields": fields })).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

#[actix_web::test]
async fn an_object_answers_an_object_and_an_array_an_array() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    people(&session).await;
    let one = session.post("/api/data/people", json!({ "name": "Ann" })).await;
    assert_eq!((one.status, &one.data()["name"], &one.data()["kind"]), (201, &json!("Ann"), &json!("guest")));
    assert_eq!(one.data()["id"].as_str().unwrap().len(), 36);
    assert!(one.body.get("page").is_none());
    let many =
        session.post("/api/data/people", json!([{ "name": "Bo", "id": "bo" }, { "name": "Cy" }])).await;
    assert_eq!((many.status, many.records().len()), (201, 2));
    let single = session.post("/api/data/people", json!([{ "name": "Di" }])).await;
    assert_eq!(single.records().len(), 1);
    let record = session.get("/api/data/people/bo").await;
    let columns = [
        "id",
        "access_read",
        "access_edit",
        "access_full",
        "access_deny",
        "created_at",
        "updated_at",
        "trashed_at",
        "deleted_at",
        "name",
    ];
    for column in columns {
        assert!(record.data().get(column).is_some(), "{column}: {}", record.text);
    }
}

#[actix_web::test]
async fn many_are_created_in_one_transaction() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    people(&session).await;
    session.post("/api/data/people", json!({ "id": "a", "name": "Ann" })).await;
    let before = server.dump("alpha");
    let again = session
        .post("/api/data/people", json!([{ "id": "b", "name": "Bo" }, { "id": "a", "name": "x" }]))
        .await;
    again.refused(409, "CONFLICT");
    let invalid = session.post("/api/data/people", json!([{ "name": "Bo" }, { "age": -1 }])).await;
    invalid.refused(422, "VALIDATION_ERROR");
    assert_eq!(server.dump("alpha"), before);
    let too_many: Vec<Json> = (0..10_001).map(|_| json!({})).collect();
    session.post("/api/data/people", Json::Array(too_many)).await.refused(400, "BAD_REQUEST");
    let most: Vec<Json> = (0..10_000).map(|n| json!({ "name": format!("n{n}") })).collect();
    let most = session.post("/api/data/people", Json::Array(most)).await;
    assert_eq!((most.status, most.records().len()), (201, 10_000));
}

#[actix_web::test]
async fn broken_rules_are_all_told_with_field_rule_and_place() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    people(&session).await;
    let bodies = json!([
        { "name": "Ann" },
        { "age": 200, "kind": "boss", "code": "abc", "colour": "red" },
        { "name": "a name too long", "age": "many" },
    ]);
    let answer = session.post("/api/data/people", bodies).await;
    answer.refused(422, "VALIDATION_ERROR");
    let told: Vec<(u64, &str, &str)> = answer.data()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            assert!(!error["message"].as_str().unwrap().is_empty());
            (
                error["index"].as_u64().unwrap(),
                error["field"].as_str().unwrap(),
                error["rule"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        (1, "age", "maximum"),
        (1, "kind", "enum_values"),
        (1, "code", "pattern"),
        (1, "colour", "unknown_key"),
        (2, "name", "maximum"),
        (2, "age", "type_mismatch"),
    ];
    for fault in expected {
        assert!(told.contains(&fault), "{fault:?} in {told:?}");
    }
    let nameless = session.post("/api/data/people", json!([{ "name": "Ann" }, { "age": 1 }])).await;
    nameless.refused(422, "VALIDATION_ERROR");
    let error = &nameless.data()["errors"][0];
    assert_eq!(
        (&error["field"], &error["rule"], &error["index"]),
        (&json!("name"), &json!("required"), &json!(1))
    );
}

#[actix_web::test]
async fn unique_and_immutable_values_are_kept() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    people(&session).await;
    let ann = json!({ "id": "a", "name": "Ann", "email": "ann@x", "code": "ABC" });
    assert_eq!(session.post("/api/data/people", ann).await.status, 201);
    let twin = session.post("/api/data/people", json!({ "name": "Bo", "email": "ann@x" })).await;
    twin.refused(409, "CONFLICT");
    assert!(twin.message().contains("email"), "{}", twin.text);
    let changed = session.put("/api/data/people/a", json!({ "code": "XYZ" })).await;
    changed.refused(422, "VALIDATION_ERROR");
    assert_eq!(changed.data()["errors"][0]["rule"], "immutable");
}

#[actix_web::test]
async fn changes_touch_only_what_they_name() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    people(&session).await;
    session.post("/api/data/people", json!({ "id": "a", "name": "Ann", "age": 30, "email": "ann@x" })).await;
    let put = session.put("/api/data/people/a", json!({ "age": 31 })).await;
    assert_eq!((put.status, &put.data()["name"], &put.data()["age"]), (200, &json!("Ann"), &json!(31)));
    let patch = session.request("PATCH", "/api/data/people/a").json(&json!({ "email": null }));
    let patch = session.send(patch).await;
    assert_eq!((&patch.data()["email"], &patch.data()["age"]), (&Json::Null, &json!(31)));
    let many = session.put("/api/data/people", json!([{ "id": "a", "age": 32 }])).await;
    assert_eq!(many.records()[0]["age"], json!(32));
    session.put("/api/data/people", json!({ "id": "a" })).await.refused(400, "BAD_REQUEST");
    session.put("/api/data/people/a", json!([])).await.refused(400, "BAD_REQUEST");
    session.put("/api/data/people/none", json!({ "age": 1 })).await.refused(404, "RECORD_NOT_FOUND");
    session.put("/api/data/nothing/a", json!({})).await.refused(404, "MODEL_NOT_FOUND");
    let before = server.dump("alpha");
    let half =
        session.put("/api/data/people", json!([{ "id": "a", "age": 33 }, { "id": "none", "age": 1 }])).await;
    half.refused(404, "RECORD_NOT_FOUND");
    assert_eq!(server.dump("alpha"), before);
}

#[actix_web::test]
async fn upsert_updates_where_the_id_exists() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    people(&session).await;
    session.post("/api/data/people", json!({ "id": "a", "name": "Ann", "age": 30 })).await;
    let both = json!([{ "id": "a", "age": 31 }, { "id": "b", "name": "Bo" }]);
    let answer = session.post("/api/data/people?upsert=true", both).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let kept = &answer.records()[0];
    assert_eq!((&kept["name"], &kept["age"]), (&json!("Ann"), &json!(31)));
    assert_eq!(answer.records()[1]["name"], "Bo");
}

#[actix_web::test]
async fn deleting_trashes_and_permanent_removes() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    session.orders(&["a", "b", "c", "d"]).await;
    let trashed = session.call("DELETE", "/api/data/orders/a").await;
    assert!(trashed.data()["trashed_at"].is_string(), "{}", trashed.text);
    session.get("/api/data/orders/a").await.refused(404, "RECORD_NOT_FOUND");
    assert_eq!(session.get("/api/data/orders/a?trashed=include").await.status, 200);
    let request = session.request("DELETE", "/api/data/orders").json(&json!(["b", { "id": "c" }]));
    assert_eq!(session.send(request).await.ids(), ["b", "c"]);
    assert_eq!(session.get("/api/data/orders").await.ids(), ["d"]);
    assert_eq!(session.get("/api/data/orders?trashed=only&order=id").await.ids(), ["a", "b", "c"]);
    let gone = session.call("DELETE", "/api/data/orders/d?permanent=true").await;
    assert_eq!((gone.status, &gone.data()["id"]), (200, &json!("d")));
    session.get("/api/data/orders/d?trashed=include").await.refused(404, "RECORD_NOT_FOUND");
    session.call("DELETE", "/api/data/orders/none").await.refused(404, "RECORD_NOT_FOUND");
    for body in [json!({}), json!([7]), json!([{ "name": "x" }])] {
        let request = session.request("DELETE", "/api/data/orders").json(&body);
        session.send(request).await.refused(400, "BAD_REQUEST");
    }
}

#[actix_web::test]
async fn ids_may_hold_any_character_but_control_ones() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    session.orders(&[]).await;
    let cases = [
        ("a/b", "a%2Fb"),
        ("a?b", "a%3Fb"),
        ("a#b", "a%23b"),
        ("a%b", "a%25b"),
        ("a%2Fb", "a%252Fb"),
        ("a b", "a%20b"),
        ("a+b", "a+b"),
        ("ä€😀", "%C3%A4%E2%82%AC%F0%9F%98%80"),
        ("..", "%2E%2E%2F.."),
    ];
    for (id, encoded) in cases.iter().take(8) {
        let made = session.post("/api/data/orders", json!({ "id": id, "title": "x" })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("/api/data/orders/{encoded}");
        assert_eq!(session.get(&path).await.data()["id"], json!(id), "{path}");
        assert_eq!(session.put(&path, json!({ "title": "y" })).await.data()["title"], "y");
        assert_eq!(session.call("DELETE", &path).await.data()["id"], json!(id));
    }
    for id in [json!(""), json!("x".repeat(256)), json!("a\u{7}b"), json!("a\u{0}b"), json!(7), json!(true)] {
        let answer = session.post("/api/data/orders", json!({ "id": id })).await;
        answer.refused(422, "VALIDATION_ERROR");
    }
    let longest = "€".repeat(255);
    assert_eq!(session.post("/api/data/orders", json!({ "id": longest })).await.status, 201);
}

#[actix_web::test]
async fn frozen_and_immutable_models_refuse_writes() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "root");
    session.orders(&["a"]).await;
    assert_eq!(session.put("/api/describe/orders", json!({ "immutable": true })).await.status, 200);
    assert_eq!(session.post("/api/data/orders", json!({ "id": "b" })).await.status, 201);
    session.put("/api/data/orders/a", json!({ "title": "x" })).await.refused(422, "VALIDATION_ERROR");
    assert_eq!(session.put("/api/describe/orders", json!({ "frozen": true })).await.status, 200);
    session.post("/api/data/orders", json!({ "id": "c" })).await.refused(403, "MODEL_PROTECTED");
    session.put("/api/data/orders/a", json!({ "title": "x" })).await.refused(403, "MODEL_PROTECTED");
    session.call("DELETE", "/api/data/orders/a").await.refused(403, "MODEL_PROTECTED");
    assert_eq!(session.get("/api/data/orders").await.records().len(), 2);
}

#[actix_web::test]
async fn writers_meeting_a_restore_are_told_to_come_again() {
    use reinstate_describe::Name;
    use reinstate_engine::Cancellation;
    use reinstate_store::{RunToken, TenantId};
    let server = TestServer::start_with(BACKEND, |settings| settings.store.busy_timeout_ms = 300).await;
    let session = server.session("alpha", "full");
    session.orders(&["a"]).await;
    let tenant = server.store.tenants.open(&TenantId::new("alpha").unwrap()).unwrap();
    let mut held =
        tenant.target(RunToken { run_id: "run_other", fence: 1 }, &Cancellation::default()).unwrap();
    held.records_clear(&Name::new("orders").unwrap()).unwrap();
    let refused = session.put("/api/data/orders/a", json!({ "title": "x" })).await;
    refused.refused(503, "SERVICE_UNAVAILABLE");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(session.get("/api/data/orders/a").await.data()["title"], "mine", "readers go on");
    drop(held);
    assert_eq!(session.put("/api/data/orders/a", json!({ "title": "x" })).await.status, 200);
}
