//! The queries that run all the time find what they need by an index, as SQLite itself says.

use std::cell::RefCell;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use diesel::prelude::*;
use diesel::sql_types::Text;
use reinstate_describe::filter::parse_list_query;
use reinstate_describe::{AccessLevel, Caller};

use super::*;

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

#[derive(QueryableByName)]
struct PlanLine {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// What SQLite does for the statements that `work` runs and that read `table`.
fn plan(plane: &Plane, table: &str, work: impl FnOnce()) -> Vec<String> {
    HEARD.with_borrow_mut(Vec::clear);
    work();
    let heard = HEARD.take();
    let mut connection = plane.connections.reader().unwrap();
    let mut lines = Vec::new();
    for statement in heard.iter().filter(|statement| statement.contains(table)) {
        let sql = statement.split(" -- binds").next().unwrap();
        let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"));
        lines.extend(explain.load::<PlanLine>(&mut connection).unwrap().into_iter().map(|line| line.detail));
    }
    assert!(!lines.is_empty(), "no statement on {table} among {heard:?}");
    lines
}

fn assert_uses(lines: &[String], index: &str) {
    assert!(lines.iter().any(|line| line.contains(index)), "{index} is not used: {lines:#?}");
    assert!(!lines.iter().any(|line| line.starts_with("SCAN")), "a table is read through: {lines:#?}");
}

#[test]
fn frequent_queries_use_their_indexes() {
    set_default_instrumentation(listen).unwrap();
    let plane = Backend::Sqlite.plane();
    let acme = tenant("acme");
    let caller = Caller::new(AccessLevel::Root, "ann");
    let list = |model: &str, pairs: &[(&str, &str)]| {
        let pairs: Vec<_> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        plane.system_list(&acme, &caller, model, |layout| parse_list_query(&pairs, layout)).unwrap();
    };

    let lines = plan(&plane, "restore_runs", || assert_eq!(plane.claim(1), None));
    assert_uses(&lines, "restore_runs_queue");
    assert_uses(&lines, "restore_runs_tenant_queue");
    assert_uses(&lines, "restore_runs_leased");

    let lines = plan(&plane, "restore_runs", || {
        list("restore_runs", &[("filter[where][restore_id]", "restore-1")]);
    });
    assert_uses(&lines, "restore_runs_by_restore");

    let lines = plan(&plane, "restore_runs", || {
        // The restore is unknown; its active run is looked for first.
        assert!(plane.run_cancel(&acme, "restore-1", "bob", 1).is_err());
    });
    assert_uses(&lines, "restore_runs_one_active");

    let lines = plan(&plane, "restore_runs", || list("restore_runs", &[]));
    assert_uses(&lines, "restore_runs_by_age");

    let lines = plan(&plane, "restore_logs", || {
        list("restore_logs", &[("filter[where][run_id]", "run-1")]);
    });
    assert_uses(&lines, "restore_logs_by_run");
    assert!(!lines.iter().any(|line| line.contains("TEMP B-TREE")), "the log is sorted again: {lines:#?}");

    let lines = plan(&plane, "uploads", || {
        plane.upload_list_expired(1, 10).unwrap();
    });
    assert_uses(&lines, "uploads_by_age");
    assert_uses(&lines, "restore_runs_by_source");
}
