//! Tenants do not meet: for each route, what a caller of another tenant gets when it names things of the first.

use std::collections::BTreeSet;

use reinstate_http::route::ROUTES;
use serde_json::{Value as Json, json};

use super::BACKEND;
use crate::harness::{Session, TestServer, orders_archive};

/// What the other tenant's caller meets.
#[derive(Debug, Clone, Copy)]
enum Meets {
    /// The very answer that an unknown id gets.
    Unknown(u16, &'static str),
    /// Its own, empty, world.
    Nothing,
    /// Only its own world changes.
    OwnWorld(u16),
}

/// Things of the first tenant, by the words that stand for them in paths.
struct Things {
    restore: String,
    run: String,
    /// A configuration of an extract, its completed run, and an entry of what that made.
    extract: String,
    extract_run: String,
    artifact: String,
}

impl Things {
    /// Words in paths and the ids that they stand for; no word is a part of an earlier one.
    fn named(&self) -> [(&'static str, &str); 5] {
        [
            ("EXTRACT_RUN", &self.extract_run),
            ("ARTIFACT", &self.artifact),
            ("RESTORE", &self.restore),
            ("EXTRACT", &self.extract),
            ("RUN", &self.run),
        ]
    }

    fn path(&self, template: &str) -> String {
        self.named().iter().fold(template.to_owned(), |path, (word, id)| path.replace(word, id))
    }

    /// Things that nobody has.
    fn unknown() -> Self {
        let [restore, run, extract, extract_run, artifact] =
            ["restore_x", "run_x", "extract_x", "run_y", "artifact_x"].map(str::to_owned);
        Self { restore, run, extract, extract_run, artifact }
    }

    /// The text without their ids.
    fn removed_from(&self, text: &str) -> String {
        self.named().iter().fold(text.to_owned(), |text, (_, id)| text.replace(id, "ID"))
    }
}

/// Method, pattern, path, body, what is met.
type Row = (&'static str, &'static str, &'static str, Json, Meets);

const NO_RECORD: Meets = Meets::Unknown(404, "RECORD_NOT_FOUND");
const NO_MODEL: Meets = Meets::Unknown(404, "MODEL_NOT_FOUND");
const NO_FIELD: Meets = Meets::Unknown(404, "FIELD_NOT_FOUND");

/// Every route with a token must be here.
fn table() -> Vec<Row> {
    let mut rows = restore_rows();
    rows.extend(extract_rows());
    rows.extend(bookkeeping_rows());
    rows.extend(data_rows());
    rows.extend(describe_rows());
    rows
}

fn restore_rows() -> Vec<Row> {
    use Meets::OwnWorld;
    vec![
        ("POST", "/api/restores/{id}/run", "/api/restores/RESTORE/run", Json::Null, NO_RECORD),
        ("POST", "/api/restores/{id}/cancel", "/api/restores/RESTORE/cancel", Json::Null, NO_RECORD),
        ("POST", "/api/restores/import", "", Json::Null, OwnWorld(200)),
        ("POST", "/api/restores/uploads", "", Json::Null, OwnWorld(200)),
    ]
}

fn extract_rows() -> Vec<Row> {
    let archive = ("/api/extracts/runs/{run_id}/download", "/api/extracts/runs/EXTRACT_RUN/download");
    let artifact =
        ("/api/extracts/artifacts/{artifact_id}/download", "/api/extracts/artifacts/ARTIFACT/download");
    vec![
        ("POST", "/api/extracts/{id}/run", "/api/extracts/EXTRACT/run", Json::Null, NO_RECORD),
        ("POST", "/api/extracts/{id}/cancel", "/api/extracts/EXTRACT/cancel", Json::Null, NO_RECORD),
        ("GET", archive.0, archive.1, Json::Null, NO_RECORD),
        ("GET", artifact.0, artifact.1, Json::Null, NO_RECORD),
        // A restore cannot read it either.
        (
            "POST",
            "/api/data/{model}",
            "/api/data/restores",
            json!({ "name": "x", "source_type": "extract_run", "source_ref": "EXTRACT_RUN" }),
            Meets::Unknown(400, "BAD_REQUEST"),
        ),
    ]
}

/// How the first tenant's bookkeeping looks to the other, record by record.
fn bookkeeping_rows() -> Vec<Row> {
    use Meets::Nothing;
    let one = "/api/data/{model}/{id}";
    let all = "/api/data/{model}";
    vec![
        ("GET", all, "/api/data/restores", Json::Null, Nothing),
        ("GET", all, "/api/data/restore_runs", Json::Null, Nothing),
        ("GET", all, "/api/data/restore_logs?filter[where][run_id]=RUN", Json::Null, Nothing),
        ("GET", all, "/api/data/extracts", Json::Null, Nothing),
        ("GET", all, "/api/data/extract_runs", Json::Null, Nothing),
        ("GET", all, "/api/data/extract_artifacts?filter[where][run_id]=EXTRACT_RUN", Json::Null, Nothing),
        ("GET", one, "/api/data/restores/RESTORE", Json::Null, NO_RECORD),
        ("GET", one, "/api/data/restore_runs/RUN", Json::Null, NO_RECORD),
        ("GET", one, "/api/data/extracts/EXTRACT", Json::Null, NO_RECORD),
        ("GET", one, "/api/data/extract_runs/EXTRACT_RUN", Json::Null, NO_RECORD),
        ("GET", one, "/api/data/extract_artifacts/ARTIFACT", Json::Null, NO_RECORD),
        ("PUT", one, "/api/data/restores/RESTORE", json!({ "enabled": false }), NO_RECORD),
        ("PUT", one, "/api/data/extracts/EXTRACT", json!({ "enabled": false }), NO_RECORD),
        ("PUT", all, "/api/data/extracts", json!([{ "id": "EXTRACT", "enabled": false }]), NO_RECORD),
        ("DELETE", one, "/api/data/restores/RESTORE", Json::Null, NO_RECORD),
        ("DELETE", one, "/api/data/extracts/EXTRACT", Json::Null, NO_RECORD),
        ("DELETE", all, "/api/data/extracts?permanent=true", json!(["EXTRACT"]), NO_RECORD),
    ]
}

fn data_rows() -> Vec<Row> {
    use Meets::{Nothing, OwnWorld};
    let record = || json!({ "title": "taken over" });
    vec![
        ("GET", "/api/data/{model}", "/api/data/orders?trashed=include", Json::Null, Nothing),
        ("GET", "/api/data/{model}", "/api/data/secrets", Json::Null, NO_MODEL),
        (
            "POST",
            "/api/data/{model}",
            "/api/data/orders?upsert=true",
            json!({ "id": "a", "title": "beta's" }),
            OwnWorld(201),
        ),
        (
            "PUT",
            "/api/data/{model}",
            "/api/data/orders",
            json!([{ "id": "only-alpha", "title": "x" }]),
            NO_RECORD,
        ),
        ("DELETE", "/api/data/{model}", "/api/data/orders", json!(["only-alpha"]), NO_RECORD),
        ("GET", "/api/data/{model}/{id}", "/api/data/orders/only-alpha", Json::Null, NO_RECORD),
        ("PUT", "/api/data/{model}/{id}", "/api/data/orders/only-alpha", record(), NO_RECORD),
        ("PATCH", "/api/data/{model}/{id}", "/api/data/orders/only-alpha", record(), NO_RECORD),
        (
            "DELETE",
            "/api/data/{model}/{id}",
            "/api/data/orders/only-alpha?permanent=true",
            Json::Null,
            NO_RECORD,
        ),
    ]
}

fn describe_rows() -> Vec<Row> {
    use Meets::OwnWorld;
    let fields = "/api/describe/{model}/fields";
    let field = "/api/describe/{model}/fields/{field}";
    vec![
        ("GET", "/api/describe", "/api/describe", Json::Null, OwnWorld(200)),
        ("GET", "/api/describe/{model}", "/api/describe/secrets", Json::Null, NO_MODEL),
        ("POST", "/api/describe/{model}", "/api/describe/secrets", json!({}), OwnWorld(201)),
        ("DELETE", "/api/describe/{model}", "/api/describe/secrets", Json::Null, OwnWorld(200)),
        ("PUT", "/api/describe/{model}", "/api/describe/secrets", json!({ "description": "x" }), NO_MODEL),
        ("GET", fields, "/api/describe/secrets/fields", Json::Null, NO_MODEL),
        (
            "POST",
            fields,
            "/api/describe/secrets/fields",
            json!({ "field_name": "x", "type": "text" }),
            NO_MODEL,
        ),
        (
            "PUT",
            fields,
            "/api/describe/secrets/fields",
            json!([{ "field_name": "code", "description": "x" }]),
            NO_MODEL,
        ),
        ("GET", field, "/api/describe/orders/fields/alphas", Json::Null, NO_FIELD),
        ("POST", field, "/api/describe/secrets/fields/x", json!({ "type": "text" }), NO_MODEL),
        ("PUT", field, "/api/describe/orders/fields/alphas", json!({ "description": "x" }), NO_FIELD),
        ("DELETE", field, "/api/describe/orders/fields/alphas", Json::Null, NO_FIELD),
    ]
}

#[test]
fn every_route_with_a_token_is_in_the_table() {
    let tested: BTreeSet<String> = table().iter().map(|row| format!("{} {}", row.0, row.1)).collect();
    let routes: BTreeSet<String> =
        ROUTES.iter().filter(|route| route.least.is_some()).map(|route| format!("{route:?}")).collect();
    assert_eq!(tested, routes);
}

async fn furnish(alpha: &Session) -> Things {
    alpha.orders(&["only-alpha", "shared"]).await;
    let added = alpha.post("/api/describe/orders/fields", json!({ "field_name": "alphas", "type": "text" }));
    assert_eq!(added.await.status, 201);
    let secret = json!({ "fields": [{ "field_name": "code", "type": "text" }] });
    assert_eq!(alpha.post("/api/describe/secrets", secret).await.status, 201);
    let run = alpha.restore(orders_archive(&["a"]), "upsert").await;
    let extract_run = alpha.extract(json!({ "name": "Everything" })).await;
    let artifacts = alpha.artifacts(&extract_run).await;
    let text = |record: &Json, key: &str| record[key].as_str().unwrap().to_owned();
    Things {
        restore: text(&run, "restore_id"),
        run: text(&run, "id"),
        extract: text(&extract_run, "extract_id"),
        extract_run: text(&extract_run, "id"),
        artifact: text(&artifacts[0], "id"),
    }
}

async fn call(session: &Session, method: &str, path: &str, body: &Json) -> crate::harness::Answer {
    let request = session.request(method, path);
    session.send(if body.is_null() { request } else { request.json(body) }).await
}

#[actix_web::test]
async fn another_tenant_meets_nothing_of_the_first() {
    let server = TestServer::start(BACKEND).await;
    let (alpha, beta) = (server.session("alpha", "full"), server.session("beta", "root"));
    let things = furnish(&alpha).await;
    beta.orders(&[]).await;
    let alphas_world = async || {
        let restores = alpha.get("/api/data/restores").await.text;
        let runs = alpha.get("/api/data/restore_runs").await.text;
        let extracts = alpha.get("/api/data/extracts").await.text;
        let artifacts = alpha.get("/api/data/extract_artifacts").await.text;
        (server.dump("alpha"), restores, runs, extracts, artifacts)
    };
    let before = alphas_world().await;
    let unknown = Things::unknown();
    for (method, pattern, template, body, meets) in table() {
        if template.is_empty() {
            continue; // Uploads: below, and where sources are refused.
        }
        let answer = call(&beta, method, &things.path(template), &with_ids(&body, &things)).await;
        match meets {
            Meets::Nothing => assert_eq!((answer.status, answer.records().len()), (200, 0), "{template}"),
            Meets::OwnWorld(status) => {
                assert_eq!(answer.status, status, "{method} {template}: {}", answer.text)
            }
            Meets::Unknown(status, code) => {
                answer.refused(status, code);
                let path = unknown.path(template).replace("only-alpha", "nobodys");
                let same = call(&beta, method, &path, &unknown_in(&with_ids(&body, &unknown))).await;
                let nameless = |text: &str| {
                    let text = unknown.removed_from(&things.removed_from(text));
                    text.replace("only-alpha", "ID").replace("nobodys", "ID")
                };
                assert_eq!(nameless(&answer.text), nameless(&same.text), "{method} {pattern}");
            }
        }
    }
    assert_eq!(alphas_world().await, before);
    assert_eq!(beta.titles().await, [("a".to_owned(), "beta's".to_owned())]);
}

/// The body with ids in the place of the words that stand for them.
fn with_ids(body: &Json, things: &Things) -> Json {
    serde_json::from_str(&things.path(&body.to_string())).unwrap()
}

/// The body with an id that nobody has.
fn unknown_in(body: &Json) -> Json {
    serde_json::from_str(&body.to_string().replace("only-alpha", "nobodys")).unwrap()
}

#[actix_web::test]
async fn imports_land_in_the_tenant_of_the_token_alone() {
    let server = TestServer::start(BACKEND).await;
    let (alpha, beta) = (server.session("alpha", "full"), server.session("beta", "full"));
    alpha.orders(&["a"]).await;
    let before = server.dump("alpha");
    let run = beta.restore(orders_archive(&["a", "b"]), "replace").await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(server.dump("alpha"), before);
    assert_eq!(alpha.get("/api/data/restore_runs").await.records().len(), 0);
    assert_eq!(alpha.get("/api/data/restore_logs").await.records().len(), 0);
}
