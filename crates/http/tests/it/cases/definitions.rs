//! The Describe API.

use serde_json::{Value as Json, json};

use super::BACKEND;
use crate::harness::{TestServer, archive};

fn full_field() -> Json {
    json!({
        "field_name": "rank", "type": "integer", "required": false, "default_value": 3, "unique": false,
        "index": true, "searchable": true, "minimum": 1, "maximum": 9, "pattern": null, "enum_values": null,
        "description": "a rank", "immutable": false, "sudo": true, "tracked": true, "transform": "none",
        "relationship_type": "referenced", "related_model": "users", "related_field": "id",
        "relationship_name": "ranked", "cascade_delete": true, "required_relationship": false, "is_array": false
    })
}

#[actix_web::test]
async fn models_are_created_listed_read_changed_and_removed() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    let body = json!({ "status": "pending", "description": "people", "sudo": true, "external": true, "fields": [full_field()] });
    let created = session.post("/api/describe/people", body.clone()).await;
    assert_eq!(created.status, 201, "{}", created.text);
    for (key, value) in body.as_object().unwrap().iter().filter(|(key, _)| *key != "fields") {
        assert_eq!(&created.data()[key], value, "{key}");
    }
    assert_eq!(created.data()["model_name"], "people");
    for (key, value) in full_field().as_object().unwrap() {
        assert_eq!(&created.data()["fields"][0][key], value, "{key}");
    }
    assert_eq!(session.get("/api/describe").await.data(), &json!(["people"]));
    assert_eq!(session.get("/api/describe/PEOPLE").await.data(), created.data());
    let changed = session.put("/api/describe/people", json!({ "status": "active", "frozen": true })).await;
    assert_eq!((&changed.data()["status"], &changed.data()["frozen"]), (&json!("active"), &json!(true)));
    assert_eq!(changed.data()["description"], "people");
    session.post("/api/describe/People", json!({})).await.refused(409, "CONFLICT");
    session.call("DELETE", "/api/describe/people").await.refused(403, "MODEL_PROTECTED");
    assert_eq!(session.put("/api/describe/people", json!({ "frozen": false })).await.status, 200);
    assert_eq!(session.call("DELETE", "/api/describe/people").await.status, 200);
    session.get("/api/describe/people").await.refused(404, "MODEL_NOT_FOUND");
    assert_eq!(session.post("/api/describe/people", json!({})).await.status, 201, "the name is free again");
    assert_eq!(session.get("/api/data/people").await.records().len(), 0);
}

#[actix_web::test]
async fn fields_are_created_listed_read_changed_and_removed() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    session.orders(&["a"]).await;
    let fields = "/api/describe/orders/fields";
    let one = session.post(fields, full_field()).await;
    assert_eq!((one.status, &one.data()["field_name"]), (201, &json!("rank")), "{}", one.text);
    let many = json!([{ "field_name": "x", "type": "text" }, { "field_name": "y", "type": "date" }]);
    assert_eq!(session.post(fields, many).await.records().len(), 2);
    let by_path =
        session.post(&format!("{fields}/z"), json!({ "type": "boolean", "default_value": "true" })).await;
    assert_eq!(by_path.status, 201, "{}", by_path.text);
    let names: Vec<Json> =
        session.get(fields).await.records().iter().map(|field| field["field_name"].clone()).collect();
    assert_eq!(json!(names), json!(["title", "rank", "x", "y", "z"]));
    let record = session.get("/api/data/orders/a").await;
    assert_eq!(
        (&record.data()["rank"], &record.data()["z"]),
        (&json!(3), &json!(true)),
        "existing records get defaults"
    );
    let changed = session.put(&format!("{fields}/rank"), json!({ "maximum": 20 })).await;
    assert_eq!((&changed.data()["maximum"], &changed.data()["minimum"]), (&json!(20), &json!(1)));
    let both =
        json!([{ "field_name": "x", "description": "an x" }, { "field_name": "y", "description": "a y" }]);
    assert_eq!(session.put(fields, both).await.records()[1]["description"], "a y");
    assert_eq!(session.call("DELETE", &format!("{fields}/x")).await.status, 200);
    session.get(&format!("{fields}/x")).await.refused(404, "FIELD_NOT_FOUND");
    assert!(session.get("/api/data/orders/a").await.data().get("x").is_none());
}

#[actix_web::test]
async fn definitions_that_cannot_be_are_refused() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    session.orders(&["a"]).await;
    let models = [
        ("/api/describe/1st", json!({})),
        ("/api/describe/a-b", json!({})),
        ("/api/describe/restores", json!({})),
        ("/api/describe/Models", json!({})),
        ("/api/describe/x", json!({ "status": "sleeping" })),
        ("/api/describe/x", json!({ "colour": 1 })),
        ("/api/describe/x", json!({ "model_name": "y" })),
        ("/api/describe/x", json!({ "fields": [{ "field_name": "id", "type": "text" }] })),
        ("/api/describe/x", json!({ "fields": [{ "field_name": "Created_At", "type": "text" }] })),
        ("/api/describe/x", json!({ "fields": [{ "field_name": "a", "type": "money" }] })),
        (
            "/api/describe/x",
            json!({ "fields": [{ "field_name": "a", "type": "integer", "default_value": "x" }] }),
        ),
        ("/api/describe/orders/fields", json!({ "type": "text" })),
    ];
    for (path, body) in models {
        let answer = session.post(path, body.clone()).await;
        let told = (answer.status, answer.code());
        assert!(
            told == (422, "VALIDATION_ERROR") || told == (403, "MODEL_PROTECTED"),
            "{path} {body}: {}",
            answer.text
        );
        assert!(told.0 == 403 || answer.data()["errors"][0]["message"].is_string(), "{}", answer.text);
    }
    assert_eq!(session.get("/api/describe").await.data(), &json!(["orders"]));
    session
        .post("/api/describe/orders/fields", json!({ "field_name": "TITLE", "type": "text" }))
        .await
        .refused(409, "CONFLICT");
    let before = server.dump("alpha");
    let fields = "/api/describe/orders/fields";
    let twice = json!([{ "field_name": "x", "type": "text" }, { "field_name": "X", "type": "text" }]);
    session.post(fields, twice).await.refused(409, "CONFLICT");
    let half = json!([{ "field_name": "x", "type": "text" }, { "field_name": "y", "type": "text", "required": true }]);
    session.post(fields, half).await.refused(422, "VALIDATION_ERROR");
    let half = json!([{ "field_name": "title", "description": "x" }, { "field_name": "none" }]);
    session.put(fields, half).await.refused(404, "FIELD_NOT_FOUND");
    let twice =
        json!([{ "field_name": "title", "unique": true }, { "field_name": "Title", "unique": false }]);
    session.put(fields, twice).await.refused(409, "CONFLICT");
    assert_eq!(server.dump("alpha"), before, "all or none");
    session.put("/api/describe/none", json!({})).await.refused(404, "MODEL_NOT_FOUND");
    session.put("/api/describe/orders/fields/none", json!({})).await.refused(404, "FIELD_NOT_FOUND");
    session
        .put("/api/describe/orders/fields/title", json!({ "type": "integer" }))
        .await
        .refused(422, "VALIDATION_ERROR");
    session.text("POST", "/api/describe/x", "{").await.refused(400, "JSON_PARSE_ERROR");
}

#[actix_web::test]
async fn the_platforms_models_are_protected() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "root");
    let file = archive(
        "users:\n  status: system\n  fields:\n    name: { type: text }\n",
        &[("users", &[r#"{"id":"u"}"#])],
    );
    assert_eq!(session.restore(file, "upsert").await["status"], "completed");
    let cases = [
        ("PUT", "/api/describe/users", json!({ "description": "x" })),
        ("DELETE", "/api/describe/users", Json::Null),
        ("POST", "/api/describe/users/fields", json!({ "field_name": "x", "type": "text" })),
        ("PUT", "/api/describe/users/fields/name", json!({ "description": "x" })),
        ("DELETE", "/api/describe/users/fields/name", Json::Null),
        ("PUT", "/api/describe/restores", json!({ "description": "x" })),
        ("DELETE", "/api/describe/restore_runs", Json::Null),
    ];
    for (method, path, body) in cases {
        session.send(session.request(method, path).json(&body)).await.refused(403, "MODEL_PROTECTED");
    }
    assert_eq!(
        session.put("/api/data/users/u", json!({ "name": "x" })).await.status,
        200,
        "its records are ordinary"
    );
}
