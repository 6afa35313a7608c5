//! The queries that run all the time find what they need by an index, as the database itself says.
//!
//! `REINSTATE_TEST_PLAN_ROWS` makes the largest tables as large as one likes.

use std::cell::RefCell;

use diesel::connection::{
    Instrumentation, InstrumentationEvent, SimpleConnection, set_default_instrumentation,
};
use diesel::prelude::*;
use diesel::sql_types::Text;
use reinstate_describe::filter::parse_list_query;
use reinstate_describe::{AccessLevel, Caller, Trashed};

use super::*;
use crate::database::Database;

on_both! {
    frequent_queries_use_their_indexes,
    frequent_queries_about_extracts_use_their_indexes,
    lists_without_a_filter_and_looks_at_one_row_use_their_indexes,
    leases_of_a_process_that_is_gone_are_found_by_their_indexes,
}

thread_local! {
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes down the statements of the thread that runs them.
fn listen() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            HEARD.with_borrow_mut(|heard| heard.push(query.to_string()));
        }
    }))
}

/// Rows of the largest tables, where nothing else is asked for: PostgreSQL uses indexes from far fewer on, and a test
/// has to be quick.
const ROWS: u64 = 50_000;

/// Runs and uploads, where nothing else is asked for: far fewer of a tenant than the longest page has places, since
/// to sort about as many would cost the same as to read them in order.
const RUNS: u64 = 20_000;

/// What asks for another number of rows, of runs and uploads too.
const ROWS_SETTING: &str = "REINSTATE_TEST_PLAN_ROWS";

/// `sql` with the numbers of rows that are wanted.
fn sized(sql: &str) -> String {
    let asked_for = std::env::var(ROWS_SETTING).ok();
    let rows = |otherwise: u64| asked_for.clone().unwrap_or_else(|| otherwise.to_string());
    sql.replace("{rows}", &rows(ROWS)).replace("{runs}", &rows(RUNS))
}

/// Many runs that have ended, a long queue and many logs, as after a year; `{runs}` of runs and uploads, `{rows}` of
/// the kinds that there are most of.
/// PostgreSQL plans by what is there.
const FILL: &str = "
    INSERT INTO restores (id, tenant, name, source_type, conflict_strategy, include, create_models, enabled,
        created_by, created_at, updated_at)
    SELECT 'restore-' || n, 'tenant-' || n % 50, 'x', 'upload', 'upsert', '{}', true, true, 'ann', now(), now()
    FROM generate_series(1, 1000) AS n;
    INSERT INTO restore_runs (id, tenant, restore_id, restore_name, status, config_snapshot, executed_by, caller,
        source_ref, created_at, updated_at)
    SELECT 'run-' || n, 'tenant-' || n % 50, 'restore-' || n % 1000, 'x', 'completed', '{}', 'ann', '{}',
        'uploads/' || n, now() - n * interval '1 minute', now()
    FROM generate_series(1, {runs}) AS n;
    INSERT INTO restore_runs (id, tenant, restore_id, restore_name, status, config_snapshot, executed_by, caller,
        not_before, created_at, updated_at)
    SELECT 'waiting-' || n, 'tenant-' || n % 50, 'waiting-' || n, 'x', 'queued', '{}', 'ann', '{}', '2100-01-01',
        now(), now()
    FROM generate_series(1, 2000) AS n;
    INSERT INTO restore_logs (id, tenant, run_id, level, phase, message, created_at)
    SELECT 'log-' || n, 'tenant-' || n % 50, 'run-' || n / 10, 'info', 'data_import', 'x', now() - n * interval '1 s'
    FROM generate_series(1, {rows}) AS n;
    INSERT INTO uploads (id, tenant, object_key, filename, size_bytes, created_by, created_at)
    SELECT 'upload-' || n, 'tenant-' || n % 50, 'uploads/' || n, 'x', 1, 'ann', now() - n * interval '1 minute'
    FROM generate_series(1, {runs}) AS n;
    INSERT INTO extracts (id, tenant, name, format, include, retention_days, enabled, created_by, created_at,
        updated_at)
    SELECT 'extract-' || n, 'tenant-' || n % 50, 'x', 'jsonl', '{}', 7, true, 'ann', now(), now()
    FROM generate_series(1, 1000) AS n;
    INSERT INTO extract_runs (id, tenant, extract_id, extract_name, status, config_snapshot, executed_by, caller,
        object_key, expires_at, created_at, updated_at)
    SELECT 'run-' || n, 'tenant-' || n % 50, 'extract-' || n % 1000, 'x', 'completed', '{}', 'ann', '{}',
        CASE WHEN n % 20 = 0 THEN 'extracts/' || n END, now() - n * interval '1 minute',
        now() - n * interval '1 minute', now()
    FROM generate_series(1, {runs}) AS n;
    INSERT INTO extract_runs (id, tenant, extract_id, extract_name, status, config_snapshot, executed_by, caller,
        not_before, created_at, updated_at)
    SELECT 'waiting-' || n, 'tenant-' || n % 50, 'waiting-' || n, 'x', 'queued', '{}', 'ann', '{}', '2100-01-01',
        now(), now()
    FROM generate_series(1, 2000) AS n;
    INSERT INTO extract_artifacts (id, tenant, run_id, extract_id, artifact_type, artifact_name, format, size_bytes,
        checksum, content_type, is_primary, created_at)
    SELECT 'artifact-' || n, 'tenant-' || n % 50, 'run-' || n / 10, 'x', 'data-x', 'x', 'jsonl', 1, 'x', 'x', false,
        now() - n * interval '1 s'
    FROM generate_series(1, {rows}) AS n;
    ANALYZE restores, restore_runs, restore_logs, uploads, extracts, extract_runs, extract_artifacts;
";

#[derive(QueryableByName)]
struct SqlitePlanLine {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PostgresPlanLine {
    #[diesel(sql_type = Text)]
    #[diesel(column_name = "QUERY PLAN")]
    line: String,
}

/// What the database does for the statements that `work` runs and that read `table`.
fn plan(plane: &Plane, table: &str, work: impl FnOnce()) -> Vec<String> {
    HEARD.with_borrow_mut(Vec::clear);
    work();
    let heard = HEARD.take();
    let mut connection = plane.connections.reader().unwrap();
    let mut lines = Vec::new();
    for statement in heard.iter().filter(|statement| statement.contains(table)) {
        let (sql, binds) = statement.split_once(" -- binds: ").unwrap_or((statement, "[]"));
        match &mut *connection {
            Database::Sqlite(connection) => {
                let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"));
                let plan = explain.load::<SqlitePlanLine>(connection).unwrap();
                lines.extend(plan.into_iter().map(|line| line.detail));
            }
            Database::Postgres(connection) => {
                connection.batch_execute(&format!("PREPARE asked AS {sql}")).unwrap();
                let explain = diesel::sql_query(format!("EXPLAIN EXECUTE asked{}", arguments(binds)));
                let plan = explain.load::<PostgresPlanLine>(connection).unwrap();
                lines.extend(plan.into_iter().map(|line| line.line));
                connection.batch_execute("DEALLOCATE asked").unwrap();
            }
        }
    }
    assert!(!lines.is_empty(), "no statement on {table} among {heard:?}");
    lines
}

/// Bound values as diesel shows them, as arguments of a prepared statement. Ours have neither commas nor quotes, and a
/// list of them is the only value of its statement.
fn arguments(binds: &str) -> String {
    if binds.starts_with("[[") {
        return format!("(ARRAY{})", binds.replace("[[", "[").replace("]]", "]").replace('"', "'"));
    }
    let values = binds.trim_start_matches('[').trim_end_matches(']').split(", ");
    let literals: Vec<_> = values
        .filter(|value| !value.is_empty())
        .map(|value| match value.strip_prefix("Micros(") {
            Some(micros) => format!("to_timestamp({} / 1e6)", micros.trim_end_matches(')')),
            None => value.replace('"', "'"),
        })
        .collect();
    if literals.is_empty() { String::new() } else { format!("({})", literals.join(", ")) }
}

fn assert_uses(lines: &[String], indexes: &[&str]) {
    for index in indexes {
        assert!(lines.iter().any(|line| line.contains(index)), "{index} is not used: {lines:#?}");
    }
    // An index of what is in line is meant to be read through.
    let is_asked_for = |line: &String| indexes.iter().any(|index| line.contains(index));
    let reads_all =
        |line: &String| (line.starts_with("SCAN") && !is_asked_for(line)) || line.contains("Seq Scan");
    assert!(!lines.iter().any(reads_all), "a table is read through: {lines:#?}");
}

fn fill(plane: &Plane, sql: &str) {
    plane.connections.reader().unwrap().batch_execute(sql).unwrap();
}

/// The same rows in SQLite's words.
fn sqlite_fill() -> String {
    let (rows, _) = FILL.split_once("ANALYZE").unwrap();
    let series = rows
        .split("generate_series(1, ")
        .map(|part| match part.split_once(") AS n") {
            Some((count, rest)) if !count.contains('(') => format!(
                "(WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {count}) \
                 SELECT n FROM series) AS n{rest}"
            ),
            _ => part.to_owned(),
        })
        .collect::<String>();
    let series = sized(&series);
    [
        ("now() - n * interval '1 minute'", "-n * 60000000"),
        ("now() - n * interval '1 s'", "-n * 1000000"),
        ("now()", "0"),
        ("'2100-01-01'", "4102444800000000"),
    ]
    .into_iter()
    .fold(series, |sql, (theirs, ours)| sql.replace(theirs, ours))
}

fn filled(backend: Backend) -> Plane {
    // Whoever comes second finds it set.
    drop(set_default_instrumentation(listen));
    let plane = backend.plane();
    match backend {
        Backend::Postgres => fill(&plane, &sized(FILL)),
        // Without statistics SQLite plans by the tables and indexes alone, so rows are there only if asked for.
        Backend::Sqlite if std::env::var_os(ROWS_SETTING).is_some() => fill(&plane, &sqlite_fill()),
        Backend::Sqlite => {}
    }
    plane
}

fn list(plane: &Plane, model: &str, pairs: &[(&str, &str)]) {
    let caller = Caller::new(AccessLevel::Root, "ann");
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    plane
        .system_list(&tenant("tenant-7"), &caller, model, |layout| parse_list_query(&pairs, layout))
        .unwrap();
}

fn frequent_queries_use_their_indexes(backend: Backend) {
    let plane = filled(backend);
    let acme = tenant("tenant-7");
    let list = |model: &str, pairs: &[(&str, &str)]| list(&plane, model, pairs);

    let lines = plan(&plane, "restore_runs", || assert_eq!(plane.claim(1), None));
    assert_uses(&lines, &["restore_runs_queue", "restore_runs_tenant_queue", "restore_runs_leased"]);

    let lines = plan(&plane, "restore_runs", || {
        list("restore_runs", &[("filter[where][restore_id]", "restore-7")]);
    });
    assert_uses(&lines, &["restore_runs_by_restore"]);

    let lines = plan(&plane, "restore_runs", || {
        // The restore is unknown; its active run is looked for first.
        assert!(plane.run_cancel(&acme, "restore-unknown", "bob", 1).is_err());
    });
    assert_uses(&lines, &["restore_runs_one_active"]);

    let lines = plan(&plane, "restore_runs", || list("restore_runs", &[]));
    assert_uses(&lines, &["restore_runs_by_age"]);

    let lines = plan(&plane, "restore_logs", || {
        list("restore_logs", &[("filter[where][run_id]", "run-7")]);
    });
    assert_uses(&lines, &["restore_logs_by_run"]);
    let sorts = |line: &String| line.contains("TEMP B-TREE") || line.contains("Sort");
    assert!(!lines.iter().any(sorts), "the log is sorted again: {lines:#?}");

    let lines = plan(&plane, "uploads", || {
        plane.upload_list_expired(1, 10).unwrap();
    });
    assert_uses(&lines, &["uploads_by_age", "restore_runs_by_source"]);
}

fn frequent_queries_about_extracts_use_their_indexes(backend: Backend) {
    let plane = filled(backend);
    let acme = tenant("tenant-7");
    let list = |model: &str, pairs: &[(&str, &str)]| list(&plane, model, pairs);
    let sorts = |line: &String| line.contains("TEMP B-TREE") || line.contains("Sort");

    let lines = plan(&plane, "extract_runs", || assert_eq!(plane.claim_extract(1), None));
    assert_uses(&lines, &["extract_runs_queue"]);
    assert!(!lines.iter().any(sorts), "the queue is sorted again: {lines:#?}");

    let mut lines = plan(&plane, "extract_runs", || {
        assert_eq!(plane.queue_state().unwrap().running, 0);
    });
    // What was read from the tables.
    lines.retain(|line| !line.contains("in_line"));
    assert_uses(&lines, &["extract_runs_queue", "restore_runs_queue"]);

    let lines = plan(&plane, "extract_runs", || {
        // The extract is unknown; its active run is looked for first.
        assert!(plane.extract_run_cancel(&acme, "extract-unknown", "bob", 1).is_err());
    });
    assert_uses(&lines, &["extract_runs_one_active"]);

    let lines = plan(&plane, "extract_runs", || {
        plane.extract_runs_expired(1, 10).unwrap();
    });
    assert_uses(&lines, &["extract_runs_expiring", "restore_runs_by_source"]);

    // A few: among so few rows as are here PostgreSQL would rather read them all for a page.
    let keys: Vec<_> = (0..10).map(|number| format!("extracts/{number}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let lines = plan(&plane, "object_key", || {
        plane.object_keys_known(&keys).unwrap();
    });
    let uploads =
        if backend == Backend::Sqlite { "sqlite_autoindex_uploads" } else { "uploads_object_key_key" };
    assert_uses(&lines, &["extract_runs_by_object", uploads]);

    let lines = plan(&plane, "extract_runs", || {
        list("extract_runs", &[("filter[where][extract_id]", "extract-7")]);
    });
    assert_uses(&lines, &["extract_runs_by_extract"]);
    let lines = plan(&plane, "extract_runs", || list("extract_runs", &[]));
    assert_uses(&lines, &["extract_runs_by_age"]);

    let lines = plan(&plane, "extracts", || list("extracts", &[]));
    assert_uses(&lines, &["extracts_by_age"]);
    let lines = plan(&plane, "extract_artifacts", || {
        list("extract_artifacts", &[("filter[where][run_id]", "run-7")]);
    });
    assert_uses(&lines, &["extract_artifacts_by_run"]);
    assert!(!lines.iter().any(sorts), "artifacts are sorted again: {lines:#?}");
}

fn lists_without_a_filter_and_looks_at_one_row_use_their_indexes(backend: Backend) {
    let plane = filled(backend);
    let sorts = |line: &String| line.contains("TEMP B-TREE") || line.contains("Sort");
    for (model, index) in [
        ("restores", "restores_by_age"),
        ("restore_runs", "restore_runs_by_age"),
        ("restore_logs", "restore_logs_by_age"),
        ("extracts", "extracts_by_age"),
        ("extract_runs", "extract_runs_by_age"),
        ("extract_artifacts", "extract_artifacts_by_age"),
    ] {
        let lines = plan(&plane, model, || list(&plane, model, &[("filter[limit]", "50")]));
        assert_uses(&lines, &[index]);
        // A tenant has few configurations: it does not matter how the planner sorts them.
        let may_sort = ["restores", "extracts"].contains(&model);
        assert!(may_sort || !lines.iter().any(sorts), "{model} is sorted again: {lines:#?}");
        let lines = plan(&plane, model, || {
            let caller = Caller::new(AccessLevel::Root, "ann");
            let acme = tenant("tenant-7");
            assert!(plane.system_get(&acme, &caller, model, "unknown", Trashed::Exclude).is_err());
        });
        assert_uses(&lines, &[]);
    }
}

fn leases_of_a_process_that_is_gone_are_found_by_their_indexes(backend: Backend) {
    let plane = filled(backend);
    let lines = plan(&plane, "_runs", || {
        plane.leases_expire(1).unwrap();
    });
    assert_uses(&lines, &["restore_runs_leased", "extract_runs_queue"]);
}
