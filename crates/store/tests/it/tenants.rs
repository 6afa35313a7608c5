//! Tenants: opened, kept apart, closed, locked.

use reinstate_describe::{FieldType, Model};
use reinstate_store::TenantId;

use crate::fixtures::{
    Backend, CountedIds, NOW, Scratch, field, items, name, on_both, records, root, tenant_of,
};

on_both! {
    tenant_is_made_on_first_use_and_kept_apart_from_others,
    more_tenants_than_may_be_open_are_served_all_the_same,
    names_that_sql_knows_are_models_like_any_other,
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
