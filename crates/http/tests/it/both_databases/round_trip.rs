//! Out of SQLite into PostgreSQL and back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use reinstate_describe::record_json::write_value;
use reinstate_describe::value::{coerce, is_same_json};
use serde_json::json;
use serde_json::value::RawValue;

use super::awkward::{FIELDS, describe, lines};
use super::generated::Chance;
use super::tenant_copy::TenantCopy;
use crate::harness::{Backend, TestServer, archive_of};

/// How many records are made by chance.
const GENERATED_RECORDS: usize = 200;

/// A tenant of a SQLite server with an archive of the awkward table in it.
async fn awkward_tenant(lines: Vec<String>) -> TenantCopy {
    let server = TestServer::start(Backend::Sqlite).await;
    let session = server.session("alpha", "root");
    let run = session.restore(archive_of(&describe(), &[("awkward", lines)]), "upsert").await;
    assert_eq!(run["status"], json!("completed"), "{run}");
    TenantCopy::read(&session).await
}

/// Fails where a record has not the values of its line.
fn assert_holds(copy: &TenantCopy, lines: &[String]) {
    let records: BTreeMap<&str, _> = copy.records().map(|record| (record["id"].as_str(), record)).collect();
    assert_eq!(records.len(), lines.len());
    for line in lines {
        let line: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).unwrap();
        let id: String = serde_json::from_str(line["id"].get()).unwrap();
        let id = serde_json::to_string(&id).unwrap();
        let record = records[id.as_str()];
        for field in FIELDS {
            let given = line.get(field.name).map_or("null", |value| value.get());
            let column_type = field.field_type.column_type(field.is_array);
            let mut expected = String::new();
            write_value(column_type, coerce(column_type, given).unwrap().as_value(), &mut expected);
            let kept = &record[field.name];
            assert!(is_same_json(&expected, kept), "{} of {id}: {given} became {kept}", field.name);
        }
    }
}

async fn goes_there_and_back(start: TenantCopy) {
    let (postgres, there) = start.moved_to(Backend::Postgres).await;
    start.assert_same(&there);
    let session = postgres.session("alpha", "root");
    there.replace(&session).await;
    start.assert_same(&TenantCopy::read(&session).await);
    let (_sqlite, back) = there.moved_to(Backend::Sqlite).await;
    start.assert_same(&back);
}

#[actix_web::test]
async fn tenant_is_equal_record_by_record_out_of_sqlite_into_postgresql_and_back() {
    let lines = lines();
    let start = awkward_tenant(lines.clone()).await;
    assert_holds(&start, &lines);
    goes_there_and_back(start).await;
}

#[actix_web::test]
async fn records_made_by_chance_go_there_and_back() {
    let mut chance = Chance::new(20_250_119);
    let lines: Vec<String> = (0..GENERATED_RECORDS).map(|number| chance.line(number)).collect();
    let start = awkward_tenant(lines.clone()).await;
    assert_holds(&start, &lines);
    goes_there_and_back(start).await;
}

#[actix_web::test]
async fn sample_archive_becomes_the_same_tenant_on_both() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bin/reinstate/sample/chinook.zip");
    let file = fs::read(path).unwrap();
    let mut copies = Vec::new();
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let server = TestServer::start(backend).await;
        let session = server.session("alpha", "root");
        let run = session.restore(file.clone(), "upsert").await;
        assert_eq!(run["status"], json!("completed"), "{run}");
        copies.push(TenantCopy::read(&session).await);
    }
    assert!(copies[0].records().count() > 10_000);
    copies[0].assert_same(&copies[1]);
}
