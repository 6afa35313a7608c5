//! Records written and read one request at a time.

use reinstate_describe::{AccessLevel, Caller, FaultCode, FieldType, Model, Trashed};
use reinstate_store::{StoreError, Tenant};

use crate::fixtures::{
    Backend, CountedIds, NOW, Scratch, caller, everything, field, items, name, on_both, own, records,
    required, root,
};

on_both! {
    created_records_are_answered_whole_and_in_order,
    every_fault_of_every_record_is_told_and_nothing_written,
    id_or_unique_value_that_is_there_is_a_conflict_that_names_it,
    upsert_changes_what_is_there_and_creates_the_rest,
    upsert_of_a_part_needs_a_record_to_complete,
    update_keeps_absent_fields_and_clears_nulls,
    update_of_many_takes_ids_from_the_bodies_and_is_all_or_none,
    update_to_a_value_that_another_record_has_is_a_conflict,
    immutable_fields_and_records_may_be_repeated_but_not_changed,
    frozen_model_takes_no_write,
    trashed_record_is_hidden_until_asked_for_and_can_be_taken_back,
    permanent_delete_answers_the_record_and_removes_it,
    levels_of_the_token_bound_what_is_done,
    access_lists_are_written_by_full_and_ignored_from_edit,
    record_lists_decide_who_sees_and_changes_a_record,
    who_may_only_edit_a_record_does_not_change_its_lists,
    immutable_json_may_be_spelled_in_another_way,
    ten_thousand_records_fit_one_request,
    a_record_that_would_fit_no_archive_is_refused_however_it_grew,
    unknown_model_is_not_found_everywhere,
}

struct Api {
    _scratch: Scratch,
    tenant: Tenant,
    ids: CountedIds,
}

impl Api {
    fn new(backend: Backend, model: &Model) -> Self {
        let scratch = Scratch::new(backend);
        let tenant = scratch.tenant();
        tenant.model_create(model).unwrap();
        Self { _scratch: scratch, tenant, ids: CountedIds::default() }
    }

    fn create(&self, caller: &Caller, bodies: &[&str]) -> Result<Vec<String>, StoreError> {
        self.tenant.records_create(caller, "items", bodies, false, NOW, &self.ids)
    }

    fn upsert(&self, caller: &Caller, bodies: &[&str]) -> Result<Vec<String>, StoreError> {
        self.tenant.records_create(caller, "items", bodies, true, NOW, &self.ids)
    }

    fn update(&self, caller: &Caller, id: &str, body: &str) -> Result<Vec<String>, StoreError> {
        self.tenant.records_update(caller, "items", &[(Some(id), body)], NOW)
    }

    fn delete(&self, caller: &Caller, id: &str, permanent: bool) -> Result<Vec<String>, StoreError> {
        self.tenant.records_delete(caller, "items", &[id.to_owned()], permanent, NOW)
    }

    fn get(&self, caller: &Caller, id: &str) -> Result<String, StoreError> {
        self.tenant.record_get(caller, "items", id, Trashed::Exclude)
    }

    /// Runs a call that must fail and leave everything as it was.
    fn refused<T: std::fmt::Debug>(&self, call: impl FnOnce() -> Result<T, StoreError>) -> StoreError {
        let before = self.tenant.dump().unwrap();
        let error = call().unwrap_err();
        assert_eq!(self.tenant.dump().unwrap(), before, "{error:?}");
        error
    }
}

fn codes(error: &StoreError) -> Vec<(u64, FaultCode)> {
    match error {
        StoreError::Invalid(faults) => faults.iter().map(|fault| (fault.line, fault.code)).collect(),
        other => panic!("{other:?}"),
    }
}

fn created_records_are_answered_whole_and_in_order(backend: Backend) {
    let api = Api::new(backend, &items());
    let made = api.create(&root(), &[r#"{"id":"z","size":"12"}"#, r#"{"title":"T","price":0.10}"#]).unwrap();
    let owns: Vec<_> = made.iter().map(|record| own(record)).collect();
    assert_eq!(
        owns,
        [
            own(r#"{"id":"z","title":null,"code":null,"size":12,"price":null}"#),
            // Another shape starts another batch; the id of the first attempt is passed over.
            own(r#"{"id":"rec-2","title":"T","code":null,"size":null,"price":0.1}"#),
        ]
    );
    assert!(made[0].contains(r#""created_at":"2025-01-19T10:00:00.000Z""#), "{}", made[0]);
    assert_eq!(api.get(&root(), "z").unwrap(), made[0]);
}

fn every_fault_of_every_record_is_told_and_nothing_written(backend: Backend) {
    let model = items().with_field(required(field("must", FieldType::Text)));
    let api = Api::new(backend, &model);
    let bodies = [r#"{"must":"x"}"#, r#"{"size":"many","must":"x"}"#, r#"{"nope":1,"must":"x"}"#, "[]"];
    let error = api.refused(|| api.create(&root(), &bodies));
    assert_eq!(
        codes(&error),
        [(2, FaultCode::TypeMismatch), (3, FaultCode::UnknownKey), (4, FaultCode::NotAnObject)]
    );
    let error = api.refused(|| api.create(&root(), &[r#"{"must":"x"}"#, r#"{"size":1}"#]));
    assert_eq!(codes(&error), [(2, FaultCode::Required)]);
}

fn id_or_unique_value_that_is_there_is_a_conflict_that_names_it(backend: Backend) {
    let api = Api::new(backend, &items());
    api.create(&root(), &[r#"{"id":"a","code":"1"}"#]).unwrap();
    for (bodies, named) in [
        (vec![r#"{"id":"b"}"#, r#"{"id":"a"}"#], "'a'"),
        (vec![r#"{"id":"b","code":"1"}"#], "'code'"),
        (vec![r#"{"id":"c"}"#, r#"{"id":"c"}"#], "'c'"),
        (vec![r#"{"id":"d","code":"2"}"#, r#"{"id":"e","code":"2"}"#], "'code'"),
    ] {
        let error = api.refused(|| api.create(&root(), &bodies));
        assert!(matches!(&error, StoreError::Conflict { message } if message.contains(named)), "{error:?}");
    }
}

fn upsert_changes_what_is_there_and_creates_the_rest(backend: Backend) {
    let api = Api::new(backend, &items());
    api.create(&root(), &[r#"{"id":"a","title":"old","size":1}"#]).unwrap();
    let bodies = [r#"{"id":"b","size":5}"#, r#"{"id":"a","size":2}"#, r#"{"id":"a","title":null}"#];
    let made = api.upsert(&root(), &bodies).unwrap();
    assert_eq!(made.len(), 3);
    assert_eq!(own(&made[2]), own(r#"{"id":"a","title":null,"code":null,"size":2,"price":null}"#));
    assert_eq!(made[1], made[2]);
}

fn upsert_of_a_part_needs_a_record_to_complete(backend: Backend) {
    let api = Api::new(backend, &items().with_field(required(field("must", FieldType::Text))));
    api.create(&root(), &[r#"{"id":"a","must":"x"}"#]).unwrap();
    api.upsert(&root(), &[r#"{"id":"a","size":2}"#]).unwrap();
    let error = api.refused(|| api.upsert(&root(), &[r#"{"id":"b","size":2}"#]));
    assert_eq!(codes(&error), [(1, FaultCode::Required)]);
}

fn update_keeps_absent_fields_and_clears_nulls(backend: Backend) {
    let api = Api::new(backend, &items());
    api.create(&root(), &[r#"{"id":"a","title":"T","code":"1","size":1}"#]).unwrap();
    let updated = api.update(&root(), "a", r#"{"title":null,"size":2}"#).unwrap();
    assert_eq!(own(&updated[0]), own(r#"{"id":"a","title":null,"code":"1","size":2,"price":null}"#));
    assert_eq!(api.update(&root(), "a", "{}").unwrap(), updated);
}

fn update_of_many_takes_ids_from_the_bodies_and_is_all_or_none(backend: Backend) {
    let api = Api::new(backend, &items());
    api.create(&root(), &[r#"{"id":"a"}"#, r#"{"id":"b"}"#]).unwrap();
    let patches = [(None, r#"{"id":"b","size":1}"#), (None, r#"{"id":"a","size":2}"#)];
    assert_eq!(api.tenant.records_update(&root(), "items", &patches, NOW).unwrap().len(), 2);
    let patches = [(None, r#"{"id":"b","size":7}"#), (None, r#"{"id":"none","size":7}"#)];
    let error = api.refused(|| api.tenant.records_update(&root(), "items", &patches, NOW));
    assert!(matches!(&error, StoreError::NotFound { id, .. } if id == "none"), "{error:?}");
    let error = api.refused(|| api.tenant.records_update(&root(), "items", &[(None, r#"{"size":7}"#)], NOW));
    assert_eq!(codes(&error), [(1, FaultCode::IdInvalid)]);
    let error = api.refused(|| api.update(&root(), "a", r#"{"id":"b"}"#));
    assert_eq!(codes(&error), [(1, FaultCode::IdInvalid)]);
}

fn update_to_a_value_that_another_record_has_is_a_conflict(backend: Backend) {
    let api = Api::new(backend, &items());
    api.create(&root(), &[r#"{"id":"a","code":"1"}"#, r#"{"id":"b","code":"2"}"#]).unwrap();
    let error = api.refused(|| api.update(&root(), "b", r#"{"code":"1"}"#));
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
}

fn immutable_fields_and_records_may_be_repeated_but_not_changed(backend: Backend) {
    let mut fixed = field("fixed", FieldType::Integer);
    fixed.immutable = true;
    let api = Api::new(backend, &items().with_field(fixed));
    api.create(&root(), &[r#"{"id":"a","fixed":1}"#]).unwrap();
    api.update(&root(), "a", r#"{"fixed":1,"size":3}"#).unwrap();
    let error = api.refused(|| api.update(&root(), "a", r#"{"fixed":2}"#));
    assert_eq!(codes(&error), [(1, FaultCode::Immutable)]);
    let error = api.refused(|| api.upsert(&root(), &[r#"{"id":"a","fixed":null}"#]));
    assert_eq!(codes(&error), [(1, FaultCode::Immutable)]);

    api.tenant.model_update("items", |_| Ok(Model { immutable: true, ..items() })).unwrap();
    api.update(&root(), "a", r#"{"size":3}"#).unwrap();
    let error = api.refused(|| api.update(&root(), "a", r#"{"size":4}"#));
    assert_eq!(codes(&error), [(1, FaultCode::Immutable)]);
    for permanent in [false, true] {
        let error = api.refused(|| api.delete(&root(), "a", permanent));
        assert!(matches!(error, StoreError::ModelProtected { .. }), "{error:?}");
    }
    api.create(&root(), &[r#"{"id":"b"}"#]).unwrap();
}

fn frozen_model_takes_no_write(backend: Backend) {
    let api = Api::new(backend, &items());
    api.create(&root(), &[r#"{"id":"a"}"#]).unwrap();
    api.tenant.model_update("items", |_| Ok(Model { frozen: true, ..items() })).unwrap();
    for error in [
        api.refused(|| api.create(&root(), &["{}"])),
        api.refused(|| api.update(&root(), "a", "{}")),
        api.refused(|| api.delete(&root(), "a", false)),
        api.refused(|| api.delete(&root(), "a", true)),
    ] {
        assert!(matches!(error, StoreError::ModelProtected { .. }), "{error:?}");
    }
    assert!(api.get(&root(), "a").is_ok());
}

fn trashed_record_is_hidden_until_asked_for_and_can_be_taken_back(backend: Backend) {
    let api = Api::new(backend, &items());
    api.create(&root(), &[r#"{"id":"a"}"#, r#"{"id":"b"}"#]).unwrap();
    let trashed = api.delete(&caller(AccessLevel::Full), "a", false).unwrap();
    assert!(trashed[0].contains(r#""trashed_at":"2025-01-19T10:00:00.000Z""#), "{}", trashed[0]);
    assert!(matches!(api.get(&root(), "a"), Err(StoreError::NotFound { .. })));
    assert_eq!(api.tenant.record_get(&root(), "items", "a", Trashed::Include).unwrap(), trashed[0]);
    assert_eq!(api.delete(&root(), "a", false).unwrap(), trashed);
    let listed = |trashed| {
        let query = reinstate_describe::ListQuery { trashed, ..everything() };
        api.tenant.records_list(&root(), "items", |_| Ok(query.clone())).unwrap().records.len()
    };
    assert_eq!([Trashed::Exclude, Trashed::Include, Trashed::Only].map(listed), [1, 2, 1]);
    api.update(&root(), "a", r#"{"trashed_at":null}"#).unwrap();
    assert!(api.get(&root(), "a").is_ok());
}

fn permanent_delete_answers_the_record_and_removes_it(backend: Backend) {
    let api = Api::new(backend, &items());
    api.create(&root(), &[r#"{"id":"a","code":"1"}"#]).unwrap();
    assert!(api.delete(&root(), "a", true).unwrap()[0].contains(r#""code":"1""#));
    assert!(records(&api.tenant, "items").is_empty());
    assert!(matches!(api.delete(&root(), "a", true), Err(StoreError::NotFound { .. })));
}

fn levels_of_the_token_bound_what_is_done(backend: Backend) {
    let api = Api::new(backend, &items());
    api.create(&caller(AccessLevel::Edit), &[r#"{"id":"a"}"#]).unwrap();
    let (read, edit) = (caller(AccessLevel::Read), caller(AccessLevel::Edit));
    for error in [
        api.refused(|| api.create(&read, &["{}"])),
        api.refused(|| api.update(&read, "a", "{}")),
        api.refused(|| api.delete(&edit, "a", false)),
        api.refused(|| api.get(&caller(AccessLevel::Deny), "a")),
    ] {
        assert!(matches!(error, StoreError::Forbidden { .. }), "{error:?}");
    }
    assert!(api.get(&read, "a").is_ok());
}

fn access_lists_are_written_by_full_and_ignored_from_edit(backend: Backend) {
    let api = Api::new(backend, &items());
    let body = r#"{"id":"a","access_read":["ann"]}"#;
    let made = api.create(&caller(AccessLevel::Edit), &[body]).unwrap();
    assert!(made[0].contains(r#""access_read":[]"#), "{}", made[0]);
    let made = api.upsert(&caller(AccessLevel::Full), &[body]).unwrap();
    assert!(made[0].contains(r#""access_read":["ann"]"#), "{}", made[0]);
    let kept = api.update(&caller(AccessLevel::Edit), "a", r#"{"access_read":[]}"#);
    assert!(matches!(kept, Err(StoreError::Forbidden { .. })), "{kept:?}");
}

fn record_lists_decide_who_sees_and_changes_a_record(backend: Backend) {
    let api = Api::new(backend, &items());
    let bodies = [
        r#"{"id":"denied","access_deny":["team"],"access_full":["ann"]}"#,
        r#"{"id":"edit","access_edit":["team"]}"#,
        r#"{"id":"full","access_full":["ann"],"access_read":["bob"]}"#,
        r#"{"id":"open"}"#,
        r#"{"id":"others","access_full":["bob"]}"#,
        r#"{"id":"read","access_read":["ann","x'y\"z"]}"#,
    ];
    api.create(&root(), &bodies).unwrap();
    let mut ann = caller(AccessLevel::Full);
    ann.principals.insert("team".to_owned());
    let seen = api
        .tenant
        .records_list(&ann, "items", |_| Ok(reinstate_describe::ListQuery { count: true, ..everything() }));
    let seen = seen.unwrap();
    assert_eq!(seen.total, Some(4));
    let visible = ["edit", "full", "open", "read"];
    assert!(
        seen.records.iter().zip(visible).all(|(record, id)| record.contains(&format!("\"id\":\"{id}\"")))
    );

    for (id, update, delete) in [
        ("denied", "not found", "not found"),
        ("edit", "done", "forbidden"),
        ("full", "done", "done"),
        ("open", "done", "done"),
        ("others", "not found", "not found"),
        ("read", "forbidden", "forbidden"),
    ] {
        let said = |outcome: Result<Vec<String>, StoreError>| match outcome {
            Ok(_) => "done",
            Err(StoreError::NotFound { .. }) => "not found",
            Err(StoreError::Forbidden { .. }) => "forbidden",
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(api.get(&ann, id).is_ok(), visible.contains(&id), "{id}");
        assert_eq!(said(api.update(&ann, id, r#"{"size":1}"#)), update, "update {id}");
        assert_eq!(said(api.delete(&ann, id, false)), delete, "delete {id}");
    }
    let error = api.refused(|| api.upsert(&ann, &[r#"{"id":"others","size":3}"#]));
    assert!(matches!(error, StoreError::Forbidden { .. }), "{error:?}");
}

fn who_may_only_edit_a_record_does_not_change_its_lists(backend: Backend) {
    let api = Api::new(backend, &items());
    let bodies = [r#"{"id":"a","access_edit":["ann"],"access_read":["bob"]}"#];
    api.create(&root(), &bodies).unwrap();
    let ann = caller(AccessLevel::Full);
    for patch in [
        r#"{"access_full":["ann"]}"#,
        r#"{"access_read":[]}"#,
        r#"{"access_deny":["bob"]}"#,
        r#"{"access_edit":null}"#,
    ] {
        let error = api.refused(|| api.update(&ann, "a", patch));
        assert!(
            matches!(&error, StoreError::Forbidden { message } if message.contains("access_")),
            "{patch}"
        );
        let body = patch.replacen('{', r#"{"id":"a","#, 1);
        let error = api.refused(|| api.upsert(&ann, &[&body]));
        assert!(matches!(error, StoreError::Forbidden { .. }), "{patch}");
    }
    let same = r#"{"access_edit":["ann"],"access_full":[],"access_deny":null,"size":1}"#;
    api.update(&ann, "a", same).unwrap();
    api.update(&root(), "a", r#"{"access_full":["ann"]}"#).unwrap();
    api.update(&ann, "a", r#"{"access_read":[]}"#).unwrap();
}

fn immutable_json_may_be_spelled_in_another_way(backend: Backend) {
    let mut data = field("data", FieldType::Jsonb);
    data.immutable = true;
    let api = Api::new(backend, &Model::new(name("items")).with_field(data));
    api.create(&root(), &[r#"{"id":"a","data":{"x":1.50,"y":[true]}}"#]).unwrap();
    api.update(&root(), "a", r#"{"data":{"y":[true],"x":1.5}}"#).unwrap();
    let error = api.refused(|| api.update(&root(), "a", r#"{"data":{"y":[true],"x":1.51}}"#));
    assert_eq!(codes(&error), [(1, FaultCode::Immutable)]);
}

fn ten_thousand_records_fit_one_request(backend: Backend) {
    let api = Api::new(backend, &Model { name: name("items"), ..Model::new(name("items")) });
    let bodies: Vec<_> = (0..10_000).map(|number| format!(r#"{{"id":"{number:05}"}}"#)).collect();
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    assert_eq!(api.create(&root(), &bodies).unwrap().len(), 10_000);
    assert_eq!(records(&api.tenant, "items").len(), 10_000);
}

fn unknown_model_is_not_found_everywhere(backend: Backend) {
    let api = Api::new(backend, &items());
    let tenant = &api.tenant;
    let is_missing = |error: StoreError| matches!(error, StoreError::ModelNotFound { .. });
    assert!(is_missing(tenant.records_list(&root(), "no", |_| Ok(everything())).unwrap_err()));
    assert!(is_missing(tenant.record_get(&root(), "no such; name", "1", Trashed::Include).unwrap_err()));
    assert!(is_missing(tenant.records_create(&root(), "no", &["{}"], false, NOW, &api.ids).unwrap_err()));
    assert!(is_missing(tenant.records_update(&root(), "no", &[], NOW).unwrap_err()));
    assert!(is_missing(tenant.records_delete(&root(), "no", &[], true, NOW).unwrap_err()));
}

fn a_record_that_would_fit_no_archive_is_refused_however_it_grew(backend: Backend) {
    let model = Model::new(name("items"))
        .with_field(field("a", FieldType::Text))
        .with_field(field("b", FieldType::Text));
    let api = Api::new(backend, &model);
    api.create(&root(), &[r#"{"id":"1"}"#]).unwrap();
    let nine = "x".repeat(9 << 20);
    api.update(&root(), "1", &format!(r#"{{"a":"{nine}"}}"#)).unwrap();
    let refused = api.update(&root(), "1", &format!(r#"{{"b":"{nine}"}}"#));
    let Err(StoreError::Invalid(faults)) = refused else { panic!("{:?}", refused.map(|r| r.len())) };
    assert_eq!((faults[0].code, faults[0].record_id.as_deref()), (FaultCode::Maximum, Some("1")));
    api.update(&root(), "1", r#"{"b":"short"}"#).unwrap();
}
