//! What a restore does to models and fields.

use std::io::Cursor;

use reinstate_archive::{Archive, Limits};
use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::{FailureKind, Include, LogLevel, MemoryTenant, Strategy};

use crate::harness::{NOTES, case, tenant_with_notes, zip};

#[test]
fn missing_models_and_fields_are_created_and_logged() {
    let tenant = tenant_with_notes();
    let describe = "notes:\n  fields:\n    title: { type: text }\n    stars: { type: integer, default_value: '3' }\nmore:\n  fields:\n    n: { type: text }\n";
    let mut case = case(Strategy::Upsert);
    let done = case.run(&zip(describe, &[]), &tenant).unwrap();
    assert_eq!((done.models_created, done.fields_created), (1, 2));
    let logs = case.logs(LogLevel::Info);
    for expected in ["notes: Created field: stars", "more: Created model", "more: Created field: n"] {
        assert!(logs.contains(&expected.to_owned()), "{logs:?}");
    }
    assert!(tenant.records("notes").iter().all(|record| record.contains("\"stars\":3")));
}

#[test]
fn create_models_false_refuses_a_missing_model() {
    let mut case = case(Strategy::Upsert).with(|request| request.create_models = false);
    let sentence = case.fails(&zip(NOTES, &[]), &MemoryTenant::default());
    assert!(
        sentence.starts_with("Model 'notes' does not exist (set create_models: true to allow creating it)"),
        "{sentence}"
    );
}

#[test]
fn another_type_fails_naming_both() {
    let describe = "notes:\n  fields:\n    title: { type: integer }\n";
    let sentence = case(Strategy::Upsert).fails(&zip(describe, &[]), &tenant_with_notes());
    assert!(
        sentence.contains("'title'") && sentence.contains("text") && sentence.contains("integer"),
        "{sentence}"
    );
}

#[test]
fn other_differences_are_kept_and_warned_about() {
    let describe = "notes:\n  description: other\n  fields:\n    title: { type: text, index: true }\n";
    let tenant = tenant_with_notes();
    let before = tenant.copy();
    let mut case = case(Strategy::Upsert);
    case.run(&zip(describe, &[]), &tenant).unwrap();
    assert_eq!(case.logs(LogLevel::Warn).len(), 2, "{:?}", case.logs(LogLevel::Warn));
    assert_eq!(before.catalog(), tenant.catalog());
}

#[test]
fn a_new_required_field_without_default_is_added_as_optional_where_records_are() {
    let describe = "notes:\n  fields:\n    title: { type: text }\n    kind: { type: text, required: true }\n";
    let tenant = tenant_with_notes();
    let mut case = case(Strategy::Upsert);
    case.run(&zip(describe, &[]), &tenant).unwrap();
    let catalog = tenant.catalog();
    let kind = &catalog.find("notes").unwrap().fields[1];
    assert!(!kind.required);
    assert_eq!(case.logs(LogLevel::Warn).len(), 1);
}

#[test]
fn reserved_models_are_skipped_with_one_warning_each() {
    let describe = format!("restores:\n  fields:\n    id: 3\n{NOTES}");
    let files =
        [("restores.jsonl", "{\"id\":1}\n"), ("extracts.jsonl", ""), ("notes.jsonl", "{\"id\":\"n\"}\n")];
    let mut case = case(Strategy::Replace);
    let done = case.run(&zip(&describe, &files), &MemoryTenant::default()).unwrap();
    assert_eq!((done.records_imported, done.models_created), (1, 1));
    let warnings = case.logs(LogLevel::Warn);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn faults_of_describe_yaml_come_all_at_once() {
    let describe =
        "1notes:\n  fields: {}\nok:\n  fields:\n    id: { type: text }\n    n: { type: nothing }\n";
    let mut case = case(Strategy::Upsert);
    let failure = case.run(&zip(describe, &[]), &MemoryTenant::default()).unwrap_err();
    let detail = failure.error.detail();
    for expected in ["line 1:", "line 5:", "line 6:"] {
        assert!(detail.contains(expected), "{detail}");
    }
}

#[test]
fn data_alone_needs_the_model() {
    let archive = zip(NOTES, &[("notes.jsonl", "{\"id\":\"x\"}\n")]);
    let data_only = |request: &mut reinstate_engine::RestoreRequest| {
        request.include = Include { describe: false, data: true };
    };
    let sentence = case(Strategy::Upsert).with(data_only).fails(&archive, &MemoryTenant::default());
    assert!(sentence.contains("add 'describe' to include"), "{sentence}");
    let done = case(Strategy::Upsert).with(data_only).run(&archive, &tenant_with_notes()).unwrap();
    assert_eq!(done.records_imported, 1);
}

#[test]
fn describe_alone_imports_no_record() {
    let archive = zip(NOTES, &[("notes.jsonl", "{\"id\":\"x\"}\n")]);
    let mut case =
        case(Strategy::Upsert).with(|request| request.include = Include { describe: true, data: false });
    let tenant = MemoryTenant::default();
    assert_eq!(case.run(&archive, &tenant).unwrap().records_imported, 0);
    assert!(tenant.records("notes").is_empty());
}

#[test]
fn models_that_the_archive_lacks_are_named() {
    let mut case =
        case(Strategy::Upsert).with(|request| request.models = Some(vec!["notes".into(), "nope".into()]));
    let sentence = case.fails(&zip(NOTES, &[]), &MemoryTenant::default());
    assert!(sentence.contains("no definition and no data of model 'nope'"), "{sentence}");
}

#[test]
fn editors_may_restore_only_what_defines_nothing() {
    let edit = |request: &mut reinstate_engine::RestoreRequest| {
        request.caller = Caller::new(AccessLevel::Edit, "user_2");
    };
    let archive = zip(NOTES, &[("notes.jsonl", "{\"id\":\"x\"}\n")]);
    let failure = case(Strategy::Upsert).with(edit).run(&archive, &MemoryTenant::default()).unwrap_err();
    assert_eq!(failure.error.kind(), FailureKind::Forbidden);
    assert!(failure.error.sentence().contains("create model 'notes'"));
    let failure = case(Strategy::Replace).with(edit).run(&archive, &tenant_with_notes()).unwrap_err();
    assert_eq!(failure.error.kind(), FailureKind::Forbidden);
    assert_eq!(
        case(Strategy::Upsert).with(edit).run(&archive, &tenant_with_notes()).unwrap().records_imported,
        1
    );
}

#[test]
fn a_description_may_be_as_long_as_the_limits_of_the_archive_allow() {
    // Few characters of many bytes: characters are what takes time.
    let bytes = zip(&format!("# {}\n{NOTES}", "🚀".repeat(4 << 20)), &[]);
    let limits = Limits { describe_bytes_max: 32 << 20, inflation_ratio_max: 10_000, ..Limits::default() };
    let archive = Archive::open(Cursor::new(bytes.as_slice()), limits).unwrap();
    let tenant = MemoryTenant::default();
    let done = case(Strategy::Upsert).run_archive(archive, Box::new(tenant.target())).unwrap();
    assert_eq!(done.models_created, 1);
}
