//! A run beside readers, writers and other workers, and what becomes of it where it loses its right or its connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use reinstate_describe::{Field, FieldType, Model};
use reinstate_engine::{Cancellation, Conflict, ConflictRow, Stop, Target, TargetError};
use reinstate_store::{RunToken, StoreError, StoreSettings, Tenant};

use super::faults::{kill_all, stranger};
use crate::conformance::{mark, write};
use crate::fixtures::{
    Backend, CountedIds, NOW, Scratch, batch, field, items, name, records, root, tenant_of,
};

/// Patience enough for a busy machine.
pub(super) fn patient(settings: &mut StoreSettings) {
    settings.busy_timeout_ms = 30_000;
    settings.target_wait_ms = 30_000;
}

fn others() -> Model {
    Model { name: name("others"), ..items() }
}

/// A tenant with two models, the first of which holds `old`.
fn with_old(change: impl FnOnce(&mut StoreSettings)) -> (Scratch, Tenant) {
    let scratch = Scratch::with(Backend::Postgres, change);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    tenant.model_create(&others()).unwrap();
    create(&tenant, "items", r#"{"id":"old","size":1}"#).unwrap();
    (scratch, tenant)
}

fn create(tenant: &Tenant, model: &str, body: &str) -> Result<Vec<String>, StoreError> {
    tenant.records_create(&root(), model, &[body], false, NOW, &CountedIds::default())
}

fn begin(tenant: &Tenant, run_id: &str, fence: i64) -> Result<Box<dyn Target>, TargetError> {
    tenant.target(RunToken { run_id, fence }, &Cancellation::default())
}

fn lines(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!(r#"{{"id":"{prefix}{number:03}","title":"t"}}"#)).collect()
}

fn write_lines(target: &mut dyn Target, model: &Model, lines: &[String], conflict: Conflict) {
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let outcome = write(target, model, &lines, conflict);
    assert!(outcome.refused.is_empty());
}

/// Notes in the control plane that a worker has the run.
pub(super) fn claimed(scratch: &Scratch, fence: i64) {
    scratch.database().execute(&format!(
        "INSERT INTO reinstate.restore_runs (id, tenant, restore_id, restore_name, status, config_snapshot, \
         executed_by, caller, fence, lease_owner, created_at, updated_at) \
         VALUES ('run_1', 'acme', 'r', 'r', 'running', '{{}}', 'ann', '{{}}', {fence}, 'worker', now(), now()) \
         ON CONFLICT (id) DO UPDATE SET fence = excluded.fence"
    ));
}

#[test]
fn readers_see_the_old_records_until_the_commit_and_then_the_new_ones() {
    let (_scratch, tenant) = with_old(patient);
    let mut target = begin(&tenant, "run_1", 1).unwrap();
    let more = Field { default_value: Some(7.into()), ..field("more", FieldType::Integer) };
    target.fields_add(&others().name, std::slice::from_ref(&more)).unwrap();
    assert_eq!(target.records_clear(&items().name).unwrap(), 1);
    write_lines(target.as_mut(), &items(), &lines("new", 60), Conflict::Fail);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let read = || {
            let (mut old, mut new) = (0, 0);
            while new == 0 || !is_over.load(Ordering::Relaxed) {
                match records(&tenant, "items").len() {
                    1 if new == 0 => old += 1,
                    60 => new += 1,
                    count => panic!("{count} records after {old} old and {new} new states"),
                }
                if old == 1 {
                    assert!(records(&tenant, "others").is_empty());
                }
            }
        };
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(read)).collect();
        assert!(records(&tenant, "items")[0].contains("old"));
        target.commit(&mark("run_1")).unwrap();
        is_over.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert_eq!(records(&tenant, "items").len(), 60);
    assert!(tenant.catalog().unwrap().find("others").unwrap().fields.contains_key(&more.name));
}

#[test]
fn writers_of_a_model_that_the_run_leaves_alone_do_not_wait() {
    let (_scratch, tenant) = with_old(|settings| settings.busy_timeout_ms = 1_000);
    let mut target = begin(&tenant, "run_1", 1).unwrap();
    target.records_clear(&items().name).unwrap();
    write_lines(target.as_mut(), &items(), &lines("new", 30), Conflict::Fail);
    create(&tenant, "others", r#"{"id":"a"}"#).unwrap();
    let met = create(&tenant, "items", r#"{"id":"a"}"#);
    assert!(matches!(met, Err(StoreError::Unavailable { .. })), "{met:?}");
    target.commit(&mark("run_1")).unwrap();
    create(&tenant, "items", r#"{"id":"a"}"#).unwrap();
    assert_eq!((records(&tenant, "items").len(), records(&tenant, "others").len()), (31, 1));
}

#[test]
fn worker_that_lost_its_run_is_removed_by_the_next_and_cannot_commit() {
    let (scratch, tenant) = with_old(patient);
    claimed(&scratch, 1);
    let mut stale = begin(&tenant, "run_1", 1).unwrap();
    stale.records_clear(&items().name).unwrap();
    claimed(&scratch, 2);
    let mut next = begin(&tenant, "run_1", 2).unwrap();
    write_lines(next.as_mut(), &items(), &lines("new", 3), Conflict::Fail);
    let late = stale.commit(&mark("run_1"));
    assert!(matches!(late, Err(TargetError::Unavailable { .. })), "{late:?}");
    next.commit(&reinstate_engine::RunMark { fence: 2, ..mark("run_1") }).unwrap();
    assert_eq!(records(&tenant, "items").len(), 4);
    assert_eq!(tenant.run_mark("run_1").unwrap().unwrap().fence, 2);
}

#[test]
fn run_that_somebody_else_has_by_now_applies_nothing() {
    let (scratch, tenant) = with_old(patient);
    claimed(&scratch, 1);
    let before = tenant.dump().unwrap();
    let mut target = begin(&tenant, "run_1", 1).unwrap();
    target.records_clear(&items().name).unwrap();
    target.model_create(&Model { name: name("made"), ..items() }).unwrap();
    claimed(&scratch, 2);
    let late = target.commit(&mark("run_1"));
    assert!(matches!(late, Err(TargetError::Fenced)), "{late:?}");
    assert_eq!(tenant.dump().unwrap(), before);
    let again = begin(&tenant, "run_1", 1).map(drop);
    assert!(matches!(again, Err(TargetError::Fenced)), "{again:?}");
}

#[test]
fn run_whose_mark_appears_meanwhile_applies_nothing() {
    let (scratch, tenant) = with_old(patient);
    let mut target = begin(&tenant, "run_1", 1).unwrap();
    target.records_clear(&items().name).unwrap();
    scratch.database().execute(
        r#"INSERT INTO "t_acme"."$applied_runs" ("run_id", "fence", "counters") VALUES ('run_1', 2, '{}')"#,
    );
    let late = target.commit(&mark("run_1"));
    assert!(matches!(late, Err(TargetError::AlreadyApplied)), "{late:?}");
    assert!(records(&tenant, "items")[0].contains("old"));
}

#[test]
fn run_whose_connection_dies_is_unavailable_and_applies_nothing() {
    let (scratch, tenant) = with_old(patient);
    let before = tenant.dump().unwrap();
    for dies_at_the_commit in [false, true] {
        let mut target = begin(&tenant, "run_1", 1).unwrap();
        target.records_clear(&items().name).unwrap();
        kill_all(&scratch);
        let ended = if dies_at_the_commit {
            target.commit(&mark("run_1"))
        } else {
            // Rows may wait for more; at the model's end they are sent.
            let written = target.records_write(&batch(&items(), &[r#"{"id":"new"}"#]), Conflict::Fail);
            written.and_then(|_| target.records_end(&items().name))
        };
        assert!(matches!(ended, Err(TargetError::Unavailable { .. })), "{ended:?}");
        assert_eq!(tenant.dump().unwrap(), before);
    }
}

#[test]
fn cancel_ends_a_statement_that_waits() {
    let (scratch, tenant) = with_old(patient);
    let cancellation = Cancellation::default();
    let mut target = tenant.target(RunToken { run_id: "run_1", fence: 1 }, &cancellation).unwrap();
    let mut other = stranger(&scratch, r#"SELECT FROM "items" WHERE "id" = 'old' FOR UPDATE"#);
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| cancellation.stop(Stop::Cancelled));
        let written = target.records_write(&batch(&items(), &[r#"{"id":"old","size":2}"#]), Conflict::Update);
        assert!(matches!(written, Err(TargetError::Stopped)), "{written:?}");
    });
    // Well before the patience for the lock is over.
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    other.batch_execute("ROLLBACK").unwrap();
}

#[test]
fn record_that_somebody_made_during_the_run_was_there_before() {
    let (_scratch, tenant) = with_old(patient);
    let mut target = begin(&tenant, "run_1", 1).unwrap();
    write_lines(target.as_mut(), &items(), &lines("new", 30), Conflict::Fail);
    create(&tenant, "items", r#"{"id":"other"}"#).unwrap();
    let batch_lines = [r#"{"id":"new000"}"#, r#"{"id":"other"}"#, r#"{"id":"old"}"#];
    let met = write(target.as_mut(), &items(), &batch_lines, Conflict::Fail);
    let row = |row, existed_before| ConflictRow { row, existed_before };
    assert_eq!(met.conflicts, [row(0, false), row(1, true), row(2, true)]);
}

/// Tables, constraints and indexes of a tenant, without its name.
fn tables(tenant: &Tenant, schema: &str) -> Vec<String> {
    let dump = tenant.dump().unwrap();
    let kinds = [r#""column""#, r#""constraint""#, r#""index""#, r#""other""#];
    let lines = dump.lines().filter(|line| kinds.iter().any(|kind| line.starts_with(kind)));
    lines.map(|line| line.replace(schema, "SCHEMA")).collect()
}

#[test]
fn tables_of_a_run_are_like_those_of_a_model_made_at_once() {
    let scratch = Scratch::with(Backend::Postgres, patient);
    let sorted = Field { index: true, ..field("rank", FieldType::Integer) };
    let filled = Field { default_value: Some(7.into()), ..sorted.clone() };
    let whole = |added: &Field| {
        let model = items().with_field(Field { index: true, ..field("born", FieldType::Date) });
        (model.clone(), model.with_field(added.clone()))
    };
    let cases = [("a", &sorted, true, true), ("b", &filled, false, false), ("c", &sorted, false, false)];
    for (number, (id, added, clears, writes)) in cases.into_iter().enumerate() {
        let (model, wider) = whole(added);
        let (made, run) = (format!("made-{number}"), format!("run-{id}"));
        let (at_once, by_run) = (tenant_of(&scratch.store, &made), tenant_of(&scratch.store, &run));
        at_once.model_create(&wider).unwrap();
        by_run.model_create(&model).unwrap();
        create(&by_run, "items", r#"{"id":"old"}"#).unwrap();
        let mut target = begin(&by_run, "run_1", 1).unwrap();
        target.fields_add(&model.name, std::slice::from_ref(added)).unwrap();
        if clears {
            target.records_clear(&model.name).unwrap();
        }
        if writes {
            write_lines(target.as_mut(), &wider, &lines("new", 30), Conflict::Fail);
        }
        target.commit(&mark("run_1")).unwrap();
        let expected = tables(&at_once, &format!("t_{made}"));
        assert!(expected.iter().any(|line| line.contains("rank")));
        assert_eq!(tables(&by_run, &format!("t_{run}")), expected, "{id}");
    }
}

#[test]
fn value_too_long_for_an_index_refuses_the_run_and_says_where() {
    let (_scratch, tenant) = with_old(|_| {});
    let mut target = begin(&tenant, "run_1", 1).unwrap();
    // No repetition, so that nothing is gained by compressing it.
    let long: String = (0..40_000_u32).filter_map(|n| char::from_u32(0x4e00 + n * 7_919 % 20_000)).collect();
    let line = format!(r#"{{"id":"a","code":"{long}"}}"#);
    let refused = target.records_write(&batch(&items(), &[&line]), Conflict::Fail);
    let Err(TargetError::Refused { message }) = &refused else { panic!("{refused:?}") };
    assert!(message.contains("model 'items' in lines 1 to 1"), "{message}");
}
