//! Writing, finding and clearing records.

use reinstate_describe::CellValue;
use reinstate_describe::system::position;
use reinstate_engine::{Conflict, ConflictRow, RefusedRow};

use super::{Subject, apply, seed, write};
use crate::fixtures::{batch, items, name, own};

fn ids(subject: &impl Subject) -> Vec<String> {
    let id = |record: &String| {
        serde_json::from_str::<serde_json::Value>(record).unwrap()["id"].as_str().unwrap().to_owned()
    };
    subject.records("items").iter().map(id).collect()
}

fn owns(subject: &impl Subject) -> Vec<String> {
    subject.records("items").iter().map(|record| own(record)).collect()
}

pub(crate) fn new_ids_are_inserted(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[]);
    let outcome = apply(subject, "run_1", |target| {
        write(
            target,
            &model,
            &[r#"{"id":"b","title":"B"}"#, r#"{"id":"a"}"#, r#"{"title":"no id"}"#],
            Conflict::Fail,
        )
    });
    assert_eq!((outcome.inserted, outcome.updated, outcome.skipped), (3, 0, 0));
    assert_eq!(ids(subject), ["a", "b", "made-3"]);
}

pub(crate) fn update_writes_what_the_line_names_and_keeps_the_rest(subject: &impl Subject) {
    let model = items();
    seed(
        subject,
        &model,
        &[r#"{"id":"a","title":"old","code":"1","size":1,"price":1.5,"created_at":"2020-01-01"}"#],
    );
    apply(subject, "run_1", |target| {
        write(target, &model, &[r#"{"id":"a","title":"new","price":null}"#], Conflict::Update);
    });
    let record = &subject.records("items")[0];
    assert_eq!(own(record), own(r#"{"id":"a","title":"new","code":"1","size":1,"price":null}"#));
    assert!(record.contains(r#""created_at":"2020-01-01T00:00:00.000Z""#), "{record}");
    assert!(record.contains(r#""updated_at":"2025-01-19T10:00:00.000Z""#), "{record}");
}

pub(crate) fn update_counts_inserted_and_updated_apart(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a"}"#, r#"{"id":"b"}"#]);
    let lines = [
        r#"{"id":"b","size":2}"#,
        r#"{"id":"c"}"#,
        r#"{"id":"a"}"#,
        r#"{"id":"d","size":4}"#,
        r#"{"id":"e"}"#,
    ];
    let outcome = apply(subject, "run_1", |target| write(target, &model, &lines, Conflict::Update));
    assert_eq!((outcome.inserted, outcome.updated, outcome.skipped), (3, 2, 0));
    assert!(outcome.conflicts.is_empty() && outcome.refused.is_empty());
    assert_eq!(ids(subject), ["a", "b", "c", "d", "e"]);
}

pub(crate) fn update_reaches_trashed_records(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","trashed_at":"2020-01-01"}"#]);
    let outcome = apply(subject, "run_1", |target| {
        write(target, &model, &[r#"{"id":"a","trashed_at":null}"#], Conflict::Update)
    });
    assert_eq!(outcome.updated, 1);
    assert!(subject.records("items")[0].contains(r#""trashed_at":null"#));
}

pub(crate) fn ignored_conflicts_are_reported_up_to_the_bound(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","size":1}"#, r#"{"id":"b"}"#, r#"{"id":"c"}"#]);
    let lines = [r#"{"id":"c"}"#, r#"{"id":"x"}"#, r#"{"id":"a","size":9}"#, r#"{"id":"b"}"#];
    let before = |row| ConflictRow { row, existed_before: true };
    apply(subject, "run_1", |target| {
        let outcome = write(target, &model, &lines, Conflict::Ignore { report_max: 2 });
        assert_eq!((outcome.inserted, outcome.updated, outcome.skipped), (1, 0, 3));
        assert_eq!(outcome.conflicts, [before(0), before(2)]);
        let outcome = write(target, &model, &lines[2..], Conflict::Ignore { report_max: 0 });
        assert_eq!((outcome.inserted, outcome.skipped, outcome.conflicts.len()), (0, 2, 0));
    });
    assert!(owns(subject)[0].contains(r#""size":1"#));
}

pub(crate) fn ignored_conflicts_tell_whether_the_run_wrote_them(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"old"}"#]);
    apply(subject, "run_1", |target| {
        write(target, &model, &[r#"{"id":"new"}"#], Conflict::Ignore { report_max: 9 });
        let lines = [r#"{"id":"new"}"#, r#"{"id":"old"}"#, r#"{"id":"newer"}"#];
        let outcome = write(target, &model, &lines, Conflict::Ignore { report_max: 9 });
        let expected =
            [ConflictRow { row: 0, existed_before: false }, ConflictRow { row: 1, existed_before: true }];
        assert_eq!(outcome.conflicts, expected);
    });
}

pub(crate) fn failing_conflicts_are_all_reported_and_nothing_is_overwritten(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","size":1}"#, r#"{"id":"b","size":1}"#]);
    let outcome = apply(subject, "run_1", |target| {
        let lines = [r#"{"id":"b","size":2}"#, r#"{"id":"c"}"#, r#"{"id":"a","size":2}"#];
        write(target, &model, &lines, Conflict::Fail)
    });
    assert_eq!((outcome.inserted, outcome.skipped), (1, 2));
    let rows: Vec<_> = outcome.conflicts.iter().map(|conflict| conflict.row).collect();
    assert_eq!(rows, [0, 2]);
    assert!(owns(subject).iter().all(|record| !record.contains(r#""size":2"#)));
}

pub(crate) fn refused_rows_are_named_and_all_others_written(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"taken","code":"7"}"#]);
    let lines: Vec<_> = (0..120)
        .map(|number| match number {
            // Two meet the record that is there, one its own neighbour.
            13 | 77 => format!(r#"{{"id":"n{number}","code":"7"}}"#),
            100 => r#"{"id":"n100","code":"c99"}"#.to_owned(),
            _ => format!(r#"{{"id":"n{number}","code":"c{number}"}}"#),
        })
        .collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let outcome = apply(subject, "run_1", |target| write(target, &model, &lines, Conflict::Update));
    let refused = |row| RefusedRow { row, field: name("code") };
    assert_eq!(outcome.refused, [refused(13), refused(77), refused(100)]);
    assert_eq!((outcome.inserted, outcome.updated, outcome.skipped), (117, 0, 0));
    assert_eq!(ids(subject).len(), 118);
}

pub(crate) fn refused_update_leaves_the_record(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","code":"1","size":1}"#, r#"{"id":"b","code":"2","size":1}"#]);
    let outcome = apply(subject, "run_1", |target| {
        let lines = [r#"{"id":"b","code":"1","size":2}"#, r#"{"id":"a","code":"1","size":2}"#];
        write(target, &model, &lines, Conflict::Update)
    });
    assert_eq!((outcome.updated, outcome.inserted), (1, 0));
    assert_eq!(outcome.refused, [RefusedRow { row: 0, field: name("code") }]);
    let expected = [
        own(r#"{"id":"a","title":null,"code":"1","size":2,"price":null}"#),
        own(r#"{"id":"b","title":null,"code":"2","size":1,"price":null}"#),
    ];
    assert_eq!(owns(subject), expected);
}

pub(crate) fn nulls_are_no_duplicates(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","code":null}"#]);
    let outcome = apply(subject, "run_1", |target| {
        write(target, &model, &[r#"{"id":"b","code":null}"#, r#"{"id":"c"}"#], Conflict::Fail)
    });
    assert_eq!((outcome.inserted, outcome.refused.len()), (2, 0));
}

pub(crate) fn conflict_of_the_id_comes_before_a_duplicate_value(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","code":"1"}"#, r#"{"id":"b","code":"2"}"#]);
    let outcome = apply(subject, "run_1", |target| {
        let lines = [r#"{"id":"a","code":"2"}"#, r#"{"id":"b","code":"2"}"#];
        write(target, &model, &lines, Conflict::Ignore { report_max: 9 })
    });
    assert_eq!((outcome.skipped, outcome.refused.len()), (2, 0));
}

pub(crate) fn excluded_rows_are_neither_written_nor_found(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","size":1}"#]);
    apply(subject, "run_1", |target| {
        let mut batch = batch(&model, &[r#"{"id":"a","size":2}"#, r#"{"id":"b"}"#, r#"{"id":"c"}"#]);
        batch.exclude(|row| row != 2);
        assert!(target.records_find(&batch, &[position::ID]).unwrap().is_empty());
        let outcome = target.records_write(&batch, Conflict::Update).unwrap();
        assert_eq!((outcome.inserted, outcome.updated), (1, 0));
    });
    assert_eq!(ids(subject), ["a", "c"]);
    assert!(owns(subject)[0].contains(r#""size":1"#));
}

pub(crate) fn found_records_have_the_columns_that_were_asked_for(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","title":"T","size":3}"#, r#"{"id":"b","access_edit":["g"]}"#]);
    apply(subject, "run_1", |target| {
        let batch = batch(&model, &[r#"{"id":"x"}"#, r#"{"id":"b"}"#, r#"{"id":"a","size":1}"#]);
        let size = batch.layout().position("size").unwrap();
        let found = target.records_find(&batch, &[size, position::ACCESS_EDIT]).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[&1], [CellValue::Null, CellValue::Text(r#"["g"]"#.to_owned())]);
        assert_eq!(found[&2], [CellValue::Int(3), CellValue::Text("[]".to_owned())]);
        assert_eq!(target.records_find(&batch, &[]).unwrap().len(), 2);
    });
}

pub(crate) fn cleared_model_is_empty_and_its_ids_are_free(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","code":"1"}"#, r#"{"id":"b","trashed_at":"2020-01-01"}"#]);
    apply(subject, "run_1", |target| {
        assert_eq!(target.records_clear(&model.name).unwrap(), 2);
        assert!(!target.model_has_records(&model.name).unwrap());
        let outcome = write(target, &model, &[r#"{"id":"b","code":"1"}"#], Conflict::Fail);
        assert_eq!(outcome.inserted, 1);
        let outcome = write(target, &model, &[r#"{"id":"b"}"#], Conflict::Fail);
        assert_eq!(outcome.conflicts, [ConflictRow { row: 0, existed_before: false }]);
    });
    assert_eq!(ids(subject), ["b"]);
}

pub(crate) fn trashed_records_count_as_records(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","trashed_at":"2020-01-01"}"#]);
    apply(subject, "run_1", |target| {
        assert!(target.model_has_records(&model.name).unwrap());
        let outcome = write(target, &model, &[r#"{"id":"a"}"#], Conflict::Fail);
        assert_eq!(outcome.conflicts, [ConflictRow { row: 0, existed_before: true }]);
    });
}

pub(crate) fn restricted_model_has_a_record_with_lists(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a"}"#, r#"{"id":"b","access_read":[]}"#]);
    apply(subject, "run_1", |target| {
        assert!(!target.model_is_restricted(&model.name).unwrap());
        write(target, &model, &[r#"{"id":"c","access_deny":["eve"]}"#], Conflict::Fail);
        assert!(target.model_is_restricted(&model.name).unwrap());
    });
}

pub(crate) fn large_batch_is_counted_exactly(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[]);
    let lines: Vec<_> = (0..1_237)
        // Three key sets, so that the batch falls into groups.
        .map(|number| match number % 3 {
            0 => format!(r#"{{"id":"{number:05}"}}"#),
            1 => format!(r#"{{"id":"{number:05}","code":"c{number}"}}"#),
            _ => format!(r#"{{"id":"{number:05}","size":{number},"title":"t"}}"#),
        })
        .collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    apply(subject, "run_1", |target| {
        assert_eq!(write(target, &model, &lines[..1_000], Conflict::Fail).inserted, 1_000);
        let outcome = write(target, &model, &lines[900..], Conflict::Update);
        assert_eq!((outcome.inserted, outcome.updated), (237, 100));
        let outcome = write(target, &model, &lines, Conflict::Ignore { report_max: 2_000 });
        assert_eq!((outcome.skipped, outcome.conflicts.len()), (1_237, 1_237));
    });
    assert_eq!(ids(subject).len(), 1_237);
}

pub(crate) fn refused_rows_of_a_large_batch_are_named_and_all_others_written(subject: &impl Subject) {
    let model = items();
    let line = |number: u32, code: u32| format!(r#"{{"id":"{number:05}","code":"c{code}"}}"#);
    // In a table that was emptied and in one that was not.
    for run_id in ["run_1", "run_2"] {
        apply(subject, run_id, |target| {
            if run_id == "run_1" {
                target.model_create(&model).unwrap();
            }
            let first = if run_id == "run_1" { 0 } else { 1_000 };
            let lines: Vec<_> = (first..first + 300)
                .map(|number| line(number, if number % 100 == 50 { first } else { number }))
                .collect();
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            let outcome = write(target, &model, &lines, Conflict::Update);
            let refused: Vec<_> = outcome.refused.iter().map(|refused| refused.row).collect();
            assert_eq!((outcome.inserted, outcome.updated), (297, 0));
            assert_eq!(refused, [50, 150, 250]);
            assert!(outcome.refused.iter().all(|refused| refused.field == name("code")));
        });
    }
    assert_eq!(ids(subject).len(), 594);
}
