//! Reading a tenant in one state.

use std::ops::ControlFlow;
use std::sync::Arc;

use reinstate_describe::filter::filter_from_json;
use reinstate_describe::record_json::{write_canonical_record, write_record};
use reinstate_describe::{AccessLevel, Batch, Caller, FieldType, Filter, Layout, Lines, Model};
use reinstate_engine::{Conflict, Selection, Source};
use serde_json::json;

use super::values::{check_values, seed_values};
use super::{Subject, apply, mark, seed, write};
use crate::fixtures::{caller, field, items, name, root};

/// The layout of a model as the source has it.
pub(crate) fn layout_of(source: &mut dyn Source, model: &str) -> Arc<Layout> {
    Arc::new(Layout::new(source.catalog().unwrap().find(model).unwrap().clone()))
}

/// The records of a batch as JSON objects.
pub(crate) fn texts(batch: &Batch) -> Vec<String> {
    let text = |row: u32| {
        let mut text = String::new();
        let layout = batch.layout();
        let cells = layout.columns().enumerate().map(|(at, column)| (column, batch.value(row, at)));
        write_record(cells, &mut text);
        text
    };
    (0..u32::try_from(batch.len()).unwrap()).map(text).collect()
}

/// Reads what a caller gets of a model, and holds the count against it.
fn read_by(source: &mut dyn Source, model: &str, caller: &Caller, filter: Option<&Filter>) -> Vec<String> {
    let layout = layout_of(source, model);
    let selection = Selection { layout: &layout, filter, caller };
    let (mut records, mut lines) = (Vec::new(), String::new());
    source
        .records_read(&selection, &mut |batch| {
            assert!(!batch.is_empty() && Arc::ptr_eq(batch.layout(), &layout));
            records.extend(texts(&batch));
            canonical_lines(&batch, &mut lines);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(source.records_count(&selection).unwrap(), records.len() as u64);
    assert_eq!(lines_read_by(source, &selection), lines);
    records
}

/// The records of a batch as an archive has them.
fn canonical_lines(batch: &Batch, lines: &mut String) {
    for row in 0..u32::try_from(batch.len()).unwrap() {
        let cells = batch.layout().columns().enumerate();
        write_canonical_record(cells.map(|(at, column)| (column, batch.value(row, at))), lines);
        lines.push('\n');
    }
}

/// The records of a selection as the lines that the source writes by itself.
fn lines_read_by(source: &mut dyn Source, selection: &Selection<'_>) -> String {
    let mut text = String::new();
    let mut take = |lines: Lines| {
        let lengths = lines.text.lines().map(str::len);
        assert_eq!(
            (lines.records, lines.longest_bytes),
            (lengths.clone().count() as u64, lengths.max().unwrap())
        );
        text.push_str(&lines.text);
        ControlFlow::Continue(())
    };
    source.lines_read(selection, &mut take).unwrap();
    text
}

fn read(source: &mut dyn Source, model: &str) -> Vec<String> {
    read_by(source, model, &root(), None)
}

pub(crate) fn ids(records: &[String]) -> Vec<String> {
    let id = |record: &String| {
        serde_json::from_str::<serde_json::Value>(record).unwrap()["id"].as_str().unwrap().to_owned()
    };
    records.iter().map(id).collect()
}

pub(crate) fn every_value_comes_out_as_the_table_says(subject: &impl Subject) {
    seed_values(subject);
    check_values(&read(&mut *subject.source(), "values")[0]);
}

pub(crate) fn records_come_in_the_order_of_their_ids_by_bytes(subject: &impl Subject) {
    let mut expected = [
        "a", "B", "Z", "z", "é", "e\u{301}", "ä", "Ä", "10", "9", " ", "~", "🚀", "\u{ffff}", "aa", "a b",
        "A", "ß", "-1", "_", "a-b", "ab", "日本", "a\"b", "a\\b",
    ];
    let lines: Vec<_> = expected.iter().map(|id| json!({ "id": id }).to_string()).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    seed(subject, &items(), &lines);
    expected.sort_unstable();
    assert_eq!(ids(&read(&mut *subject.source(), "items")), expected);
}

pub(crate) fn trashed_records_and_lists_come_out_as_they_are(subject: &impl Subject) {
    let lines = [
        r#"{"id":"a","title":"T","code":"1","size":3,"price":0.10,"trashed_at":"2020-01-01","deleted_at":"2021-01-01"}"#,
        r#"{"id":"b","access_read":["g"],"access_deny":[],"created_at":"2019-01-01T00:00:00.000001Z"}"#,
    ];
    seed(subject, &items(), &lines);
    let read = read(&mut *subject.source(), "items");
    assert_eq!(read, subject.records("items"));
    assert!(read[0].contains(r#""trashed_at":"2020-01-01T00:00:00.000Z""#), "{read:?}");
}

pub(crate) fn caller_gets_what_the_lists_of_each_record_let_him_read(subject: &impl Subject) {
    let lines = [
        r#"{"id":"denied","access_deny":["team"],"access_full":["ann"]}"#,
        r#"{"id":"edit","access_edit":["team"]}"#,
        r#"{"id":"empty","access_read":[],"access_deny":[]}"#,
        r#"{"id":"full","access_full":["ann"],"access_read":["bob"]}"#,
        r#"{"id":"null","access_read":null,"access_edit":null,"access_full":null,"access_deny":null}"#,
        r#"{"id":"open"}"#,
        r#"{"id":"others","access_full":["bob"]}"#,
        r#"{"id":"quoted","access_read":["x'y\"z\\"]}"#,
        r#"{"id":"read","access_read":["ann"]}"#,
        r#"{"id":"yes","access_deny":["bob"],"access_read":["ann"]}"#,
    ];
    seed(subject, &items(), &lines);
    let mut source = subject.source();
    let mut got = |caller: &Caller| ids(&read_by(&mut *source, "items", caller, None));
    for level in [AccessLevel::Read, AccessLevel::Edit, AccessLevel::Full] {
        let mut ann = caller(level);
        assert_eq!(got(&ann), ["denied", "empty", "full", "null", "open", "read", "yes"], "{level}");
        ann.principals.extend(["team".to_owned(), "x'y\"z\\".to_owned()]);
        let expected = ["edit", "empty", "full", "null", "open", "quoted", "read", "yes"];
        assert_eq!(got(&ann), expected, "{level}");
    }
    assert_eq!(got(&caller(AccessLevel::Root)).len(), lines.len());
    assert!(got(&caller(AccessLevel::Deny)).is_empty());
}

pub(crate) fn filters_choose_what_they_choose_in_lists(subject: &impl Subject) {
    let lines = [
        r#"{"id":"a","title":"Ä it's","size":1,"price":9,"trashed_at":"2020-01-01"}"#,
        r#"{"id":"b","title":"ä","size":2,"price":10}"#,
        r#"{"id":"c","size":3,"access_full":["bob"]}"#,
        r#"{"id":"d","title":"x","size":4,"price":-0.5}"#,
    ];
    seed(subject, &items(), &lines);
    let mut source = subject.source();
    let layout = layout_of(&mut *source, "items");
    for (filter, expected) in [
        (json!({ "size": { "$gte": 2 } }), &["b", "d"][..]),
        (json!({ "size": { "$in": [1, 4, 9] } }), &["a", "d"]),
        (json!({ "title": { "$ilike": "Ä%" } }), &["a", "b"]),
        (json!({ "title": "Ä it's" }), &["a"]),
        (json!({ "price": { "$between": [-1, 9.0] } }), &["a", "d"]),
        (json!({ "trashed_at": { "$null": false } }), &["a"]),
        (json!({ "$or": [{ "id": "d" }, { "title": null }] }), &["d"]),
        (json!({ "$not": { "title": { "$in": ["x", "ä"] } } }), &["a"]),
        (json!({ "created_at": { "$lt": "2020-01-01" } }), &[]),
        (json!({}), &["a", "b", "d"]),
    ] {
        let compiled = filter_from_json(&filter, &layout).unwrap();
        let read = read_by(&mut *source, "items", &caller(AccessLevel::Full), Some(&compiled));
        assert_eq!(ids(&read), expected, "{filter}");
    }
}

pub(crate) fn what_is_committed_meanwhile_does_not_show(subject: &impl Subject) {
    seed(subject, &items(), &[r#"{"id":"a","size":1}"#, r#"{"id":"b","size":1}"#]);
    let before = subject.records("items");
    let mut source = subject.source();
    let others = Model { name: name("others"), ..items() };
    let write_more = |run_id: &str, lines: &[&str]| {
        apply(subject, run_id, |target| {
            if target.catalog().unwrap().find("others").is_none() {
                target.model_create(&others).unwrap();
            }
            write(target, &items(), lines, Conflict::Update);
            write(target, &others, &[r#"{"id":"x"}"#], Conflict::Update);
        });
    };
    write_more("run_1", &[r#"{"id":"a","size":2}"#, r#"{"id":"c"}"#]);
    assert_eq!(source.catalog().unwrap().iter().count(), 1);
    assert_eq!(read(&mut *source, "items"), before);
    write_more("run_2", &[r#"{"id":"0"}"#, r#"{"id":"b","size":null}"#]);
    assert_eq!(read(&mut *source, "items"), before);
    let mut newer = subject.source();
    assert_eq!(newer.catalog().unwrap().iter().count(), 2);
    assert_eq!(ids(&read(&mut *newer, "items")), ["0", "a", "b", "c"]);
    assert_eq!(read(&mut *newer, "others").len(), 1);
    assert_eq!(read(&mut *source, "items"), before);
}

pub(crate) fn model_without_records_gives_no_batch(subject: &impl Subject) {
    let mut source = subject.source();
    assert!(source.catalog().unwrap().is_empty());
    drop(source);
    seed(subject, &items(), &[]);
    assert!(read(&mut *subject.source(), "items").is_empty());
}

pub(crate) fn whoever_has_enough_may_ask_again(subject: &impl Subject) {
    // Enough for several batches.
    let note = "n".repeat(16 * 1024);
    let lines: Vec<_> = (0..100).map(|n| format!(r#"{{"id":"{n:03}","title":"{note}"}}"#)).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    seed(subject, &items(), &lines);
    let mut source = subject.source();
    let layout = layout_of(&mut *source, "items");
    let selection = Selection { layout: &layout, filter: None, caller: &root() };
    let mut batches = Vec::new();
    let mut take = |batch: Batch| {
        batches.push(batch.len());
        ControlFlow::Break(())
    };
    source.records_read(&selection, &mut take).unwrap();
    assert!(batches.len() == 1 && batches[0] < 100, "{batches:?}");
    assert_eq!(read(&mut *source, "items").len(), 100);
}

pub(crate) fn wide_model_is_read_whole(subject: &impl Subject) {
    let model = (0..subject.wide_fields()).fold(Model::new(name("wide")), |model, number| {
        model.with_field(field(&format!("f{number}"), FieldType::Integer))
    });
    let line = format!(r#"{{"id":"a","f0":1,"f{}":2}}"#, subject.wide_fields() - 1);
    apply(subject, "run_1", |target| {
        target.model_create(&model).unwrap();
        write(target, &model, &[&line], Conflict::Fail);
    });
    let mut source = subject.source();
    assert_eq!(read(&mut *source, "wide"), subject.records("wide"));
    drop(source);
    subject.begin("run_2").unwrap().commit(&mark("run_2")).unwrap();
}
