//! The list language over HTTP, in both spellings. What each operator means is tested where it is built.

use serde_json::{Value as Json, json};

use super::BACKEND;
use crate::harness::{Session, TestServer};

async fn items(session: &Session) {
    let fields = json!([
        { "field_name": "name", "type": "text" },
        { "field_name": "price", "type": "decimal" },
        { "field_name": "count", "type": "integer" },
        { "field_name": "sold_at", "type": "timestamp" },
        { "field_name": "tags", "type": "text[]" },
    ]);
    assert_eq!(session.post("/api/describe/items", json!({ "fields": fields })).await.status, 201);
    let records = r#"[
        {"id":"a","name":"Apple","price":9.5,"count":1,"sold_at":"2025-01-01T00:00:00Z","tags":["red","round"]},
        {"id":"b","name":"banana","price":10.05,"count":2,"sold_at":"2025-01-01T01:00:00+02:00","tags":["yellow"]},
        {"id":"c","name":"50% off, & more","price":100,"count":null,"sold_at":null,"tags":[]},
        {"id":"d","name":null,"price":-1,"count":4,"sold_at":"2025-02-01","tags":["red"]}
    ]"#;
    let made = session.text("POST", "/api/data/items", records).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

#[actix_web::test]
async fn both_spellings_select_the_same() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    items(&session).await;
    let cases: [(&str, &str, &[&str]); 17] = [
        ("filter[where][count]=2", r#"{"count":2}"#, &["b"]),
        ("filter[where][count][$ne]=2", r#"{"count":{"$ne":2}}"#, &["a", "c", "d"]),
        ("filter[where][price][$gt]=9.6", r#"{"price":{"$gt":9.6}}"#, &["b", "c"]),
        ("filter[where][price][$lte]=10.050", r#"{"price":{"$lte":"10.050"}}"#, &["a", "b", "d"]),
        (
            "filter[where][price][$between][]=-1&filter[where][price][$between][]=9.50",
            r#"{"price":{"$between":[-1,9.50]}}"#,
            &["a", "d"],
        ),
        (
            "filter[where][sold_at][$lt]=2025-01-01T00:00:00Z",
            r#"{"sold_at":{"$lt":"2025-01-01T00:00:00Z"}}"#,
            &["b"],
        ),
        ("filter[where][id][$in][]=a&filter[where][id][$in][]=d", r#"{"id":{"$in":["a","d"]}}"#, &["a", "d"]),
        (
            "filter[where][id][$nin][]=a&filter[where][id][$nin][]=d",
            r#"{"id":{"$nin":["a","d"]}}"#,
            &["b", "c"],
        ),
        ("filter[where][name][$like]=%25an%25", r#"{"name":{"$like":"%an%"}}"#, &["b"]),
        ("filter[where][name][$ilike]=APP%25", r#"{"name":{"$ilike":"APP%"}}"#, &["a"]),
        ("filter[where][name]=50%25+off,+%26+more", r#"{"name":"50% off, & more"}"#, &["c"]),
        ("filter[where][count][$exists]=false", r#"{"count":{"$exists":false}}"#, &["c"]),
        ("filter[where][name][$null]=true", r#"{"name":{"$null":true}}"#, &["d"]),
        (
            "filter[where][tags][$any][]=red&filter[where][tags][$any][]=yellow",
            r#"{"tags":{"$any":["red","yellow"]}}"#,
            &["a", "b", "d"],
        ),
        (
            "filter[where][tags][$all][]=red&filter[where][tags][$all][]=round",
            r#"{"tags":{"$all":["red","round"]}}"#,
            &["a"],
        ),
        ("filter[where][tags][$size]=0", r#"{"tags":{"$size":0}}"#, &["c"]),
        (
            "filter[where][count][$gte]=1&filter[where][price][$gt]=0",
            r#"{"$and":[{"count":{"$gte":1}},{"$not":{"price":{"$lte":0}}}]}"#,
            &["a", "b"],
        ),
    ];
    for (brackets, object, expected) in cases {
        let answer = session.get(&format!("/api/data/items?order=id&{brackets}")).await;
        assert_eq!((answer.status, answer.ids()), (200, expected.to_vec()), "{brackets}: {}", answer.text);
        let request = session.request("GET", "/api/data/items").query(&[("order", "id"), ("where", object)]);
        let answer = session.send(request).await;
        assert_eq!((answer.status, answer.ids()), (200, expected.to_vec()), "{object}: {}", answer.text);
    }
}

#[actix_web::test]
async fn lists_are_ordered_cut_and_counted() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    items(&session).await;
    let first =
        session.get("/api/data/items?filter[order]=price desc,id asc&filter[limit]=2&count=true").await;
    assert_eq!(first.ids(), ["c", "b"]);
    assert_eq!(first.body["page"], json!({ "limit": 2, "offset": 0, "has_more": true, "total": 4 }));
    let last = session.get("/api/data/items?order=price%20desc&limit=2&offset=2").await;
    assert_eq!(last.ids(), ["a", "d"]);
    assert_eq!(last.body["page"], json!({ "limit": 2, "offset": 2, "has_more": false }));
    let all = session.get("/api/data/items").await;
    assert_eq!(all.body["page"]["limit"], json!(1000));
    let some = session.get("/api/data/items?select=id,name&order=id&limit=1").await;
    assert_eq!(some.records(), [json!({ "id": "a", "name": "Apple" })]);
    let zero = session.get("/api/data/items?filter[where][id]=none&filter[count]=true").await;
    assert_eq!((zero.records().len(), &zero.body["page"]["total"]), (0, &json!(0)));
}

#[actix_web::test]
async fn what_does_not_fit_is_refused_by_name() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    items(&session).await;
    let cases = [
        ("filter[where][colour]=red", "colour"),
        ("filter[where][name][$near]=x", "$near"),
        ("filter[where][count]=many", "many"),
        ("filter[where][sold_at][$gt]=yesterday", "yesterday"),
        ("order=colour", "colour"),
        ("order=name%20sideways", "sideways"),
        ("select=id,colour", "colour"),
        ("limit=0x10", "0x10"),
        ("limit=10001", "10001"),
        ("offset=-1", "-1"),
        ("trashed=maybe", "maybe"),
        ("where={", "JSON"),
        ("where=[]", ""),
        ("colour=red", "colour"),
        ("filter[where][name';drop table items--]=x", "drop table"),
    ];
    for (query, part) in cases {
        let answer = session.get(&format!("/api/data/items?{query}")).await;
        answer.refused(400, "FILTER_INVALID");
        assert!(answer.message().contains(part), "{query}: {}", answer.message());
    }
    session.get("/api/data/nothing?colour=red").await.refused(404, "MODEL_NOT_FOUND");
}

#[actix_web::test]
async fn values_never_become_sql() {
    let server = TestServer::start(BACKEND).await;
    let session = server.session("alpha", "full");
    items(&session).await;
    let hostile = ["' OR 1=1 --", "\"; DROP TABLE items; --", "%' OR '1'='1", "a\\", "?1", "\u{0}"];
    for value in hostile {
        for operator in ["$eq", "$like", "$gt", "$in"] {
            let value = if operator == "$in" { json!([value]) } else { json!(value) };
            let object: Json = json!({ "name": { operator: value } });
            let request = session.request("GET", "/api/data/items").query(&[("where", object.to_string())]);
            let answer = session.send(request).await;
            assert!(answer.status == 200 || answer.code() == "FILTER_INVALID", "{}", answer.text);
        }
    }
    assert_eq!(session.get("/api/data/items").await.records().len(), 4);
}

#[actix_web::test]
async fn bookkeeping_is_listed_with_the_same_language() {
    let server = TestServer::start_with(BACKEND, |settings| settings.jobs.workers = 0).await;
    let session = server.session("alpha", "full");
    for name in ["one", "two", "three"] {
        session.post("/api/data/restores", json!({ "name": name, "source_type": "upload" })).await;
    }
    let answer = session
        .get("/api/data/restores?filter[where][name][$like]=t%25&order=name&select=name&count=true")
        .await;
    assert_eq!(answer.records(), [json!({ "name": "three" }), json!({ "name": "two" })]);
    assert_eq!(answer.body["page"]["total"], json!(2));
    for hidden in ["tenant", "lease_owner", "fence"] {
        let path = format!("/api/data/restore_runs?filter[where][{hidden}]=x");
        session.get(&path).await.refused(400, "FILTER_INVALID");
    }
}
