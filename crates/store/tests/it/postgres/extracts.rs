//! Extracts, which keep a tenant's tables from being exchanged for as long as they read, beside runs that want to.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use reinstate_engine::{Cancellation, Conflict, Selection, Source, SourceError, Stop, Target, TargetError};
use reinstate_store::{RunToken, Tenant};

use super::faults::{kill_all, stranger};
use crate::conformance::extracts::layout_of;
use crate::conformance::{mark, write};
use crate::fixtures::{Backend, CountedIds, NOW, Scratch, items, records, root};

/// A tenant whose one model holds `old`; runs wait for `target_wait_ms`.
fn with_old(target_wait_ms: u32) -> (Scratch, Tenant) {
    let scratch = Scratch::with(Backend::Postgres, |settings| settings.target_wait_ms = target_wait_ms);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    tenant
        .records_create(&root(), "items", &[r#"{"id":"old"}"#], false, NOW, &CountedIds::default())
        .unwrap();
    (scratch, tenant)
}

/// A run that is going to put a table with `new` in the place of the old one.
fn replacing(tenant: &Tenant, cancellation: &Cancellation) -> Box<dyn Target> {
    let mut target = tenant.target(RunToken { run_id: "run_1", fence: 1 }, cancellation).unwrap();
    target.records_clear(&items().name).unwrap();
    write(target.as_mut(), &items(), &[r#"{"id":"new"}"#], Conflict::Fail);
    target
}

fn ids(source: &mut dyn Source) -> Result<Vec<String>, SourceError> {
    let layout = layout_of(source, "items");
    let mut ids = Vec::new();
    source.records_read(&Selection { layout: &layout, filter: None, caller: &root() }, &mut |batch| {
        ids.extend((0..u32::try_from(batch.len()).unwrap()).map(|row| batch.id(row).to_owned()));
        ControlFlow::Continue(())
    })?;
    Ok(ids)
}

/// Whether some connection waits for the lock of extracts.
fn waits_for_extracts(scratch: &Scratch) -> bool {
    let waiting = "SELECT 1 / count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let mut connection = stranger(scratch, "SELECT 1");
    connection.batch_execute(waiting).is_ok()
}

fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::yield_now();
    }
}

#[test]
fn run_that_exchanges_tables_waits_for_an_extract_while_readers_do_not() {
    // The extract lasts longer than a run waits for anything else.
    let (scratch, tenant) = with_old(300);
    let mut source = tenant.source(&Cancellation::default()).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let committed = replace(&tenant);
            is_over.store(true, Ordering::Release);
            committed
        });
        until(|| waits_for_extracts(&scratch));
        let started = Instant::now();
        let mut reads = 0;
        while started.elapsed() < Duration::from_millis(300) {
            let read = Instant::now();
            assert!(records(&tenant, "items")[0].contains("old"));
            // Nobody stands in line before a reader.
            assert!(read.elapsed() < Duration::from_secs(2), "{:?}", read.elapsed());
            reads += 1;
        }
        assert!(reads > 3 && !is_over.load(Ordering::Acquire), "{reads} reads");
        assert_eq!(ids(&mut *source).unwrap(), ["old"]);
        drop(source);
        run.join().unwrap().unwrap();
    });
    assert!(records(&tenant, "items")[0].contains("new"));
}

fn replace(tenant: &Tenant) -> Result<(), TargetError> {
    let mut target = replacing(tenant, &Cancellation::default());
    target.commit_prepare()?;
    target.commit(&mark("run_1"))
}

#[test]
fn run_that_waits_for_an_extract_can_be_cancelled() {
    let (scratch, tenant) = with_old(60_000);
    let _source = tenant.source(&Cancellation::default()).unwrap();
    let cancellation = Cancellation::default();
    let mut target = replacing(&tenant, &cancellation);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until(|| waits_for_extracts(&scratch));
            cancellation.stop(Stop::Cancelled);
        });
        let prepared = target.commit_prepare();
        assert!(matches!(prepared, Err(TargetError::Stopped)), "{prepared:?}");
    });
    drop(target);
    assert!(records(&tenant, "items")[0].contains("old"));
}

#[test]
fn extract_that_comes_after_a_waiting_run_reads_what_the_run_left() {
    let (scratch, tenant) = with_old(60_000);
    let first = tenant.source(&Cancellation::default()).unwrap();
    let (opened, second) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| replace(&tenant).unwrap());
        until(|| waits_for_extracts(&scratch));
        let tenant = tenant.clone();
        scope.spawn(move || {
            let mut source = tenant.source(&Cancellation::default()).unwrap();
            opened.send(ids(&mut *source).unwrap()).unwrap();
        });
        assert!(second.recv_timeout(Duration::from_millis(100)).is_err());
        drop(first);
        assert_eq!(second.recv().unwrap(), ["new"]);
    });
}

#[test]
fn extract_that_waits_for_a_run_can_be_cancelled() {
    let (_scratch, tenant) = with_old(60_000);
    let mut target = replacing(&tenant, &Cancellation::default());
    target.commit_prepare().unwrap();
    let cancellation = Cancellation::default();
    std::thread::scope(|scope| {
        let source = scope.spawn(|| tenant.source(&cancellation).map(drop));
        cancellation.stop(Stop::Shutdown);
        let opened = source.join().unwrap();
        assert!(matches!(opened, Err(SourceError::Stopped)), "{opened:?}");
    });
    target.commit(&mark("run_1")).unwrap();
}

#[test]
fn run_outwaits_a_stranger_who_looks_at_the_tenant_longer_than_its_patience_for_writers() {
    let (scratch, tenant) = with_old(1_000);
    let mut other = stranger(&scratch, r#"LOCK TABLE "$catalog" IN ACCESS SHARE MODE"#);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| replace(&tenant));
        other.batch_execute("SELECT pg_catalog.pg_sleep(1.5); COMMIT").unwrap();
        run.join().unwrap().unwrap();
    });
    assert!(records(&tenant, "items")[0].contains("new"));
}

#[test]
fn extract_whose_connection_dies_is_unavailable() {
    let (scratch, tenant) = with_old(1_000);
    let mut source = tenant.source(&Cancellation::default()).unwrap();
    let layout = layout_of(&mut *source, "items");
    kill_all(&scratch);
    let read = source
        .records_read(&Selection { layout: &layout, filter: None, caller: &root() }, &mut |_| {
            ControlFlow::Continue(())
        });
    assert!(matches!(read, Err(SourceError::Unavailable { .. })), "{read:?}");
    let catalog = source.catalog();
    assert!(matches!(catalog, Err(SourceError::Unavailable { .. })), "{catalog:?}");
}

#[test]
fn extract_whose_connection_dies_among_the_rows_is_unavailable() {
    let (scratch, tenant) = with_old(1_000);
    scratch.database().execute(
        r#"INSERT INTO "t_acme"."items" ("id", "title")
           SELECT lpad(n::text, 6, '0'), repeat(md5(n::text), 40) FROM generate_series(1, 30000) n"#,
    );
    let mut source = tenant.source(&Cancellation::default()).unwrap();
    let layout = layout_of(&mut *source, "items");
    let mut batches = 0;
    let read =
        source.records_read(&Selection { layout: &layout, filter: None, caller: &root() }, &mut |_| {
            batches += 1;
            if batches == 1 {
                kill_all(&scratch);
            }
            ControlFlow::Continue(())
        });
    assert!(matches!(read, Err(SourceError::Unavailable { .. })), "{read:?}");
    assert!(batches < 70, "{batches}");
}

#[test]
fn a_large_model_is_estimated_once_the_server_knows_it_and_counted_else() {
    let (scratch, tenant) = with_old(1_000);
    let estimate_of = |table: &str| {
        let mut source = tenant.source(&Cancellation::default()).unwrap();
        let layout = layout_of(&mut *source, table);
        let selection = Selection { layout: &layout, filter: None, caller: &root() };
        let (estimate, count) =
            (source.records_estimate(&selection).unwrap(), source.records_count(&selection).unwrap());
        (estimate, count)
    };
    assert_eq!(estimate_of("items"), (1, 1));
    let insert = "INSERT INTO t_acme.items (id, title) \
        SELECT n::text, repeat('x', 1000) FROM generate_series(1, 20000) AS n";
    scratch.database().execute("ALTER TABLE t_acme.items SET (autovacuum_enabled = off)");
    scratch.database().execute(insert);
    assert_eq!(estimate_of("items"), (20_001, 20_001));
    scratch.database().execute("ANALYZE t_acme.items");
    // The server looks at some of the rows only, and does not look at all at those that come later.
    scratch
        .database()
        .execute("INSERT INTO t_acme.items (id, title) SELECT 'x' || id, title FROM t_acme.items");
    let (estimate, count) = estimate_of("items");
    assert_eq!(count, 40_002);
    assert!((38_000..42_000).contains(&estimate), "{estimate}");
}
