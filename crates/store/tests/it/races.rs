//! Requests that meet each other in the same records and definitions.

use std::sync::Barrier;

use reinstate_describe::{Field, FieldType, Model};
use reinstate_store::{StoreError, StoreSettings, Tenant};

use crate::fixtures::{
    Backend, CountedIds, NOW, Scratch, field, items, name, on_both, records, root, tenant_of,
};

on_both! {
    patches_of_different_fields_at_the_same_time_are_all_kept,
    creates_of_one_id_at_the_same_time_succeed_once,
    upserts_of_one_id_at_the_same_time_keep_what_is_immutable,
    writers_of_the_same_records_in_opposite_order_all_come_through,
    deletes_of_one_record_at_the_same_time_succeed_once,
    requests_go_on_while_definitions_change,
    tenant_is_made_once_by_many_who_use_it_first,
}

/// Patience enough for everybody, on a slow machine too.
fn patient(settings: &mut StoreSettings) {
    settings.busy_timeout_ms = 30_000;
    settings.tenant_pool_size = 8;
}

/// Runs `work` on as many threads as there are numbers, all beginning together.
fn together<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        let (start, work) = (&start, &work);
        let threads: Vec<_> = (0..count)
            .map(|number| {
                scope.spawn(move || {
                    start.wait();
                    work(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn create(tenant: &Tenant, bodies: &[&str]) -> Result<Vec<String>, StoreError> {
    tenant.records_create(&root(), "items", bodies, false, NOW, &CountedIds::default())
}

fn patches_of_different_fields_at_the_same_time_are_all_kept(backend: Backend) {
    let scratch = Scratch::with(backend, patient);
    let tenant = scratch.tenant();
    let model = (0..4).fold(Model::new(name("items")), |model, number| {
        model.with_field(field(&format!("f{number}"), FieldType::Integer))
    });
    let mut fixed = field("fixed", FieldType::Integer);
    // What is there is read before it is written over.
    fixed.immutable = true;
    tenant.model_create(&model.with_field(fixed)).unwrap();
    create(&tenant, &[r#"{"id":"a","fixed":7}"#]).unwrap();
    together(4, |number| {
        for round in 1..=10 {
            let patch = format!(r#"{{"f{number}":{round},"fixed":7}}"#);
            tenant.records_update(&root(), "items", &[(Some("a"), &patch)], NOW).unwrap();
        }
    });
    let record = &records(&tenant, "items")[0];
    assert!((0..4).all(|number| record.contains(&format!("\"f{number}\":10"))), "{record}");
}

fn creates_of_one_id_at_the_same_time_succeed_once(backend: Backend) {
    let scratch = Scratch::with(backend, patient);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    for round in 0..5 {
        for body in [format!(r#"{{"id":"{round}"}}"#), format!(r#"{{"code":"{round}"}}"#)] {
            let ids = CountedIds::default();
            let made = together(4, |_| {
                let body = body.replace('{', &format!("{{\"title\":\"{round}\","));
                tenant.records_create(&root(), "items", &[&body], false, NOW, &ids)
            });
            let conflicts =
                made.iter().filter(|made| matches!(made, Err(StoreError::Conflict { .. }))).count();
            let done = made.iter().filter(|made| made.is_ok()).count();
            assert_eq!((done, conflicts), (1, 3), "{made:?}");
        }
        tenant.records_delete(&root(), "items", &["rec-1".to_owned()], true, NOW).ok();
        tenant.model_delete("items").unwrap();
        tenant.model_create(&items()).unwrap();
    }
}

fn upserts_of_one_id_at_the_same_time_keep_what_is_immutable(backend: Backend) {
    let scratch = Scratch::with(backend, patient);
    let tenant = scratch.tenant();
    let mut fixed = field("fixed", FieldType::Integer);
    fixed.immutable = true;
    tenant.model_create(&Model::new(name("items")).with_field(fixed)).unwrap();
    for round in 0..10 {
        let made = together(4, |number| {
            let body = format!(r#"{{"id":"{round}","fixed":{number}}}"#);
            tenant.records_create(&root(), "items", &[&body], true, NOW, &CountedIds::default())
        });
        let done: Vec<_> = made.iter().filter_map(|made| made.as_ref().ok()).collect();
        assert_eq!(done.len(), 1, "{made:?}");
        assert!(made.iter().all(|made| matches!(made, Ok(_) | Err(StoreError::Invalid(_)))), "{made:?}");
    }
}

fn writers_of_the_same_records_in_opposite_order_all_come_through(backend: Backend) {
    let scratch = Scratch::with(backend, patient);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    create(&tenant, &[r#"{"id":"a"}"#, r#"{"id":"b"}"#]).unwrap();
    together(4, |number| {
        for round in 0..10 {
            let mut bodies = [r#"{"id":"a","size":1}"#, r#"{"id":"b","size":1}"#];
            if (number + round) % 2 == 0 {
                bodies.reverse();
            }
            // An upsert of unguarded fields reads nothing beforehand: its own order is the order of its locks.
            tenant.records_create(&root(), "items", &bodies, true, NOW, &CountedIds::default()).unwrap();
            tenant.records_update(&root(), "items", &bodies.map(|body| (None, body)), NOW).unwrap();
        }
    });
    assert_eq!(records(&tenant, "items").len(), 2);
}

fn deletes_of_one_record_at_the_same_time_succeed_once(backend: Backend) {
    let scratch = Scratch::with(backend, patient);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    for _ in 0..5 {
        create(&tenant, &[r#"{"id":"a"}"#]).unwrap();
        let deleted = together(3, |_| tenant.records_delete(&root(), "items", &["a".to_owned()], true, NOW));
        assert_eq!(deleted.iter().filter(|deleted| deleted.is_ok()).count(), 1, "{deleted:?}");
        let missing = |deleted: &Result<_, _>| matches!(deleted, Err(StoreError::NotFound { .. }));
        assert_eq!(deleted.iter().filter(|deleted| missing(deleted)).count(), 2, "{deleted:?}");
    }
}

fn requests_go_on_while_definitions_change(backend: Backend) {
    let scratch = Scratch::with(backend, patient);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    create(&tenant, &[r#"{"id":"a"}"#]).unwrap();
    together(4, |number| {
        for round in 0..10 {
            match number {
                0 => {
                    let rank = Field { index: true, ..field("rank", FieldType::Integer) };
                    tenant.fields_create("items", &[rank]).unwrap();
                    tenant.field_delete("items", "rank").unwrap();
                }
                1 => assert!(records(&tenant, "items").iter().any(|record| record.contains("\"a\""))),
                _ => {
                    let body = format!(r#"{{"id":"{number}-{round}","size":1}}"#);
                    create(&tenant, &[&body]).unwrap();
                }
            }
        }
    });
    assert_eq!(records(&tenant, "items").len(), 21);
    assert_eq!(tenant.catalog().unwrap().find("items"), Some(&items()));
}

fn tenant_is_made_once_by_many_who_use_it_first(backend: Backend) {
    let scratch = Scratch::with(backend, patient);
    let stores: Vec<_> = (0..4).map(|_| scratch.again()).collect();
    for round in 0..3 {
        let tenants = together(4, |number| tenant_of(&stores[number], &format!("tenant-{round}")));
        tenants[0].model_create(&items()).unwrap();
        assert!(tenants.iter().all(|tenant| tenant.catalog().unwrap().len() == 1));
    }
}
