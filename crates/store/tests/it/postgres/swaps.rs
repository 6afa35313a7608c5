//! A run exchanges tables under the readers: they see all of the old one or all of the new one.

use std::sync::atomic::{AtomicBool, Ordering};

use reinstate_describe::ListQuery;

use crate::fixtures::{Backend, CountedIds, NOW, Scratch, everything, items, root};

/// What a run does at its end: nobody is inside the tenant, then another table takes the place of the old one.
const SWAP: &str = r#"
    BEGIN;
    SET LOCAL search_path TO "t_acme", pg_catalog;
    CREATE TABLE "$t$items" (LIKE "items" INCLUDING DEFAULTS);
    INSERT INTO "$t$items" SELECT * FROM "items";
    LOCK TABLE "$catalog" IN ACCESS EXCLUSIVE MODE;
    UPDATE "$catalog" SET "version" = "version" + 1;
    DROP TABLE "items";
    ALTER TABLE "$t$items" RENAME TO "items";
    COMMIT"#;

#[test]
fn readers_never_see_a_table_that_was_just_exchanged_as_empty() {
    let scratch = Scratch::with(Backend::Postgres, |settings| settings.busy_timeout_ms = 30_000);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    let bodies = vec!["{}"; 50];
    tenant.records_create(&root(), "items", &bodies, false, NOW, &CountedIds::default()).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0_usize;
                    while !is_over.load(Ordering::Relaxed) {
                        let query = ListQuery { count: true, ..everything() };
                        let page = tenant.records_list(&root(), "items", |_| Ok(query.clone())).unwrap();
                        assert_eq!((page.records.len(), page.total), (50, Some(50)));
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        (0..30).for_each(|_| scratch.database().execute(SWAP));
        is_over.store(true, Ordering::Relaxed);
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
    });
}
