//! Tenants: opened, kept apart, closed, locked.

use reinstate_describe::{FieldType, Model, Trashed};
use reinstate_engine::{Cancellation, Conflict, Target, TargetError};
use reinstate_store::{RunToken, StoreError, TenantId};

use crate::conformance::{mark, write};
use crate::fixtures::{
    Backend, CountedIds, NOW, Scratch, field, items, name, on_both, records, root, tenant_of,
};

on_both! {
    tenant_is_made_on_first_use_and_kept_apart_from_others,
    more_tenants_than_may_be_open_are_served_all_the_same,
    names_that_sql_knows_are_models_like_any_other,
    readers_see_the_old_state_until_the_commit_and_all_of_the_new_one_after,
    tenant_is_opened_and_read_while_a_restore_holds_it,
    mark_of_an_applied_run_stands_in_the_way_of_a_second_begin,
    definitions_are_read_again_when_a_restore_changed_them,
}

fn begin(scratch: &Scratch, run_id: &str) -> Result<Box<dyn Target>, TargetError> {
    scratch.tenant().target(RunToken { run_id, fence: 1 }, &Cancellation::default())
}

fn tenant_is_made_on_first_use_and_kept_apart_from_others(backend: Backend) {
    let scratch = Scratch::new(backend);
    let (one, two) = (TenantId::new("one").unwrap(), TenantId::new("two").unwrap());
    assert!(!scratch.store.tenants.exists(&one).unwrap());
    scratch.store.tenants.open(&one).unwrap().model_create(&items()).unwrap();
    assert!(scratch.store.tenants.exists(&one).unwrap());
    assert!(!scratch.store.tenants.exists(&two).unwrap());
    assert!(scratch.store.tenants.open(&two).unwrap().catalog().unwrap().is_empty());
}

fn more_tenants_than_may_be_open_are_served_all_the_same(backend: Backend) {
    let scratch = Scratch::with(backend, |settings| settings.tenants_open_max = 2);
    let tenants: Vec<_> = (0..6).map(|number| TenantId::new(format!("t{number}")).unwrap()).collect();
    let open: Vec<_> = tenants.iter().map(|tenant| scratch.store.tenants.open(tenant).unwrap()).collect();
    // Those closed by the bound go on working for whoever holds them.
    open.iter().for_each(|tenant| tenant.model_create(&items()).unwrap());
    for tenant in &tenants {
        assert_eq!(scratch.store.tenants.open(tenant).unwrap().catalog().unwrap().len(), 1);
    }
}

fn names_that_sql_knows_are_models_like_any_other(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = scratch.tenant();
    for odd in ["sqlite_master", "json_each", "pragma_table_info", "select", "__diesel_schema_migrations"] {
        let mut order = field("order", FieldType::Text);
        order.index = true;
        let model = Model::new(name(odd)).with_field(order);
        tenant.model_create(&model).unwrap();
        let made = tenant.records_create(
            &root(),
            odd,
            &[r#"{"id":"1","order":"x"}"#],
            false,
            NOW,
            &CountedIds::default(),
        );
        assert_eq!(made.unwrap().len(), 1, "{odd}");
        assert_eq!(records(&tenant, odd).len(), 1, "{odd}");
    }
    let again = scratch.again();
    assert_eq!(tenant_of(&again, "acme").catalog().unwrap().len(), 5);
}

fn readers_see_the_old_state_until_the_commit_and_all_of_the_new_one_after(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    tenant
        .records_create(&root(), "items", &[r#"{"id":"old"}"#], false, NOW, &CountedIds::default())
        .unwrap();
    let before = tenant.dump().unwrap();
    let mut target = begin(&scratch, "run_1").unwrap();
    target.records_clear(&items().name).unwrap();
    target.fields_add(&items().name, &[field("more", FieldType::Text)]).unwrap();
    write(&mut *target, &items(), &[r#"{"id":"new"}"#], Conflict::Fail);
    assert_eq!(tenant.dump().unwrap(), before);
    assert!(tenant.layout("items").unwrap().position("more").is_none());
    Box::new(target).commit(&mark("run_1")).unwrap();
    assert!(records(&tenant, "items")[0].contains("new"));
    assert!(tenant.layout("items").unwrap().position("more").is_some());
}

fn tenant_is_opened_and_read_while_a_restore_holds_it(backend: Backend) {
    let scratch = Scratch::new(backend);
    scratch.tenant().model_create(&items()).unwrap();
    let _target = begin(&scratch, "run_1").unwrap();
    // As after a restart: nothing is open yet.
    let again = scratch.again();
    let tenant = tenant_of(&again, "acme");
    assert_eq!(tenant.catalog().unwrap().len(), 1);
    assert!(records(&tenant, "items").is_empty());
}

fn mark_of_an_applied_run_stands_in_the_way_of_a_second_begin(backend: Backend) {
    let scratch = Scratch::new(backend);
    Box::new(begin(&scratch, "run_1").unwrap()).commit(&mark("run_1")).unwrap();
    assert!(matches!(begin(&scratch, "run_1"), Err(TargetError::AlreadyApplied)));
    assert!(begin(&scratch, "run_2").is_ok());
}

fn definitions_are_read_again_when_a_restore_changed_them(backend: Backend) {
    let scratch = Scratch::new(backend);
    let tenant = scratch.tenant();
    assert!(matches!(tenant.layout("items"), Err(StoreError::ModelNotFound { .. })));
    let mut target = begin(&scratch, "run_1").unwrap();
    target.model_create(&items()).unwrap();
    assert!(tenant.layout("items").is_err());
    Box::new(target).commit(&mark("run_1")).unwrap();
    assert!(tenant.layout("items").is_ok());
    assert!(matches!(
        tenant.record_get(&root(), "items", "none", Trashed::Include),
        Err(StoreError::NotFound { .. })
    ));
}
