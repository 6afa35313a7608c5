use reinstate_describe::{AccessLevel, Caller};
use reinstate_jobs::{FieldFault, ImportForm, JobsError};
use reinstate_store::StoreError;
use serde_json::{Value as Json, json};

use super::super::BACKEND;
use crate::harness::*;

fn create(house: &House, body: &Json) -> Result<Json, JobsError> {
    let created = house.jobs.restores_create(&tenant_id("acme"), &full(), std::slice::from_ref(body))?;
    Ok(serde_json::from_str(&created[0]).unwrap())
}

fn update(house: &House, id: &str, body: &Json) -> Result<Json, JobsError> {
    let updated = house.jobs.restores_update(&tenant_id("acme"), &full(), &[(Some(id), body)])?;
    Ok(serde_json::from_str(&updated[0]).unwrap())
}

fn faults(result: Result<Json, JobsError>) -> Vec<(String, &'static str)> {
    match result {
        Err(JobsError::Validation(faults)) => {
            faults.into_iter().map(|FieldFault { field, rule, .. }| (field, rule)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_is_all_that_a_configuration_needs() {
    let house = House::new(BACKEND);
    let created = create(&house, &json!({"name": "Nightly"})).unwrap();
    for (key, value) in [
        ("source_type", json!("upload")),
        ("source_ref", Json::Null),
        ("conflict_strategy", json!("upsert")),
        ("include", json!(["describe", "data"])),
        ("models", Json::Null),
        ("create_models", json!(true)),
        ("enabled", json!(true)),
        ("created_by", json!("ann")),
        ("total_runs", json!(0)),
    ] {
        assert_eq!(created[key], value, "{key}");
    }
    assert!(created["id"].as_str().unwrap().starts_with("restore_"));
}

#[test]
fn every_fault_of_a_configuration_is_named_at_once() {
    let house = House::new(BACKEND);
    let body = json!({
        "conflict_strategy": "maybe",
        "include": [],
        "models": ["ok", "not a name"],
        "create_models": "yes",
        "source_type": "url",
        "total_runs": 5,
        "id": "restore_mine",
        "colour": "red",
    });
    let mut found = faults(create(&house, &body));
    found.sort();
    let expected = [
        ("colour", "unknown_key"),
        ("conflict_strategy", "enum_values"),
        ("create_models", "type_mismatch"),
        ("id", "read_only"),
        ("include", "enum_values"),
        ("models", "pattern"),
        ("name", "required"),
        ("source_type", "enum_values"),
        ("total_runs", "read_only"),
    ];
    assert_eq!(found, expected.map(|(field, rule)| (field.to_owned(), rule)));
    for name in [json!(""), json!("  "), Json::Null, json!(3), json!("x".repeat(256))] {
        assert_eq!(faults(create(&house, &json!({"name": name})))[0].0, "name");
    }
}

#[test]
fn a_fault_in_one_of_several_configurations_creates_none() {
    let house = House::new(BACKEND);
    let bodies = [json!({"name": "a"}), json!({"name": 1})];
    let refused = house.jobs.restores_create(&tenant_id("acme"), &full(), &bodies);
    assert_eq!(faults(refused.map(|_| Json::Null)), [("[1].name".to_owned(), "type_mismatch")]);
    assert!(house.list("acme", "restores", "source_type", "upload").is_empty());
}

#[test]
fn what_was_shown_may_be_sent_back_and_what_nobody_sets_may_not_change() {
    let house = House::new(BACKEND);
    let mut shown = create(&house, &json!({"name": "Nightly", "models": ["a"]})).unwrap();
    let id = shown["id"].as_str().unwrap().to_owned();
    shown["name"] = json!("Daily");
    shown["models"] = Json::Null;
    let updated = update(&house, &id, &shown).unwrap();
    assert_eq!((&updated["name"], &updated["models"]), (&json!("Daily"), &Json::Null));
    shown["successful_runs"] = json!(9);
    shown["updated_at"] = json!("2001-01-01T00:00:00.000Z");
    let found = faults(update(&house, &id, &shown));
    assert!(found.contains(&("successful_runs".to_owned(), "read_only")), "{found:?}");
    assert_eq!(house.restore("acme", &id)["name"], "Daily");
}

#[test]
fn several_configurations_are_changed_by_their_ids_all_or_none() {
    let house = House::new(BACKEND);
    let acme = tenant_id("acme");
    let ids: Vec<_> =
        ["a", "b"].map(|name| create(&house, &json!({"name": name})).unwrap()["id"].clone()).into();
    let patch = |id: &Json| json!({"id": id, "enabled": false});
    let (first, second) = (patch(&ids[0]), patch(&ids[1]));
    house.jobs.restores_update(&acme, &full(), &[(None, &first), (None, &second)]).unwrap();
    assert_eq!(house.list("acme", "restores", "enabled", "false").len(), 2);
    let nameless = json!({"enabled": true});
    let refused = house.jobs.restores_update(&acme, &full(), &[(None, &nameless)]);
    assert_eq!(faults(refused.map(|_| Json::Null)), [("id".to_owned(), "required")]);
    let unknown = json!({"id": "restore_none"});
    let refused = house.jobs.restores_update(&acme, &full(), &[(None, &first), (None, &unknown)]);
    assert!(matches!(refused, Err(JobsError::Store(StoreError::NotFound { .. }))));
}

#[test]
fn a_source_is_an_upload_of_the_tenant_and_nothing_else() {
    let house = House::new(BACKEND);
    let own = house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    let foreign = house.jobs.upload_keep(house.upload("globex", &notes(&lines(0, 1))).unwrap()).unwrap();
    let root = house.dir.path().canonicalize().unwrap();
    let root = root.join("objects").display().to_string();

    for spelled in [
        own.source_ref.clone(),
        format!("{root}/{}", own.source_ref),
        format!("{root}/uploads/globex/../acme/./{}.zip", own.id),
    ] {
        let created = create(&house, &json!({"name": "n", "source_ref": spelled})).unwrap();
        assert_eq!(created["source_ref"], own.source_ref, "{spelled}");
    }
    for spelled in [
        "/etc/passwd",
        "/tmp/restores/uploads/abc123.zip",
        "",
        "uploads/acme",
        "uploads/acme/upload_none.zip",
        &foreign.source_ref,
        &format!("uploads/acme/../globex/{}.zip", foreign.id),
        &format!("{root}/{}", foreign.source_ref),
        &format!("{root}/uploads/acme/../globex/{}.zip", foreign.id),
        &format!("/../..{root}/{}", own.source_ref),
        &format!("./{}", own.source_ref),
        &format!("{}\u{1}", own.source_ref),
    ] {
        let refused = create(&house, &json!({"name": "n", "source_ref": spelled}));
        let Err(JobsError::BadRequest { message }) = refused else { panic!("{spelled}: {refused:?}") };
        assert!(message.starts_with("source_ref must be"), "{message}");
    }
}

#[test]
fn a_configuration_outlives_its_upload_and_can_still_be_renamed() {
    let house = House::new(BACKEND);
    let own = house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    let created = create(&house, &json!({"name": "n", "source_ref": own.source_ref})).unwrap();
    let id = created["id"].as_str().unwrap();
    assert!(house.store.control.upload_delete(&own.source_ref).unwrap());
    update(&house, id, &json!({"name": "m", "source_ref": own.source_ref})).unwrap();
    let refused = house.jobs.restore_run(&tenant_id("acme"), &full(), id);
    assert!(matches!(refused, Err(JobsError::Conflict { message }) if message.contains("no longer kept")));
}

#[test]
fn only_full_access_manages_and_only_edit_access_runs() {
    let house = House::new(BACKEND);
    let acme = tenant_id("acme");
    let id = create(&house, &json!({"name": "n"})).unwrap()["id"].as_str().unwrap().to_owned();
    let body = json!({"name": "m"});
    let forbidden = |result: Result<Vec<String>, JobsError>| {
        assert!(matches!(result, Err(JobsError::Forbidden { .. })), "{result:?}");
    };
    forbidden(house.jobs.restores_create(&acme, &editor(), std::slice::from_ref(&body)));
    forbidden(house.jobs.restores_update(&acme, &editor(), &[(Some(&id), &body)]));
    forbidden(house.jobs.restores_delete(&acme, &editor(), std::slice::from_ref(&id), false));
    let reader = Caller::new(AccessLevel::Read, "rob");
    forbidden(house.jobs.restore_run(&acme, &reader, &id).map(|run| vec![run]));
    forbidden(house.jobs.restore_cancel(&acme, &reader, &id).map(|run| vec![run]));
}

#[test]
fn a_deleted_configuration_is_answered_as_it_was_left() {
    let house = House::new(BACKEND);
    let acme = tenant_id("acme");
    let id = create(&house, &json!({"name": "n"})).unwrap()["id"].as_str().unwrap().to_owned();
    let delete = |permanent| house.jobs.restores_delete(&acme, &full(), std::slice::from_ref(&id), permanent);
    let trashed: Json = serde_json::from_str(&delete(false).unwrap()[0]).unwrap();
    assert!(trashed["trashed_at"].is_string());
    assert!(house.list("acme", "restores", "name", "n").is_empty());
    let removed: Json = serde_json::from_str(&delete(true).unwrap()[0]).unwrap();
    assert_eq!(removed["id"], id);
    assert!(matches!(delete(true), Err(JobsError::Store(StoreError::NotFound { .. }))));
}

#[test]
fn the_import_form_reads_its_options_and_names_what_would_be_right() {
    let form = |strategy: &str, include: &str, models: &str, create: &str| {
        ImportForm {
            conflict_strategy: Some(strategy.to_owned()),
            include: Some(include.to_owned()),
            models: Some(models.to_owned()),
            create_models: Some(create.to_owned()),
        }
        .parse()
    };
    let options = form("sync", "data", " a , b,", "false").unwrap();
    assert_eq!(options.strategy.as_str(), "sync");
    assert_eq!((options.include.describe, options.include.data), (false, true));
    assert_eq!(options.models.unwrap(), ["a", "b"]);
    assert!(!options.create_models);
    let defaults = ImportForm::default().parse().unwrap();
    assert_eq!((defaults.strategy.as_str(), defaults.models, defaults.create_models), ("upsert", None, true));
    assert_eq!(form("sync", "data", "", "true").unwrap().models, None);

    for (wrong, allowed) in [
        (form("maybe", "data", "", "true"), "replace, upsert, merge, sync, skip, error"),
        (form("sync", "all", "", "true"), "describe, data"),
        (form("sync", "", "", "true"), "describe, data"),
        (form("sync", "data", "no name", "true"), "models"),
        (form("sync", "data", "", "yes"), "true, false"),
    ] {
        let Err(JobsError::BadRequest { message }) = wrong else { panic!("{wrong:?}") };
        assert!(message.contains(allowed), "{message}");
    }
}
