//! Models and fields defined one by one.

use reinstate_describe::{FieldType, Model};
use reinstate_store::{StoreError, Tenant};
use serde_json::json;

use crate::fixtures::{CountedIds, NOW, Scratch, field, items, name, own, records, required, root, unique};

fn with_items(scratch: &Scratch, bodies: &[&str]) -> Tenant {
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    tenant.records_create(&root(), "items", bodies, false, NOW, &CountedIds::default()).unwrap();
    tenant
}

/// Runs a call that must fail and leave everything as it was.
fn refused<T: std::fmt::Debug>(tenant: &Tenant, call: impl FnOnce() -> Result<T, StoreError>) -> StoreError {
    let before = tenant.dump().unwrap();
    let error = call().unwrap_err();
    assert_eq!(tenant.dump().unwrap(), before, "{error:?}");
    error
}

#[test]
fn model_whose_name_is_taken_in_any_case_is_a_conflict() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[]);
    let error = refused(&tenant, || tenant.model_create(&Model::new(name("ITEMS"))));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
}

#[test]
fn model_update_changes_attributes_and_neither_fields_nor_records() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    let mut changed = Model::new(name("Items"));
    changed.description = Some("Things".to_owned());
    changed.immutable = true;
    tenant.model_update(&changed).unwrap();
    let expected = Model { description: changed.description, immutable: true, ..items() };
    assert_eq!(tenant.catalog().unwrap().find("items"), Some(&expected));
    assert_eq!(records(&tenant, "items").len(), 1);
}

#[test]
fn deleted_model_is_gone_and_its_name_free() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    tenant.model_delete(&name("Items")).unwrap();
    assert!(matches!(tenant.layout("items"), Err(StoreError::ModelNotFound { .. })));
    tenant.model_create(&items()).unwrap();
    assert!(records(&tenant, "items").is_empty());
}

#[test]
fn frozen_model_keeps_its_data() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    tenant.model_update(&Model { frozen: true, ..items() }).unwrap();
    for error in [
        refused(&tenant, || tenant.model_delete(&name("items"))),
        refused(&tenant, || tenant.field_delete(&name("items"), &name("size"))),
    ] {
        assert!(matches!(error, StoreError::ModelProtected { .. }), "{error:?}");
    }
}

#[test]
fn unknown_model_or_field_is_not_found() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[]);
    let size = field("size", FieldType::Integer);
    assert!(matches!(tenant.model_delete(&name("no")), Err(StoreError::ModelNotFound { .. })));
    assert!(matches!(tenant.field_create(&name("no"), &size), Err(StoreError::ModelNotFound { .. })));
    let none = field("none", FieldType::Text);
    assert!(matches!(tenant.field_update(&name("items"), &none), Err(StoreError::FieldNotFound { .. })));
    assert!(matches!(tenant.field_delete(&name("items"), &none.name), Err(StoreError::FieldNotFound { .. })));
}

#[test]
fn created_field_fills_records_with_its_default_and_is_written_to() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    let mut rank = required(field("rank", FieldType::Integer));
    rank.default_value = Some(json!(3));
    tenant.field_create(&name("items"), &rank).unwrap();
    tenant
        .records_create(&root(), "items", &[r#"{"id":"b","rank":4}"#], false, NOW, &CountedIds::default())
        .unwrap();
    let ranks: Vec<_> =
        records(&tenant, "items").iter().map(|record| own(record).contains("\"rank\":3")).collect();
    assert_eq!(ranks, [true, false]);
}

#[test]
fn required_field_without_default_needs_an_empty_model() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    let rank = required(field("rank", FieldType::Integer));
    let error = refused(&tenant, || tenant.field_create(&name("items"), &rank));
    assert!(matches!(error, StoreError::DefinitionInvalid(_)), "{error:?}");
    tenant.records_delete(&root(), "items", &["a".to_owned()], true, NOW).unwrap();
    tenant.field_create(&name("items"), &rank).unwrap();
}

#[test]
fn field_whose_name_is_taken_is_a_conflict() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[]);
    let error = refused(&tenant, || tenant.field_create(&name("items"), &field("SIZE", FieldType::Text)));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
}

#[test]
fn unique_field_with_a_default_meets_existing_records() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#, r#"{"id":"b"}"#]);
    let mut rank = unique(field("rank", FieldType::Integer));
    rank.default_value = Some(json!(1));
    let error = refused(&tenant, || tenant.field_create(&name("items"), &rank));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
}

#[test]
fn type_of_a_field_never_changes() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[]);
    let mut array = field("size", FieldType::Integer);
    array.is_array = true;
    for changed in [field("size", FieldType::Text), array] {
        let error = refused(&tenant, || tenant.field_update(&name("items"), &changed));
        assert!(matches!(error, StoreError::DefinitionInvalid(_)), "{error:?}");
    }
}

#[test]
fn field_becomes_unique_only_without_duplicates() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[r#"{"id":"a","size":1}"#, r#"{"id":"b","size":1}"#, r#"{"id":"c"}"#]);
    let size = unique(field("size", FieldType::Integer));
    let error = refused(&tenant, || tenant.field_update(&name("items"), &size));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    tenant.records_update(&root(), "items", &[(Some("b"), r#"{"size":2}"#)], NOW).unwrap();
    tenant.field_update(&name("items"), &size).unwrap();
    let create = |body| tenant.records_create(&root(), "items", &[body], false, NOW, &CountedIds::default());
    assert!(matches!(create(r#"{"size":2}"#), Err(StoreError::Conflict { .. })));
    tenant.field_update(&name("items"), &field("size", FieldType::Integer)).unwrap();
    create(r#"{"size":2}"#).unwrap();
}

#[test]
fn field_becomes_required_only_without_nulls() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    let size = required(field("size", FieldType::Integer));
    let error = refused(&tenant, || tenant.field_update(&name("items"), &size));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    tenant.records_update(&root(), "items", &[(Some("a"), r#"{"size":2}"#)], NOW).unwrap();
    tenant.field_update(&name("items"), &size).unwrap();
}

#[test]
fn index_comes_and_goes_with_its_flag() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[]);
    let before = tenant.dump().unwrap();
    let mut size = field("size", FieldType::Integer);
    size.index = true;
    tenant.field_update(&name("items"), &size).unwrap();
    assert!(tenant.dump().unwrap().contains("$i$items$size"));
    size.index = false;
    tenant.field_update(&name("items"), &size).unwrap();
    assert!(!tenant.dump().unwrap().contains("$i$items$size"));
    assert_eq!(before.matches("$u$").count(), tenant.dump().unwrap().matches("$u$").count());
}

#[test]
fn deleted_field_takes_its_values_along_and_frees_its_name() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[r#"{"id":"a","code":"1","size":2}"#]);
    tenant.field_delete(&name("items"), &name("Code")).unwrap();
    assert!(!records(&tenant, "items")[0].contains("code"));
    tenant.field_create(&name("items"), &field("code", FieldType::Boolean)).unwrap();
    assert!(records(&tenant, "items")[0].contains("\"code\":null"));
}

#[test]
fn fields_of_one_request_come_all_or_none() {
    let scratch = Scratch::new();
    let tenant = with_items(&scratch, &[r#"{"id":"a","size":1}"#, r#"{"id":"b","size":1}"#]);
    let items = name("items");
    let fresh = field("fresh", FieldType::Text);
    for fields in [[fresh.clone(), field("SIZE", FieldType::Text)], [fresh.clone(), fresh.clone()]] {
        let error = refused(&tenant, || tenant.fields_create(&items, &fields));
        assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    }
    let mut title = field("title", FieldType::Text);
    title.index = true;
    let fields = [title, unique(field("size", FieldType::Integer))];
    let error = refused(&tenant, || tenant.fields_update(&items, &fields));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    tenant.fields_create(&items, &[fresh, field("fresher", FieldType::Date)]).unwrap();
    assert_eq!(tenant.layout("items").unwrap().field_positions().len(), 6);
}
