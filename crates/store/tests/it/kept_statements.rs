//! Statements that connections keep prepared: they follow the definitions, and do not pile up.

use reinstate_describe::filter::parse_list_query;
use reinstate_describe::{Field, FieldType, Trashed};
use reinstate_engine::{Cancellation, Conflict};
use reinstate_store::{RunToken, Tenant};

use crate::conformance::mark;
use crate::fixtures::{
    Backend, CountedIds, NOW, Scratch, batch, everything, field, items, name, on_both, own, root,
};

on_both! {
    records_are_read_by_the_definitions_of_the_moment,
    more_queries_than_are_kept_are_all_answered,
    a_table_that_a_run_put_in_the_place_of_another_is_the_one_that_is_read,
}

/// A store with one connection to read with, so that every read meets the same statements.
fn with_one_reader(backend: Backend) -> (Scratch, Tenant) {
    let scratch = Scratch::with(backend, |settings| settings.tenant_pool_size = 1);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    let body = [r#"{"id":"a","title":"x","size":7}"#];
    tenant.records_create(&root(), "items", &body, false, NOW, &CountedIds::default()).unwrap();
    (scratch, tenant)
}

/// What both ways to read a record say, several times.
fn read(tenant: &Tenant) -> String {
    let mut all = (0..7).map(|_| {
        let got = own(&tenant.record_get(&root(), "items", "a", Trashed::Exclude).unwrap());
        let listed = tenant.records_list(&root(), "items", |_| Ok(everything())).unwrap().records;
        assert_eq!(listed.iter().map(|record| own(record)).collect::<Vec<_>>(), [got.as_str()]);
        got
    });
    let first = all.next().unwrap();
    assert!(all.all(|other| other == first));
    first
}

fn records_are_read_by_the_definitions_of_the_moment(backend: Backend) {
    let (scratch, tenant) = with_one_reader(backend);
    let elsewhere = crate::fixtures::tenant_of(&scratch.again(), "acme");
    assert!(read(&tenant).contains(r#""size":7"#));
    // The same names, and another type.
    for (field_type, default, shown) in [
        (FieldType::Text, serde_json::json!("wide"), r#""size":"wide""#),
        (FieldType::Boolean, serde_json::json!(true), r#""size":true"#),
        (FieldType::Integer, serde_json::json!(3), r#""size":3"#),
    ] {
        elsewhere.field_delete("items", "size").unwrap();
        assert!(!read(&tenant).contains("size"));
        let size = Field { default_value: Some(default), ..field("size", field_type) };
        elsewhere.fields_create("items", &[size]).unwrap();
        assert!(read(&tenant).contains(shown), "{}", read(&tenant));
    }
}

fn more_queries_than_are_kept_are_all_answered(backend: Backend) {
    let (_scratch, tenant) = with_one_reader(backend);
    // Twice as many as find a place, and so often that those that have one give it up.
    for _ in 0..20 {
        for number in 1..=128_usize {
            let wanted = vec!["7"; number];
            let pairs: Vec<_> = wanted
                .iter()
                .map(|size| ("filter[where][size][$in][]".to_owned(), (*size).to_owned()))
                .collect();
            let page =
                tenant.records_list(&root(), "items", |layout| parse_list_query(&pairs, layout)).unwrap();
            assert_eq!(page.records.len(), 1);
        }
    }
}

fn a_table_that_a_run_put_in_the_place_of_another_is_the_one_that_is_read(backend: Backend) {
    let (_scratch, tenant) = with_one_reader(backend);
    for size in 0..4 {
        let line = format!(r#"{{"id":"a","size":{size}}}"#);
        let run_id = format!("run-{size}");
        let token = RunToken { run_id: &run_id, fence: 1 };
        let mut target = tenant.target(token, &Cancellation::default()).unwrap();
        target.records_clear(&name("items")).unwrap();
        target.records_write(&batch(&items(), &[&line]), Conflict::Fail).unwrap();
        target.records_end(&name("items")).unwrap();
        target.commit_prepare().unwrap();
        target.commit(&mark(&run_id)).unwrap();
        assert!(read(&tenant).contains(&format!(r#""size":{size}"#)));
    }
}
