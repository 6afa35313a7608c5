//! What a restore does with single records: keys, ids, rules, access.

use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::{FailureKind, LogLevel, MemoryTenant, RestoreRequest, Strategy};
use serde_json::Value as Json;

use crate::harness::{NOTES, case, tenant_with_notes, titles, zip};

fn record(tenant: &MemoryTenant, model: &str, id: &str) -> Json {
    let records = tenant.records(model);
    let parsed = records.iter().map(|text| serde_json::from_str::<Json>(text).unwrap());
    parsed.into_iter().find(|record| record["id"] == id).unwrap()
}

#[test]
fn upsert_changes_only_the_fields_that_the_line_has() {
    let describe = "notes:\n  fields:\n    title: { type: text }\n    body: { type: text }\n";
    let tenant = MemoryTenant::default();
    let first = "{\"id\":\"a\",\"title\":\"t\",\"body\":\"b\",\"updated_at\":\"2020-01-01\"}\n";
    case(Strategy::Upsert).run(&zip(describe, &[("notes.jsonl", first)]), &tenant).unwrap();
    let second =
        "{\"id\":\"a\",\"title\":null}\n{\"id\":\"b\",\"body\":\"x\"}\n{\"body\":\"y\",\"id\":\"a\"}";
    let mut case = case(Strategy::Upsert).with(|request| request.run_id = "run_2".into());
    let done = case.run(&zip(describe, &[("notes.jsonl", second)]), &tenant).unwrap();
    assert_eq!((done.records_imported, done.records_updated), (1, 2));
    let a = record(&tenant, "notes", "a");
    assert_eq!((&a["title"], &a["body"]), (&Json::Null, &Json::from("y")));
    assert_eq!(a["updated_at"], "2025-01-19T10:00:00.000Z");
    assert_eq!(a["created_at"], "2025-01-19T10:00:00.000Z");
}

#[test]
fn records_without_id_get_one_and_a_warning_counts_them() {
    let tenant = MemoryTenant::default();
    let mut case = case(Strategy::Upsert);
    let lines = "{\"title\":\"1\"}\n{\"title\":\"2\"}\n{\"id\":\"c\"}\n";
    assert_eq!(case.run(&zip(NOTES, &[("notes.jsonl", lines)]), &tenant).unwrap().records_imported, 3);
    assert_eq!(titles(&tenant, "notes"), ["c=-", "generated_0=1", "generated_1=2"]);
    assert_eq!(case.logs(LogLevel::Warn), ["notes: 2 records had no id and got one"]);
}

#[test]
fn a_record_that_does_not_fit_fails_the_run_naming_file_line_and_key() {
    let lines = "{\"id\":\"a\"}\n\n{\"id\":\"b\",\"nope\":1}\n";
    let mut case = case(Strategy::Upsert);
    let failure = case.run(&zip(NOTES, &[("notes.jsonl", lines)]), &MemoryTenant::default()).unwrap_err();
    let sentence = failure.error.sentence();
    assert!(sentence.starts_with("notes.jsonl line 3:") && sentence.contains("nope"), "{sentence}");
    assert!(sentence.ends_with("Nothing was applied"), "{sentence}");
    let detail = failure.error.detail();
    assert!(detail.contains("record: b") && detail.contains("rule: unknown_key"), "{detail}");
    assert_eq!(failure.counters.records_imported, 1, "the counters tell how far it got");
}

#[test]
fn unique_values_are_kept_unique() {
    let describe = "users:\n  fields:\n    mail: { type: text, unique: true }\n";
    let lines = "{\"id\":\"a\",\"mail\":\"x\"}\n{\"id\":\"b\",\"mail\":null}\n{\"id\":\"c\",\"mail\":null}\n{\"id\":\"d\",\"mail\":\"x\"}\n";
    let sentence =
        case(Strategy::Upsert).fails(&zip(describe, &[("users.jsonl", lines)]), &MemoryTenant::default());
    assert!(sentence.starts_with("users.jsonl line 4: Field 'mail' is unique"), "{sentence}");
}

#[test]
fn a_required_field_may_be_absent_from_an_update_but_not_from_a_new_record() {
    let describe = "notes:\n  fields:\n    title: { type: text, required: true }\n    n: { type: integer }\n";
    let tenant = MemoryTenant::default();
    let archive = |lines: &str| zip(describe, &[("notes.jsonl", lines)]);
    case(Strategy::Upsert).run(&archive("{\"id\":\"a\",\"title\":\"t\"}\n"), &tenant).unwrap();
    let mut again = case(Strategy::Upsert).with(|request| request.run_id = "run_2".into());
    assert_eq!(again.run(&archive("{\"id\":\"a\",\"n\":1}\n"), &tenant).unwrap().records_updated, 1);
    let sentence =
        case(Strategy::Upsert).fails(&archive("{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":1}\n"), &tenant);
    assert!(sentence.starts_with("notes.jsonl line 2: Field 'title' is required"), "{sentence}");
    let sentence = case(Strategy::Skip).fails(&archive("{\"id\":\"c\"}\n"), &tenant);
    assert!(sentence.contains("required"), "{sentence}");
}

#[test]
fn immutable_fields_and_models_refuse_another_value_and_accept_the_same() {
    let of_field = "notes:\n  fields:\n    title: { type: text, immutable: true }\n";
    let of_model = "notes:\n  immutable: true\n  fields:\n    title: { type: text }\n";
    for describe in [of_field, of_model] {
        let tenant = MemoryTenant::default();
        let archive = |title: &str| {
            zip(describe, &[("notes.jsonl", &format!("{{\"id\":\"a\",\"title\":\"{title}\"}}\n"))])
        };
        case(Strategy::Upsert).run(&archive("one"), &tenant).unwrap();
        let mut same = case(Strategy::Upsert).with(|request| request.run_id = "run_2".into());
        assert_eq!(same.run(&archive("one"), &tenant).unwrap().records_updated, 1);
        let sentence = case(Strategy::Upsert).fails(&archive("two"), &tenant);
        assert!(sentence.contains("title"), "{sentence}");
    }
}

#[test]
fn frozen_models_take_no_write_but_come_in_whole_when_new() {
    let describe = "notes:\n  frozen: true\n  fields:\n    title: { type: text }\n";
    let archive = zip(describe, &[("notes.jsonl", "{\"id\":\"a\"}\n")]);
    let tenant = MemoryTenant::default();
    assert_eq!(case(Strategy::Merge).run(&archive, &tenant).unwrap().records_imported, 1);
    for strategy in [Strategy::Upsert, Strategy::Replace] {
        let mut again = case(strategy).with(|request| request.run_id = "run_2".into());
        let failure = again.run(&archive, &tenant).unwrap_err();
        assert_eq!(failure.error.kind(), FailureKind::ModelProtected, "{strategy}");
    }
    let mut skip = case(Strategy::Skip).with(|request| request.run_id = "run_3".into());
    assert_eq!(
        skip.run(&archive, &tenant).unwrap().records_skipped,
        1,
        "nothing is written, nothing refused"
    );
}

#[test]
fn records_whose_lists_leave_the_caller_out_are_not_updated() {
    let tenant = MemoryTenant::default();
    let lines = "{\"id\":\"a\",\"access_deny\":[\"user_1\"]}\n{\"id\":\"b\"}\n";
    case(Strategy::Upsert).run(&zip(NOTES, &[("notes.jsonl", lines)]), &tenant).unwrap();
    let update =
        zip(NOTES, &[("notes.jsonl", "{\"id\":\"b\",\"title\":\"x\"}\n{\"id\":\"a\",\"title\":\"x\"}\n")]);
    let sentence = case(Strategy::Upsert).fails(&update, &tenant);
    assert!(sentence.starts_with("notes.jsonl line 2: Record 'a' may not be changed"), "{sentence}");
    let root = |request: &mut RestoreRequest| {
        request.run_id = "run_root".into();
        request.caller = Caller::new(AccessLevel::Root, "user_1");
    };
    assert_eq!(case(Strategy::Upsert).with(root).run(&update, &tenant).unwrap().records_updated, 2);
}

#[test]
fn editors_cannot_bring_access_lists_in() {
    let tenant = tenant_with_notes();
    let edit = |request: &mut RestoreRequest| request.caller = Caller::new(AccessLevel::Edit, "user_1");
    let lines = "{\"id\":\"n\",\"access_read\":[\"someone\"]}\n";
    case(Strategy::Upsert).with(edit).run(&zip(NOTES, &[("notes.jsonl", lines)]), &tenant).unwrap();
    assert_eq!(record(&tenant, "notes", "n")["access_read"], serde_json::json!([]));
}

#[test]
fn an_absent_value_takes_the_default_on_insert_only() {
    let describe =
        "notes:\n  fields:\n    title: { type: text }\n    n: { type: integer, default_value: '7' }\n";
    let tenant = MemoryTenant::default();
    let archive = |lines: &str| zip(describe, &[("notes.jsonl", lines)]);
    case(Strategy::Upsert)
        .run(&archive("{\"id\":\"a\"}\n{\"id\":\"b\",\"n\":1}\n{\"id\":\"c\",\"n\":null}\n"), &tenant)
        .unwrap();
    let mut again = case(Strategy::Upsert).with(|request| request.run_id = "run_2".into());
    again.run(&archive("{\"id\":\"b\",\"title\":\"t\"}\n"), &tenant).unwrap();
    let n = |id| record(&tenant, "notes", id)["n"].clone();
    assert_eq!((n("a"), n("b"), n("c")), (Json::from(7), Json::from(1), Json::Null));
}

#[test]
fn a_unique_value_is_free_once_an_earlier_line_gave_it_up() {
    let describe = "notes:\n  fields:\n    code: { type: integer, unique: true }\n    name: { type: text }\n";
    let archive = |lines: &str| zip(describe, &[("notes.jsonl", lines)]);
    let tenant = MemoryTenant::default();
    case(Strategy::Upsert).run(&archive("{\"id\":\"r1\",\"code\":1}\n"), &tenant).unwrap();
    let lines = "{\"id\":\"r9\",\"code\":9,\"name\":\"x\"}\n{\"id\":\"r1\",\"code\":2}\n{\"id\":\"r2\",\"code\":1,\"name\":\"y\"}\n";
    let mut again = case(Strategy::Upsert).with(|request| request.run_id = "run_2".into());
    assert_eq!(again.run(&archive(lines), &tenant).unwrap().records_imported, 2);
}

#[test]
fn a_frozen_model_with_records_takes_no_field_that_would_fill_them() {
    let frozen = "notes:\n  frozen: true\n  fields:\n    title: { type: text }\n";
    let tenant = MemoryTenant::default();
    case(Strategy::Upsert).run(&zip(frozen, &[("notes.jsonl", "{\"id\":\"a\"}\n")]), &tenant).unwrap();
    let filled = format!("{frozen}    n: {{ type: integer, default_value: 1 }}\n");
    let mut case = case(Strategy::Upsert).with(|request| request.run_id = "run_2".into());
    assert_eq!(case.run(&zip(&filled, &[]), &tenant).unwrap_err().error.kind(), FailureKind::ModelProtected);
}
