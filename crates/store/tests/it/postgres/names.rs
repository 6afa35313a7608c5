//! Names that PostgreSQL has for things of its own are names of models and fields like any others.

use reinstate_describe::filter::{Test, filter_from_json};
use reinstate_describe::{Field, FieldType, Filter, ListQuery, Model, Trashed};
use reinstate_store::Tenant;
use serde_json::json;

use crate::fixtures::{Backend, CountedIds, NOW, Scratch, everything, field, name, records, root, tenant_of};

/// As long as PostgreSQL keeps names, and alike until the last letter.
const LONG: [&str; 2] = [
    "a_name_that_is_exactly_as_long_as_names_may_be_in_postgresql_1_",
    "a_name_that_is_exactly_as_long_as_names_may_be_in_postgresql_2_",
];

const MODELS: [&str; 22] = [
    "text",
    "uuid",
    "numeric",
    "int8",
    "bool",
    "jsonb",
    "date",
    "timestamptz",
    "pg_class",
    "pg_type",
    "pg_attribute",
    "pg_namespace",
    "user",
    "select",
    "Orders",
    "table",
    "public",
    "pg_catalog",
    "information_schema",
    "__diesel_schema_migrations",
    LONG[0],
    LONG[1],
];

const FIELDS: [&str; 14] = [
    "xmin", "XMAX", "ctid", "tableoid", "cmin", "cmax", "oid", "order", "select", "text", "excluded", "User",
    LONG[0], LONG[1],
];

fn model(model_name: &str) -> Model {
    FIELDS.iter().enumerate().fold(Model::new(name(model_name)), |model, (place, field_name)| {
        let field = field(field_name, FieldType::Text);
        model.with_field(Field { unique: place % 2 == 0, index: true, ..field })
    })
}

/// Every call that there is, on one model.
fn use_all_of(tenant: &Tenant, model_name: &str) {
    let create = |body: &str, upsert| {
        tenant.records_create(&root(), model_name, &[body], upsert, NOW, &CountedIds::default())
    };
    let fields: Vec<_> = FIELDS.iter().map(|field| format!("\"{field}\":\"x\"")).collect();
    create(&format!("{{\"id\":\"1\",{}}}", fields.join(",")), false).unwrap();
    assert!(create(r#"{"id":"2","xmin":"x"}"#, false).unwrap_err().to_string().contains("'xmin'"));
    create(r#"{"id":"1","xmin":"y","order":"y"}"#, true).unwrap();
    tenant.records_update(&root(), model_name, &[(Some("1"), r#"{"ctid":"z","oid":null}"#)], NOW).unwrap();
    let record = tenant.record_get(&root(), model_name, "1", Trashed::Exclude).unwrap();
    assert!(record.contains(r#""xmin":"y""#) && record.contains(r#""ctid":"z""#), "{record}");
    for field in FIELDS {
        let listed = tenant.records_list(&root(), model_name, |layout| {
            let condition = json!({ field: {"$ilike": "%"}, "$not": { field: {"$in": ["none"]} } });
            let filter: Option<Filter> = Some(filter_from_json(&condition, layout)?);
            Ok(ListQuery { filter, ..everything() })
        });
        assert_eq!(listed.unwrap().records.len(), usize::from(field != "oid"), "{field}");
    }
    let extra = [field("default", FieldType::Integer), field("value", FieldType::Jsonb)];
    tenant.fields_create(model_name, &extra).unwrap();
    tenant
        .fields_update(model_name, &["CMAX", "order"], |_, field| {
            Ok(Field { unique: !field.unique, index: false, ..field.clone() })
        })
        .unwrap();
    tenant.field_delete(model_name, "cmin").unwrap();
    tenant.records_delete(&root(), model_name, &["1".to_owned()], false, NOW).unwrap();
    tenant.records_delete(&root(), model_name, &["1".to_owned()], true, NOW).unwrap();
    assert!(records(tenant, model_name).is_empty());
}

#[test]
fn names_of_the_server_are_models_and_fields_like_any_other() {
    let scratch = Scratch::new(Backend::Postgres);
    let tenant = scratch.tenant();
    for model_name in MODELS {
        tenant.model_create(&model(model_name)).unwrap();
    }
    MODELS.iter().for_each(|model_name| use_all_of(&tenant, model_name));
    // As after a restart, when everything is looked up anew.
    let again = tenant_of(&scratch.again(), "acme");
    assert_eq!(again.catalog().unwrap().len(), MODELS.len());
    MODELS.iter().for_each(|model_name| drop(again.model_delete(model_name).unwrap()));
    assert!(again.catalog().unwrap().is_empty());
}

#[test]
fn names_of_tenants_never_meet_those_of_other_schemas() {
    let scratch = Scratch::new(Backend::Postgres);
    let long = ["a".repeat(61), "a".repeat(62), "a".repeat(63)];
    let ids = ["public", "reinstate", "pg_catalog-1", "t_x", "x"]
        .into_iter()
        .chain(long.iter().map(String::as_str));
    let ids: Vec<_> = ids.filter(|id| reinstate_store::TenantId::new(*id).is_ok()).collect();
    for id in &ids {
        tenant_of(&scratch.store, id).model_create(&Model::new(name("own"))).unwrap();
    }
    for id in &ids {
        let tenant = tenant_of(&scratch.store, id);
        let created = tenant.records_create(&root(), "own", &["{}"], false, NOW, &CountedIds::default());
        assert_eq!((created.unwrap().len(), records(&tenant, "own").len()), (1, 1), "{id}");
    }
}

#[test]
fn nul_in_a_question_is_answered_with_nothing() {
    let scratch = Scratch::new(Backend::Postgres);
    let tenant = scratch.tenant();
    tenant.model_create(&model("text")).unwrap();
    let mut caller = crate::fixtures::caller(reinstate_describe::AccessLevel::Full);
    caller.principals.insert("\0".to_owned());
    assert!(tenant.record_get(&caller, "text", "a\0", Trashed::Include).is_err());
    let listed = tenant.records_list(&caller, "text", |_| {
        let test = Test::Like { pattern: "%".to_owned(), ignores_case: true };
        let column = reinstate_describe::system::position::FIELDS;
        Ok(ListQuery { filter: Some(Filter::Compare { column, test }), ..everything() })
    });
    assert!(listed.unwrap().records.is_empty());
    let deleted = tenant.records_delete(&caller, "text", &["a\0".to_owned()], true, NOW);
    assert!(matches!(deleted, Err(reinstate_store::StoreError::NotFound { .. })), "{deleted:?}");
}
