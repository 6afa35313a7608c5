//! Extracts beside everything else that goes on in a tenant, and how they end early.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use reinstate_describe::filter::filter_from_json;
use reinstate_describe::{AccessLevel, Batch, Filter, Layout};
use reinstate_engine::{Cancellation, Selection, Source, SourceError, Stop};
use reinstate_store::Tenant;
use serde_json::json;

use crate::conformance::extracts::{ids, layout_of, texts};
use crate::fixtures::{Backend, CountedIds, NOW, Scratch, caller, field, items, on_both, root};

on_both! {
    large_model_comes_in_small_batches,
    requests_meanwhile_do_not_show,
    cancel_in_the_middle_stops_the_reading,
    cancel_ends_a_statement_that_finds_nothing,
    cancelled_extract_is_not_begun,
}

/// Records of a large model: enough for many batches.
const MANY: usize = 100_000;

/// A tenant with [`MANY`] records in `items`, in no order, each of some 100 bytes.
fn with_many(backend: Backend) -> (Scratch, Tenant) {
    let scratch = Scratch::new(backend);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    let (text, table) = match backend {
        Backend::Sqlite => ("printf('%06d', n * 7919 % 100000)", "\"items\""),
        Backend::Postgres => ("lpad((n * 7919 % 100000)::text, 6, '0')", "\"t_acme\".\"items\""),
    };
    let insert = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY} - 1) \
         INSERT INTO {table} (\"id\", \"title\", \"size\") \
         SELECT {text}, 'a title of some length for record ' || n, n FROM numbers"
    );
    match backend {
        Backend::Sqlite => {
            let file = scratch.dir().join("tenants/acme.db");
            SqliteConnection::establish(file.to_str().unwrap()).unwrap().batch_execute(&insert).unwrap();
        }
        Backend::Postgres => scratch.database().execute(&insert),
    }
    (scratch, tenant)
}

fn source_of(tenant: &Tenant) -> Box<dyn Source> {
    tenant.source(&Cancellation::default()).unwrap()
}

fn read(
    source: &mut dyn Source,
    filter: Option<&Filter>,
    mut take: impl FnMut(Batch) -> ControlFlow<()>,
) -> Result<(), SourceError> {
    let layout = layout_of(source, "items");
    source.records_read(&Selection { layout: &layout, filter, caller: &root() }, &mut take)
}

fn large_model_comes_in_small_batches(backend: Backend) {
    let (_scratch, tenant) = with_many(backend);
    let mut source = source_of(&tenant);
    let (mut next, mut batches) = (0, 0);
    read(&mut *source, None, |batch| {
        let (text, cells, _) = batch.clone().into_buffers();
        assert!(text.len() + cells.len() * size_of::<reinstate_describe::Cell>() < 1024 * 1024);
        for row in 0..u32::try_from(batch.len()).unwrap() {
            assert_eq!(batch.id(row), format!("{next:06}"));
            next += 1;
        }
        batches += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(next, MANY);
    assert!(batches >= 20, "{batches}");
}

fn requests_meanwhile_do_not_show(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    let create = |bodies: &[&str]| {
        tenant.records_create(&root(), "items", bodies, false, NOW, &CountedIds::default()).unwrap()
    };
    let before = create(&[r#"{"id":"a"}"#, r#"{"id":"b"}"#, r#"{"id":"c"}"#]);
    let mut source = source_of(&tenant);
    create(&[r#"{"id":"d"}"#]);
    tenant.records_update(&root(), "items", &[(Some("a"), r#"{"size":9}"#)], NOW + 1).unwrap();
    tenant.records_delete(&root(), "items", &["b".to_owned()], false, NOW + 1).unwrap();
    tenant.records_delete(&root(), "items", &["c".to_owned()], true, NOW + 1).unwrap();
    let extract = |source: &mut dyn Source| {
        let mut records = Vec::new();
        read(source, None, |batch| {
            records.extend(texts(&batch));
            ControlFlow::Continue(())
        })
        .unwrap();
        records
    };
    assert_eq!(extract(&mut *source), before);
    assert_eq!(ids(&extract(&mut *source_of(&tenant))), ["a", "b", "d"]);
}

fn cancel_in_the_middle_stops_the_reading(backend: Backend) {
    let (_scratch, tenant) = with_many(backend);
    let cancellation = Cancellation::default();
    let mut source = tenant.source(&cancellation).unwrap();
    let mut batches = 0;
    let ended = read(&mut *source, None, |_| {
        batches += 1;
        if batches == 3 {
            cancellation.stop(Stop::Cancelled);
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(ended, Err(SourceError::Stopped)), "{ended:?}");
    assert_eq!(batches, 3);
    let counted = source.catalog();
    assert!(matches!(counted, Ok(_) | Err(SourceError::Stopped)), "{counted:?}");
}

/// A filter that looks long at every record and finds none.
fn slow(layout: &Layout) -> Filter {
    let tests: Vec<_> =
        (0..200).map(|n| json!({ "title": { "$ilike": format!("%{n}%no%such%title%") } })).collect();
    filter_from_json(&json!({ "$or": tests }), layout).unwrap()
}

fn cancel_ends_a_statement_that_finds_nothing(backend: Backend) {
    let (_scratch, tenant) = with_many(backend);
    let cancellation = Cancellation::default();
    let mut source = tenant.source(&cancellation).unwrap();
    let layout = layout_of(&mut *source, "items");
    let (filter, full) = (slow(&layout), caller(AccessLevel::Full));
    let selection = Selection { layout: &layout, filter: Some(&filter), caller: &full };
    let has_begun = AtomicBool::new(false);
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !has_begun.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            cancellation.stop(Stop::Cancelled);
        });
        has_begun.store(true, Ordering::Release);
        let ended = source.records_read(&selection, &mut |_| panic!("a record was found"));
        assert!(matches!(ended, Err(SourceError::Stopped)), "{ended:?}");
    });
    // Far less than looking at every record would take.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let counted = source.records_count(&selection);
    assert!(matches!(counted, Err(SourceError::Stopped)), "{counted:?}");
}

fn cancelled_extract_is_not_begun(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = scratch.tenant();
    tenant.model_create(&items().with_field(field("more", reinstate_describe::FieldType::Text))).unwrap();
    let cancellation = Cancellation::default();
    cancellation.stop(Stop::Shutdown);
    let begun = tenant.source(&cancellation).map(drop);
    assert!(matches!(begun, Err(SourceError::Stopped)), "{begun:?}");
}
