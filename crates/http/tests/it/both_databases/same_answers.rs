//! A filter, an order and a page give the same answer on both databases.

use std::collections::HashSet;

use reinstate_describe::BaseType;
use serde_json::json;

use super::awkward::{FIELDS, describe, lines};
use super::tenant_copy::{ListTexts, TenantCopy, assert_same_records, json_fields};
use crate::harness::{Answer, Backend, Session, TestServer, archive_of, mint_with, now_s};

/// Filters over the awkward table.
const FILTERS: &[&str] = &[
    // Decimals by value, never as texts.
    r#"{"exact":{"$gt":9}}"#,
    r#"{"exact":{"$lt":"10"}}"#,
    r#"{"exact":{"$gte":1234567890123456789012345678901234567891}}"#,
    r#"{"exact":0.1}"#,
    r#"{"exact":{"$ne":"9.5"}}"#,
    r#"{"exact":{"$between":[-1,"1e-300"]}}"#,
    r#"{"exact":{"$in":["100.0","0.10","1e30",null]}}"#,
    r#"{"exact":{"$nin":[9,"1E2"]}}"#,
    r#"{"amount":{"$lte":1e29,"$gt":-9.5}}"#,
    // Integers at their ends.
    r#"{"whole":{"$lt":9223372036854775807}}"#,
    r#"{"whole":{"$gte":-9223372036854775808}}"#,
    r#"{"whole":9007199254740993}"#,
    r#"{"big":{"$between":["-9223372036854775808","10"]}}"#,
    r#"{"big":{"$nin":[0,null]}}"#,
    // Instants with and without zones, and days.
    r#"{"instant":"2025-01-19T15:45:00+05:45"}"#,
    r#"{"instant":{"$gt":"2025-01-19T05:00:00-05:00"}}"#,
    r#"{"instant":{"$lt":"1970-01-01"}}"#,
    r#"{"instant":{"$between":["2025-01-19 10:00:00","2025-01-19T11:00:00+01:00"]}}"#,
    r#"{"instant":{"$in":["2025-01-19T10:00:00Z","1969-12-31T23:59:59.999999Z"]}}"#,
    r#"{"instant":{"$gte":"9999-12-31T23:59:59.999999Z"}}"#,
    r#"{"created_at":{"$lte":"2001-02-03T05:05:06.000002+01:00"}}"#,
    r#"{"deleted_at":{"$null":false}}"#,
    r#"{"day":{"$gt":"1970-01-01"}}"#,
    r#"{"day":{"$in":["0001-01-01","9999-12-31"]}}"#,
    r#"{"day":"2024-02-29T00:00:00Z"}"#,
    // Texts by their bytes, patterns, case.
    r#"{"words":{"$gt":"Z"}}"#,
    r#"{"words":{"$lt":"a"}}"#,
    r#"{"words":{"$gte":"ä","$lt":"😀"}}"#,
    r#"{"words":"a\u0308"}"#,
    r#"{"words":""}"#,
    r#"{"words":{"$ne":"null"}}"#,
    r#"{"words":{"$in":["%","_","\\",null]}}"#,
    r#"{"words":{"$nin":["a","A",null]}}"#,
    r#"{"words":{"$like":"%"}}"#,
    r#"{"words":{"$like":"_"}}"#,
    r#"{"words":{"$like":"a%"}}"#,
    r#"{"words":{"$like":"\\%"}}"#,
    r#"{"words":{"$like":"%\\%%"}}"#,
    r#"{"words":{"$like":"a\\_b"}}"#,
    r#"{"words":{"$like":"%\\\\%"}}"#,
    r#"{"words":{"$like":"a\\\\"}}"#,
    r#"{"words":{"$like":""}}"#,
    r#"{"words":{"$like":"%\n%"}}"#,
    r#"{"words":{"$ilike":"A%"}}"#,
    r#"{"words":{"$ilike":"Ä"}}"#,
    r#"{"words":{"$ilike":"шляпа%ШЛЯПА"}}"#,
    r#"{"words":{"$ilike":"null"}}"#,
    r#"{"words":{"$ilike":"SS"}}"#,
    r#"{"id":{"$gt":"Z"}}"#,
    r#"{"id":{"$like":"id-_"}}"#,
    // Booleans, uuids, JSON.
    r#"{"flag":true}"#,
    r#"{"flag":{"$ne":true}}"#,
    r#"{"flag":{"$gt":false}}"#,
    r#"{"code":"A0EEBC999C0B4EF8BB6D6BB9BD380A11"}"#,
    r#"{"code":{"$gt":"9f0e8c1a-0000-4000-8000-000000000001"}}"#,
    r#"{"code":{"$nin":["FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"]}}"#,
    r#"{"tree":{"$null":true}}"#,
    r#"{"leaf":{"$exists":true}}"#,
    // Arrays.
    r#"{"word_list":{"$any":["a","x"]}}"#,
    r#"{"word_list":{"$any":[null]}}"#,
    r#"{"word_list":{"$any":[]}}"#,
    r#"{"word_list":{"$all":["a",null]}}"#,
    r#"{"word_list":{"$all":[]}}"#,
    r#"{"word_list":{"$all":["NULL","\"q\"","\\"]}}"#,
    r#"{"word_list":{"$size":0}}"#,
    r#"{"word_list":["b",null,"a"]}"#,
    r#"{"word_list":{"$in":[[],["a"]]}}"#,
    r#"{"word_list":{"$ne":[]}}"#,
    r#"{"whole_list":{"$all":[1,1]}}"#,
    r#"{"whole_list":{"$size":2}}"#,
    r#"{"whole_list":{"$any":[9223372036854775807,null]}}"#,
    r#"{"exact_list":{"$any":["0.100",null]}}"#,
    r#"{"exact_list":{"$all":[1,2]}}"#,
    r#"{"exact_list":[1,2.0]}"#,
    r#"{"code_list":{"$any":["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]}}"#,
    r#"{"instant_list":{"$any":["2025-01-19T10:00:00Z"]}}"#,
    r#"{"day_list":{"$all":["9999-12-31",null]}}"#,
    r#"{"flag_list":{"$any":[false]}}"#,
    r#"{"tree_list":{"$any":[null]}}"#,
    r#"{"tree_list":{"$all":[100,"x"]}}"#,
    r#"{"access_read":{"$any":["ann"]}}"#,
    r#"{"access_deny":{"$size":0}}"#,
    // Nesting, where null is neither true nor false in SQL.
    r#"{"$not":{"whole":{"$gt":0}}}"#,
    r#"{"$not":{"$not":{"whole":{"$gt":0}}}}"#,
    r#"{"whole":{"$not":{"$gt":0}}}"#,
    r#"{"$or":[{"words":null},{"$not":{"words":{"$like":"%a%"}}}]}"#,
    r#"{"$not":{"$or":[{"exact":{"$gt":0}},{"whole":{"$in":[1,null]}}]}}"#,
    r#"{"$and":[{"$or":[{"flag":true},{"flag":null}]},{"$not":{"exact":{"$nin":[9]}}}]}"#,
    r#"{"$not":{"$and":[{"word_list":{"$any":["a"]}},{"tree":{"$exists":true}}]}}"#,
    r#"{"$not":{"exact_list":{"$size":1}}}"#,
    r#"{"$or":[]}"#,
    r#"{"$and":[]}"#,
    r#"{"$not":{}}"#,
];

/// What both refuse with the same words.
const REFUSED: &[(&str, &str)] = &[
    ("where", r#"{"colour":1}"#),
    ("where", r#"{"whole":"many"}"#),
    ("where", r#"{"whole":9223372036854775808}"#),
    ("where", r#"{"whole":1.5}"#),
    ("where", r#"{"whole":{"$gt":null}}"#),
    ("where", r#"{"whole":{"$like":"1%"}}"#),
    ("where", r#"{"exact":"NaN"}"#),
    ("where", r#"{"exact":{"$between":[1]}}"#),
    ("where", r#"{"exact":1e999999}"#),
    ("where", r#"{"instant":"yesterday"}"#),
    ("where", r#"{"instant":"10000-01-01"}"#),
    ("where", r#"{"day":"2023-02-29"}"#),
    ("where", r#"{"day":"2024-02-29T01:00:00Z"}"#),
    ("where", r#"{"code":"x"}"#),
    ("where", r#"{"words":{"$near":"x"}}"#),
    ("where", r#"{"words":{"$any":["x"]}}"#),
    ("where", r#"{"words":"a\u0000b"}"#),
    ("where", r#"{"words":{"$like":"a\u0000%"}}"#),
    ("where", r#"{"words":{"$like":"a\\"}}"#),
    ("where", r#"{"words":{"$ilike":"\\"}}"#),
    ("where", r#"{"tree":{"$eq":1.5}}"#),
    ("where", r#"{"tree":{"$ne":"a"}}"#),
    ("where", r#"{"leaf":{"$in":[[],"",false]}}"#),
    ("where", r#"{"tree":{"$gt":1}}"#),
    ("where", r#"{"word_list":{"$gt":["a"]}}"#),
    ("where", r#"{"word_list":{"$size":-1}}"#),
    ("where", r#"{"whole_list":{"$any":["x"]}}"#),
    ("where", r#"{"$xor":[]}"#),
    ("where", "{"),
    ("order", "tree"),
    ("order", "word_list"),
    ("order", "words upwards"),
    ("limit", "10001"),
    ("offset", "-1"),
    ("trashed", "some"),
    ("select", "id,colour"),
];

/// A tenant that is the same on a server of each database.
struct Twins {
    sqlite: TestServer,
    postgres: TestServer,
    json_fields: HashSet<String>,
}

impl Twins {
    async fn start() -> Self {
        let sqlite = TestServer::start(Backend::Sqlite).await;
        let session = sqlite.session("alpha", "root");
        let run = session.restore(archive_of(&describe(), &[("awkward", lines())]), "upsert").await;
        assert_eq!(run["status"], json!("completed"), "{run}");
        let copy = TenantCopy::read(&session).await;
        let json_fields = json_fields(session.get("/api/describe/awkward").await.data());
        let (postgres, _) = copy.moved_to(Backend::Postgres).await;
        Self { sqlite, postgres, json_fields }
    }

    /// Asks both as somebody whom no access list holds.
    async fn ask(&self, query: &[(&str, &str)]) -> Answer {
        self.ask_by(query, |server| server.session("alpha", "root")).await
    }

    /// Asks both the same, fails where their answers differ, and gives one of them.
    async fn ask_by(&self, query: &[(&str, &str)], session: impl Fn(&TestServer) -> Session) -> Answer {
        let (sqlite, postgres) = (session(&self.sqlite), session(&self.postgres));
        let request = |session: &Session| session.request("GET", "/api/data/awkward").query(query);
        let left = sqlite.send(request(&sqlite)).await;
        let right = postgres.send(request(&postgres)).await;
        assert_eq!(left.status, right.status, "{query:?}: {} and {}", left.text, right.text);
        if left.status == 200 {
            let about = format!("{query:?}");
            let (left, right) = (ListTexts::of(&left), ListTexts::of(&right));
            assert_same_records(&about, &self.json_fields, &left.records, &right.records);
            assert_eq!(left.page, right.page, "{about}");
        } else {
            assert_eq!((left.code(), left.message()), (right.code(), right.message()), "{query:?}");
        }
        left
    }
}

#[actix_web::test]
async fn filters_find_the_same_on_both() {
    let twins = Twins::start().await;
    let mut telling = 0;
    for filter in FILTERS {
        let all = [("where", *filter), ("trashed", "include"), ("count", "true")];
        let answer = twins.ask(&all).await;
        telling += usize::from((1..lines().len()).contains(&ListTexts::of(&answer).records.len()));
        twins.ask(&[("where", filter), ("order", "words desc,exact"), ("limit", "3"), ("offset", "2")]).await;
    }
    assert!(telling > FILTERS.len() * 3 / 4, "{telling} of {} filters tell records apart", FILTERS.len());
}

#[actix_web::test]
async fn every_value_is_found_placed_and_left_out_alike() {
    let twins = Twins::start().await;
    for field in FIELDS {
        for value in field.values {
            let is_ordered = !field.is_array && field.field_type.column_type(false).base != BaseType::Json;
            let text = |operator: &str, operand: &str| {
                format!("{{\"{}\":{{\"{operator}\":{operand}}}}}", field.name)
            };
            let mut filters = vec![text("$eq", value), text("$nin", &format!("[{value},null]"))];
            if is_ordered {
                filters.extend([text("$lt", value), text("$gte", value)]);
            }
            for filter in filters {
                twins.ask(&[("where", &filter), ("trashed", "include"), ("select", "id")]).await;
            }
        }
    }
}

#[actix_web::test]
async fn orders_and_pages_are_the_same_on_both() {
    let twins = Twins::start().await;
    let system = ["id", "created_at", "updated_at", "trashed_at", "deleted_at"];
    let names = FIELDS.iter().map(|field| field.name).chain(system);
    let mut ordered = 0;
    for name in names {
        for direction in ["asc", "desc"] {
            let order = format!("{name} {direction}");
            let answer = twins.ask(&[("order", &order), ("trashed", "include"), ("select", "id")]).await;
            ordered += usize::from(answer.status == 200);
            for offset in ["0", "7", "35", "1000"] {
                let page = [("order", order.as_str()), ("limit", "7"), ("offset", offset), ("count", "true")];
                twins.ask(&page).await;
            }
        }
    }
    assert!(ordered >= 24, "{ordered} orders were taken");
    for order in ["flag desc,words", "rank,exact desc,id desc", "instant,day desc,code"] {
        twins.ask(&[("order", order), ("trashed", "include")]).await;
    }
    for trashed in ["include", "only", "exclude"] {
        twins.ask(&[("trashed", trashed), ("count", "true")]).await;
    }
}

#[actix_web::test]
async fn what_does_not_fit_is_refused_alike() {
    let twins = Twins::start().await;
    for query in REFUSED {
        let answer = twins.ask(&[*query]).await;
        answer.refused(400, "FILTER_INVALID");
    }
}

#[actix_web::test]
async fn access_lists_hide_the_same_records() {
    let twins = Twins::start().await;
    let mut seen = HashSet::new();
    for (user, groups) in
        [("ann", json!([])), ("bob", json!(["editors"])), ("eve", json!(["groupe «é»", "it's, {x}"]))]
    {
        for level in ["read", "full"] {
            let claims = json!({
                "sub": user, "tenant": "alpha", "access": level, "access_read": groups, "access_full": groups,
                "exp": now_s() + 3600
            });
            let session = |server: &TestServer| server.session_with(Some(mint_with(&claims)));
            let query = [("trashed", "include"), ("order", "exact desc"), ("count", "true")];
            let answer = twins.ask_by(&query, session).await;
            seen.insert(ListTexts::of(&answer).page["total"].as_u64().unwrap());
        }
    }
    assert!(seen.len() > 1, "the lists make a difference: {seen:?}");
}
