//! Extracts out of memory: what is written, in which order, and what is not.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};

use reinstate_archive::{Archive, Limits};
use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::{
    Cancellation, ExtractEnvironment, ExtractError, ExtractFailure, ExtractPhase, ExtractProgress,
    ExtractRequest, Extracted, FailureKind, Include, MemoryTenant, Stop, Strategy, extract,
};
use serde_json::json;

use crate::harness::{FixedClock, case, zip};

const DESCRIBE: &str = "\
users:
  fields:
    name: { type: text }
    age: { type: integer }
Accounts:
  fields:
    balance: { type: decimal }
";

const USERS: &str = r#"{"id":"b","name":"Ben","age":7,"trashed_at":"2025-01-01T00:00:00Z"}
{"id":"a","name":"Ann\n","age":null}
{"id":"C","access_read":["ann"],"name":"Cid"}
"#;

fn tenant() -> MemoryTenant {
    let tenant = MemoryTenant::default();
    let bytes =
        zip(DESCRIBE, &[("users.jsonl", USERS), ("Accounts.jsonl", r#"{"id":"1","balance":"1.50"}"#)]);
    case(Strategy::Replace).run(&bytes, &tenant).unwrap();
    tenant
}

pub(crate) fn request() -> ExtractRequest {
    ExtractRequest {
        run_id: "run_1".to_owned(),
        extract_id: "extract_1".to_owned(),
        include: Include::default(),
        models: None,
        filters: BTreeMap::new(),
        caller: Caller::new(AccessLevel::Root, "root"),
        limits: Limits::default(),
        level: None,
    }
}

pub(crate) struct Done {
    extracted: Extracted,
    pub(crate) bytes: Vec<u8>,
    progress: Vec<ExtractProgress>,
}

pub(crate) fn run(tenant: &MemoryTenant, request: &ExtractRequest) -> Result<Done, ExtractFailure> {
    let mut progress = Vec::new();
    let environment = ExtractEnvironment {
        clock: &FixedClock,
        progress: &mut |state| progress.push(state.clone()),
        cancellation: &Cancellation::default(),
    };
    let (extracted, bytes) = extract(&mut tenant.source(), Vec::new(), request, environment)?;
    Ok(Done { extracted, bytes, progress })
}

fn error(request: &ExtractRequest) -> ExtractError {
    *run(&tenant(), request).err().unwrap().error
}

fn entry(bytes: &[u8], name: &str) -> String {
    let mut zip = Archive::open(Cursor::new(bytes), Limits::default()).unwrap();
    if name == "describe.yaml" {
        return String::from_utf8(zip.describe_text().unwrap().unwrap()).unwrap();
    }
    let mut lines = zip.lines(name).unwrap();
    let mut text = String::new();
    while let Some(line) = lines.next_line().unwrap() {
        text.push_str(line.text);
        text.push('\n');
    }
    text
}

fn names(bytes: &[u8]) -> Vec<String> {
    let zip = Archive::open(Cursor::new(bytes), Limits::default()).unwrap();
    zip.data_entries().map(|entry| entry.name.clone()).collect()
}

#[test]
fn everything_is_written_models_by_name_and_records_by_the_bytes_of_their_ids() {
    let done = run(&tenant(), &request()).unwrap();
    let kinds: Vec<_> =
        done.extracted.artifacts.iter().filter_map(|artifact| artifact.kind.as_deref()).collect();
    assert_eq!(kinds, ["describe", "data-Accounts", "data-users", "manifest"]);
    let users = entry(&done.bytes, "users.jsonl");
    let ids: Vec<_> = users.lines().map(|line| &line[7..8]).collect();
    assert_eq!(ids, ["C", "a", "b"]);
    assert!(
        users.contains(r#""trashed_at":"2025-01-01T00:00:00.000Z","deleted_at":null,"name":"Ben","age":7}"#)
    );
    assert!(users.contains(r#""name":"Ann\n","age":null}"#));
    assert_eq!((done.extracted.records, done.extracted.models), (4, 2));
    assert!(entry(&done.bytes, "describe.yaml").starts_with("\"Accounts\":"));
}

#[test]
fn the_manifest_tells_the_figures_of_every_entry_and_who_made_it() {
    let done = run(&tenant(), &request()).unwrap();
    let zip = Archive::open(Cursor::new(&done.bytes), Limits::default()).unwrap();
    let manifest = zip.manifest().unwrap().clone();
    assert_eq!(manifest.run_id.as_deref(), Some("run_1"));
    assert_eq!(manifest.extract_id.as_deref(), Some("extract_1"));
    assert_eq!(manifest.generated_at.as_deref(), Some("2025-01-19T10:00:00.000Z"));
    assert_eq!(manifest.artifacts, done.extracted.artifacts[..3]);
    assert!(Archive::faults(Cursor::new(&done.bytes), Limits::default()).is_empty());
}

#[test]
fn two_extracts_of_the_same_records_have_the_same_entries() {
    let first = run(&tenant(), &request()).unwrap();
    let copy = MemoryTenant::default();
    case(Strategy::Replace).run(&first.bytes, &copy).unwrap();
    let second = run(&copy, &ExtractRequest { run_id: "run_2".to_owned(), ..request() }).unwrap();
    assert_eq!(names(&first.bytes), names(&second.bytes));
    for name in ["describe.yaml", "users.jsonl", "Accounts.jsonl"] {
        assert_eq!(entry(&first.bytes, name), entry(&second.bytes, name), "{name}");
    }
}

#[test]
fn models_and_filters_choose_what_is_written() {
    let filters = BTreeMap::from([("USERS".to_owned(), json!({ "age": { "$gt": 5 } }))]);
    let request = ExtractRequest { models: Some(vec!["Users".to_owned()]), filters, ..request() };
    let done = run(&tenant(), &request).unwrap();
    assert_eq!(names(&done.bytes), ["users.jsonl"]);
    assert_eq!(done.extracted.records, 1);
    assert!(entry(&done.bytes, "users.jsonl").contains("Ben"));
}

#[test]
fn halves_are_left_out_where_they_are_not_asked_for() {
    let describe = Include { describe: true, data: false };
    let done = run(&tenant(), &ExtractRequest { include: describe, ..request() }).unwrap();
    assert_eq!((names(&done.bytes).len(), done.extracted.models, done.extracted.records), (0, 2, 0));
    let data = Include { describe: false, data: true };
    let done = run(&tenant(), &ExtractRequest { include: data, ..request() }).unwrap();
    assert!(
        Archive::open(Cursor::new(&done.bytes), Limits::default())
            .unwrap()
            .describe_text()
            .unwrap()
            .is_none()
    );
}

#[test]
fn records_that_the_caller_may_not_read_are_left_out() {
    let restricted = run(&tenant(), &request()).unwrap();
    assert!(restricted.extracted.is_restricted);
    let caller = Caller::new(AccessLevel::Full, "ben");
    let done = run(&tenant(), &ExtractRequest { caller, ..request() }).unwrap();
    assert_eq!(done.extracted.records, 3);
    assert!(!done.extracted.is_restricted);
}

#[test]
fn models_that_are_not_there_and_filters_that_do_not_fit_are_named() {
    let models = Some(vec!["users".to_owned(), "orders".to_owned()]);
    let sentence = error(&ExtractRequest { models, ..request() }).sentence();
    assert!(sentence.contains("no model 'orders'"), "{sentence}");
    for (model, filter, named) in [
        ("orders", json!({}), "'orders'"),
        ("users", json!({ "size": 1 }), "size"),
        ("users", json!({ "age": { "$over": 1 } }), "$over"),
        ("users", json!([]), "'users'"),
    ] {
        let filters = BTreeMap::from([(model.to_owned(), filter)]);
        let error = error(&ExtractRequest { filters, ..request() });
        assert_eq!(error.code(), "FILTER_INVALID");
        assert!(error.sentence().contains(named), "{}", error.sentence());
    }
}

#[test]
fn what_the_same_limits_would_refuse_is_not_written() {
    let limits = Limits::default;
    for (limits, named) in [
        (Limits { entries_max: 3, ..limits() }, "3 entries"),
        (Limits { describe_bytes_max: 20, ..limits() }, "20 bytes in describe.yaml"),
        (Limits { uncompressed_bytes_max: 300, ..limits() }, "300 bytes in all"),
        (Limits { line_bytes_max: 150, ..limits() }, "more than 150 bytes as JSON"),
    ] {
        let sentence = error(&ExtractRequest { limits, ..request() }).sentence();
        assert!(sentence.contains(named), "{sentence}");
    }
}

#[test]
fn progress_rises_from_describe_to_the_last_record_and_never_falls() {
    let done = run(&tenant(), &request()).unwrap();
    assert_eq!((done.progress[0].percent, done.progress[0].phase), (25, ExtractPhase::ExportedDescribe));
    assert!(done.progress.windows(2).all(|pair| pair[0].percent <= pair[1].percent));
    let last = done.progress.last().unwrap();
    assert_eq!((last.percent, last.models_completed, last.records_exported), (99, 2, 4));
    assert_eq!(last.current_model.as_deref(), Some("users"));
}

#[test]
fn an_empty_tenant_gives_an_archive_without_models() {
    let done = run(&MemoryTenant::default(), &request()).unwrap();
    assert_eq!(entry(&done.bytes, "describe.yaml"), "{}\n");
    assert_eq!(done.progress.last().unwrap().percent, 99);
}

#[test]
fn a_stopped_extract_leaves_no_archive() {
    let cancellation = Cancellation::default();
    let mut bytes = Vec::new();
    let tenant = tenant();
    let environment = ExtractEnvironment {
        clock: &FixedClock,
        progress: &mut |_| cancellation.stop(Stop::Cancelled),
        cancellation: &cancellation,
    };
    let failure = extract(&mut tenant.source(), &mut bytes, &request(), environment).unwrap_err();
    assert_eq!(failure.error.kind(), FailureKind::Stopped(Stop::Cancelled));
    assert!(Archive::open(Cursor::new(bytes), Limits::default()).is_err());
}

/// Takes so many bytes, then fails.
#[derive(Debug)]
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_fails_anywhere_is_the_reason() {
    let whole = run(&tenant(), &request()).unwrap().bytes.len();
    for room in (0..whole).step_by(7) {
        let environment = ExtractEnvironment {
            clock: &FixedClock,
            progress: &mut |_| {},
            cancellation: &Cancellation::default(),
        };
        let failure = extract(&mut tenant().source(), Full(room), &request(), environment).unwrap_err();
        assert!(
            matches!(&*failure.error, ExtractError::Output(error) if error.kind() == io::ErrorKind::StorageFull)
        );
    }
}
