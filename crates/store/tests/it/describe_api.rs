//! Models and fields defined one by one.

use reinstate_describe::{Field, FieldType, Model, ModelStatus};
use reinstate_store::{StoreError, Tenant};
use serde_json::json;

use crate::fixtures::{
    Backend, CountedIds, NOW, Scratch, field, items, name, on_both, own, records, required, root, unique,
};

on_both! {
    model_whose_name_is_taken_in_any_case_is_a_conflict,
    model_update_changes_attributes_and_neither_fields_nor_records,
    deleted_model_is_gone_and_its_name_free,
    frozen_model_keeps_its_data,
    new_field_of_a_frozen_model_must_not_write_its_records,
    definitions_of_the_platform_stay_as_they_are,
    changes_of_one_definition_at_the_same_time_all_count,
    field_named_twice_in_one_request_is_refused,
    unknown_model_or_field_is_not_found,
    created_field_fills_records_with_its_default_and_is_written_to,
    required_field_without_default_needs_an_empty_model,
    field_whose_name_is_taken_is_a_conflict,
    unique_field_with_a_default_meets_existing_records,
    type_of_a_field_never_changes,
    field_becomes_unique_only_without_duplicates,
    field_becomes_required_only_without_nulls,
    index_comes_and_goes_with_its_flag,
    deleted_field_takes_its_values_along_and_frees_its_name,
    fields_of_one_request_come_all_or_none,
}

fn with_items(scratch: &Scratch, bodies: &[&str]) -> Tenant {
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    tenant.records_create(&root(), "items", bodies, false, NOW, &CountedIds::default()).unwrap();
    tenant
}

fn field_create(tenant: &Tenant, field: &Field) -> Result<(), StoreError> {
    tenant.fields_create("items", std::slice::from_ref(field))
}

fn field_update(tenant: &Tenant, field: &Field) -> Result<Vec<Field>, StoreError> {
    tenant.fields_update("items", &[field.name.as_str()], |_, _| Ok(field.clone()))
}

/// Runs a call that must fail and leave everything as it was.
fn refused<T: std::fmt::Debug>(tenant: &Tenant, call: impl FnOnce() -> Result<T, StoreError>) -> StoreError {
    let before = tenant.dump().unwrap();
    let error = call().unwrap_err();
    assert_eq!(tenant.dump().unwrap(), before, "{error:?}");
    error
}

fn model_whose_name_is_taken_in_any_case_is_a_conflict(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[]);
    let error = refused(&tenant, || tenant.model_create(&Model::new(name("ITEMS"))));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
}

fn model_update_changes_attributes_and_neither_fields_nor_records(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    let mut changed = Model::new(name("Items"));
    changed.description = Some("Things".to_owned());
    changed.immutable = true;
    tenant.model_update("Items", |_| Ok(changed.clone())).unwrap();
    let expected = Model { description: changed.description, immutable: true, ..items() };
    assert_eq!(tenant.catalog().unwrap().find("items"), Some(&expected));
    assert_eq!(records(&tenant, "items").len(), 1);
}

fn deleted_model_is_gone_and_its_name_free(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    tenant.model_delete("Items").unwrap();
    assert!(matches!(tenant.layout("items"), Err(StoreError::ModelNotFound { .. })));
    tenant.model_create(&items()).unwrap();
    assert!(records(&tenant, "items").is_empty());
}

fn frozen_model_keeps_its_data(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    tenant.model_update("items", |_| Ok(Model { frozen: true, ..items() })).unwrap();
    for error in [
        refused(&tenant, || tenant.model_delete("items")),
        refused(&tenant, || tenant.field_delete("items", "size")),
    ] {
        assert!(matches!(error, StoreError::ModelProtected { .. }), "{error:?}");
    }
}

fn new_field_of_a_frozen_model_must_not_write_its_records(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    tenant.model_update("items", |_| Ok(Model { frozen: true, ..items() })).unwrap();
    let mut rank = field("rank", FieldType::Integer);
    rank.default_value = Some(json!(3));
    let error = refused(&tenant, || field_create(&tenant, &rank));
    assert!(matches!(error, StoreError::ModelProtected { .. }), "{error:?}");
    rank.default_value = None;
    field_create(&tenant, &rank).unwrap();
}

fn definitions_of_the_platform_stay_as_they_are(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[]);
    tenant.model_update("items", |_| Ok(Model { status: ModelStatus::System, ..items() })).unwrap();
    let title = field("title", FieldType::Text);
    for error in [
        refused(&tenant, || tenant.model_update("items", |model| Ok(model.clone()))),
        refused(&tenant, || tenant.model_delete("Items")),
        refused(&tenant, || tenant.model_delete("Restore_Runs")),
        refused(&tenant, || field_create(&tenant, &field("rank", FieldType::Text))),
        refused(&tenant, || field_update(&tenant, &title)),
        refused(&tenant, || tenant.field_delete("items", "title")),
    ] {
        assert!(matches!(error, StoreError::ModelProtected { .. }), "{error:?}");
    }
}

fn changes_of_one_definition_at_the_same_time_all_count(backend: Backend) {
    let scratch = Scratch::with(backend, |settings| settings.busy_timeout_ms = 5_000);
    let tenant = with_items(&scratch, &[]);
    let raise = |_: usize, existing: &Field| {
        let maximum = existing.maximum.as_ref().and_then(serde_json::Number::as_i64).unwrap_or(0);
        Ok(Field { maximum: Some((maximum + 1).into()), ..existing.clone() })
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..5).for_each(|_| drop(tenant.fields_update("items", &["size"], raise).unwrap()))
            });
        }
    });
    let catalog = tenant.catalog().unwrap();
    assert_eq!(
        catalog.find("items").unwrap().fields[&name("size")].maximum.as_ref().unwrap().as_i64(),
        Some(20)
    );
}

fn field_named_twice_in_one_request_is_refused(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[]);
    let change = |place: usize, existing: &Field| Ok(Field { unique: place == 0, ..existing.clone() });
    let error = refused(&tenant, || tenant.fields_update("items", &["size", "SIZE"], change));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
}

fn unknown_model_or_field_is_not_found(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[]);
    let size = field("size", FieldType::Integer);
    assert!(matches!(tenant.model_delete("no"), Err(StoreError::ModelNotFound { .. })));
    assert!(matches!(tenant.fields_create("no", &[size]), Err(StoreError::ModelNotFound { .. })));
    let none = field("none", FieldType::Text);
    assert!(matches!(field_update(&tenant, &none), Err(StoreError::FieldNotFound { .. })));
    assert!(matches!(tenant.field_delete("items", "none"), Err(StoreError::FieldNotFound { .. })));
}

fn created_field_fills_records_with_its_default_and_is_written_to(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    let mut rank = required(field("rank", FieldType::Integer));
    rank.default_value = Some(json!(3));
    field_create(&tenant, &rank).unwrap();
    tenant
        .records_create(&root(), "items", &[r#"{"id":"b","rank":4}"#], false, NOW, &CountedIds::default())
        .unwrap();
    let ranks: Vec<_> =
        records(&tenant, "items").iter().map(|record| own(record).contains("\"rank\":3")).collect();
    assert_eq!(ranks, [true, false]);
}

fn required_field_without_default_needs_an_empty_model(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    let rank = required(field("rank", FieldType::Integer));
    let error = refused(&tenant, || field_create(&tenant, &rank));
    assert!(matches!(error, StoreError::DefinitionInvalid(_)), "{error:?}");
    tenant.records_delete(&root(), "items", &["a".to_owned()], true, NOW).unwrap();
    field_create(&tenant, &rank).unwrap();
}

fn field_whose_name_is_taken_is_a_conflict(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[]);
    let error = refused(&tenant, || field_create(&tenant, &field("SIZE", FieldType::Text)));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
}

fn unique_field_with_a_default_meets_existing_records(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#, r#"{"id":"b"}"#]);
    let mut rank = unique(field("rank", FieldType::Integer));
    rank.default_value = Some(json!(1));
    let error = refused(&tenant, || field_create(&tenant, &rank));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
}

fn type_of_a_field_never_changes(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[]);
    let mut array = field("size", FieldType::Integer);
    array.is_array = true;
    for changed in [field("size", FieldType::Text), array] {
        let error = refused(&tenant, || field_update(&tenant, &changed));
        assert!(matches!(error, StoreError::DefinitionInvalid(_)), "{error:?}");
    }
}

fn field_becomes_unique_only_without_duplicates(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a","size":1}"#, r#"{"id":"b","size":1}"#, r#"{"id":"c"}"#]);
    let size = unique(field("size", FieldType::Integer));
    let error = refused(&tenant, || field_update(&tenant, &size));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    tenant.records_update(&root(), "items", &[(Some("b"), r#"{"size":2}"#)], NOW).unwrap();
    field_update(&tenant, &size).unwrap();
    let create = |body| tenant.records_create(&root(), "items", &[body], false, NOW, &CountedIds::default());
    assert!(matches!(create(r#"{"size":2}"#), Err(StoreError::Conflict { .. })));
    field_update(&tenant, &field("size", FieldType::Integer)).unwrap();
    create(r#"{"size":2}"#).unwrap();
}

fn field_becomes_required_only_without_nulls(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a"}"#]);
    let size = required(field("size", FieldType::Integer));
    let error = refused(&tenant, || field_update(&tenant, &size));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    tenant.records_update(&root(), "items", &[(Some("a"), r#"{"size":2}"#)], NOW).unwrap();
    field_update(&tenant, &size).unwrap();
}

fn index_comes_and_goes_with_its_flag(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[]);
    let before = tenant.dump().unwrap();
    let mut size = field("size", FieldType::Integer);
    size.index = true;
    field_update(&tenant, &size).unwrap();
    assert!(tenant.dump().unwrap().contains("$i$items$size"));
    size.index = false;
    field_update(&tenant, &size).unwrap();
    assert!(!tenant.dump().unwrap().contains("$i$items$size"));
    assert_eq!(before.matches("$u$").count(), tenant.dump().unwrap().matches("$u$").count());
}

fn deleted_field_takes_its_values_along_and_frees_its_name(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a","code":"1","size":2}"#]);
    tenant.field_delete("items", "Code").unwrap();
    assert!(!records(&tenant, "items")[0].contains("code"));
    field_create(&tenant, &field("code", FieldType::Boolean)).unwrap();
    assert!(records(&tenant, "items")[0].contains("\"code\":null"));
}

fn fields_of_one_request_come_all_or_none(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = with_items(&scratch, &[r#"{"id":"a","size":1}"#, r#"{"id":"b","size":1}"#]);
    let fresh = field("fresh", FieldType::Text);
    for fields in [[fresh.clone(), field("SIZE", FieldType::Text)], [fresh.clone(), fresh.clone()]] {
        let error = refused(&tenant, || tenant.fields_create("items", &fields));
        assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    }
    let mut title = field("title", FieldType::Text);
    title.index = true;
    let fields = [title, unique(field("size", FieldType::Integer))];
    let error = refused(&tenant, || {
        tenant.fields_update("items", &["title", "size"], |place, _| Ok(fields[place].clone()))
    });
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    tenant.fields_create("items", &[fresh, field("fresher", FieldType::Date)]).unwrap();
    assert_eq!(tenant.layout("items").unwrap().field_positions().len(), 6);
}
