//! The tables are the same on both backends: the columns, their order, what they may hold.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::*;
use crate::database::Database;

const TABLES: [&str; 8] = [
    "restores",
    "restore_runs",
    "restore_logs",
    "uploads",
    "extracts",
    "extract_runs",
    "extract_artifacts",
    "installation",
];

/// SQLite names no type beyond these; `computed` tells columns that PostgreSQL keeps as plain ones.
const SQLITE_COLUMNS: &str = "SELECT name, type AS kind, \"notnull\" OR pk > 0 AS required, hidden > 0 AS computed \
    FROM pragma_table_xinfo('$') ORDER BY cid";

const POSTGRES_COLUMNS: &str = "SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS kind, \
    a.attnotnull AS required, a.attgenerated <> '' AS computed FROM pg_attribute a \
    WHERE a.attrelid = 'reinstate.$'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

#[derive(Debug, QueryableByName)]
struct TableColumn {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    required: bool,
    #[diesel(sql_type = Bool)]
    computed: bool,
}

fn columns(plane: &Plane, table: &str) -> Vec<TableColumn> {
    let mut connection = plane.connections.reader().unwrap();
    match &mut *connection {
        Database::Sqlite(connection) => {
            diesel::sql_query(SQLITE_COLUMNS.replace('$', table)).load(connection).unwrap()
        }
        Database::Postgres(connection) => {
            diesel::sql_query(POSTGRES_COLUMNS.replace('$', table)).load(connection).unwrap()
        }
    }
}

/// The types of PostgreSQL's that SQLite keeps in one of its own.
fn kept_as(sqlite_kind: &str) -> &'static [&'static str] {
    match sqlite_kind {
        "TEXT" => &["text", "text[]", "jsonb"],
        "INTEGER" => &["bigint", "integer", "boolean", "timestamp with time zone"],
        _ => &[],
    }
}

#[test]
fn tables_on_sqlite_and_postgres_have_the_same_columns() {
    let (sqlite, postgres) = (Backend::Sqlite.plane(), Backend::Postgres.plane());
    for table in TABLES {
        let (here, there) = (columns(&sqlite, table), columns(&postgres, table));
        let names = |columns: &[TableColumn]| -> Vec<String> {
            columns.iter().map(|column| column.name.clone()).collect()
        };
        assert!(!here.is_empty());
        assert_eq!(names(&here), names(&there), "{table}");
        for (here, there) in here.iter().zip(&there) {
            let what = format!("{table}: {here:?}, {there:?}");
            assert!(kept_as(&here.kind).contains(&there.kind.as_str()), "{what}");
            assert!(here.computed || (here.required == there.required && !there.computed), "{what}");
        }
    }
}

#[test]
fn columns_on_sqlite_and_postgres_have_the_types_that_the_statements_expect() {
    let (sqlite, postgres) = (Backend::Sqlite.plane(), Backend::Postgres.plane());
    for plane in [&sqlite, &postgres] {
        plane.queue("acme", "run-a", 1);
        let run = plane.claim(2).unwrap();
        plane.run_progress(&tenant("acme"), &run.id, run.fence, Some(&progress(5)), &[], 3).unwrap();
        plane.complete_extract("acme", "run-b", 4);
    }
    let [here, there] = [&sqlite, &postgres].map(|plane| plane.run("acme", "run-a"));
    assert_eq!(here, there);
    let [here, there] =
        [&sqlite, &postgres].map(|plane| plane.restore_get(&tenant("acme"), "restore-run-a").unwrap());
    assert_eq!(here, there);
    let [here, there] = [&sqlite, &postgres].map(|plane| plane.extract_run("acme", "run-b"));
    assert_eq!(here, there);
    let [here, there] =
        [&sqlite, &postgres].map(|plane| plane.extract_get(&tenant("acme"), "extract-run-b").unwrap());
    assert_eq!(here, there);
    let artifact = extracts::artifact_id("run-b", 0);
    let [here, there] =
        [&sqlite, &postgres].map(|plane| plane.extract_artifact_get(&tenant("acme"), &artifact).unwrap());
    assert_eq!(here, there);
}
