//! What only files do: their format, the one write lock, and restores that hold it.

use std::sync::mpsc;

use reinstate_engine::{Cancellation, Stop, Target, TargetError};
use reinstate_store::{RunToken, StoreError, TenantId};

use crate::fixtures::{Backend, CountedIds, NOW, Scratch, items, records, root};

fn begin(scratch: &Scratch, run_id: &str) -> Result<Box<dyn Target>, TargetError> {
    scratch.tenant().target(RunToken { run_id, fence: 1 }, &Cancellation::default())
}

#[test]
fn file_has_the_page_size_and_journal_that_were_chosen() {
    let scratch = Scratch::new(Backend::Sqlite);
    scratch.tenant().model_create(&items()).unwrap();
    let header = std::fs::read(scratch.dir().join("tenants/acme.db")).unwrap();
    assert_eq!(header[16..18], 16_384_u16.to_be_bytes());
    // Two bytes of 2 say: write-ahead log.
    assert_eq!(header[18..20], [2, 2]);
}

#[test]
fn writer_that_meets_a_restore_is_told_to_come_again() {
    let scratch = Scratch::with(Backend::Sqlite, |settings| settings.busy_timeout_ms = 200);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    let target = begin(&scratch, "run_1").unwrap();
    let create = || tenant.records_create(&root(), "items", &["{}"], false, NOW, &CountedIds::default());
    assert!(matches!(create(), Err(StoreError::Unavailable { .. })));
    assert!(matches!(tenant.model_delete("items"), Err(StoreError::Unavailable { .. })));
    drop(target);
    assert_eq!(create().unwrap().len(), 1);
}

#[test]
fn writers_that_wait_keep_no_reader_waiting() {
    let scratch = Scratch::with(Backend::Sqlite, |settings| settings.busy_timeout_ms = 30_000);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    let target = begin(&scratch, "run_1").unwrap();
    std::thread::scope(|scope| {
        let (started, waiting) = mpsc::channel();
        let write = |number: u32| {
            let (tenant, started) = (tenant.clone(), started.clone());
            scope.spawn(move || {
                started.send(()).unwrap();
                let body = format!(r#"{{"id":"{number}"}}"#);
                tenant
                    .records_create(&root(), "items", &[&body], false, NOW, &CountedIds::default())
                    .unwrap();
            })
        };
        let writers: Vec<_> = (0..8).map(write).collect();
        (0..8).for_each(|_| waiting.recv().unwrap());
        // The writers wait for the restore, which waits for this reader: it would fail behind them.
        assert!(records(&tenant, "items").is_empty());
        drop(target);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    assert_eq!(records(&tenant, "items").len(), 8);
}

#[test]
fn second_restore_gives_up_after_its_wait() {
    let scratch = Scratch::new(Backend::Sqlite);
    let _first = begin(&scratch, "run_1").unwrap();
    assert!(matches!(begin(&scratch, "run_2"), Err(TargetError::Unavailable { .. })));
}

#[test]
fn restore_that_waits_stops_when_it_is_cancelled() {
    let scratch = Scratch::with(Backend::Sqlite, |settings| settings.target_wait_ms = 60_000);
    let tenant = scratch.tenant();
    let first = begin(&scratch, "run_1").unwrap();
    let cancellation = Cancellation::default();
    let (started, waiting) = mpsc::channel();
    let outcome = std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            started.send(()).unwrap();
            tenant.target(RunToken { run_id: "run_2", fence: 1 }, &cancellation).map(drop)
        });
        waiting.recv().unwrap();
        cancellation.stop(Stop::Cancelled);
        second.join().unwrap()
    });
    assert!(matches!(outcome, Err(TargetError::Stopped)), "{outcome:?}");
    drop(first);
}

#[test]
fn model_with_too_many_fields_is_refused_with_a_sentence() {
    let scratch = Scratch::new(Backend::Sqlite);
    let model = (0..1_991).fold(reinstate_describe::Model::new(items().name), |model, number| {
        model.with_field(crate::fixtures::field(&format!("f{number}"), reinstate_describe::FieldType::Text))
    });
    let mut target = begin(&scratch, "run_1").unwrap();
    let error = target.model_create(&model).unwrap_err();
    assert!(matches!(error, TargetError::Refused { .. }), "{error:?}");
    let error = error.to_string();
    assert!(error.contains("1991 fields") && error.contains("1990"), "{error}");
}

#[test]
fn damaged_file_is_a_failure_and_no_invitation_to_try_again() {
    let scratch = Scratch::new(Backend::Sqlite);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    drop(tenant);
    let other = TenantId::new("other").unwrap();
    std::fs::write(scratch.dir().join("tenants/other.db"), "this is no database".repeat(5_000)).unwrap();
    let error = scratch.store.tenants.open(&other).unwrap_err();
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    assert!(scratch.tenant().layout("items").is_ok());
}
