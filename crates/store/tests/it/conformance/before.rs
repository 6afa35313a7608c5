//! What was there before a run is told from what the run wrote, whatever was done to the model's table meanwhile.

use reinstate_describe::FieldType;
use reinstate_engine::{Conflict, ConflictRow, Target};
use serde_json::json;

use super::{Subject, apply, seed, write};
use crate::fixtures::{field, items};

const OLD: &str = r#"{"id":"old"}"#;
const NEW: &str = r#"{"id":"new"}"#;

/// Writes a record that is there and one that the run has just written, and says of which of them it was told that
/// they were there before.
fn existed_before(subject: &impl Subject, change: impl FnOnce(&mut dyn Target)) -> Vec<bool> {
    let model = items();
    seed(subject, &model, &[OLD]);
    apply(subject, "run_1", |target| {
        change(target);
        write(target, &model, &[NEW], Conflict::Fail);
        let outcome = write(target, &model, &[OLD, NEW], Conflict::Ignore { report_max: 9 });
        let again = write(target, &model, &[OLD, NEW], Conflict::Fail);
        if outcome.skipped == 2 {
            assert_eq!(outcome.conflicts, again.conflicts);
        }
        again.conflicts.iter().map(|ConflictRow { existed_before, .. }| *existed_before).collect()
    })
}

pub(crate) fn records_of_a_model_that_got_fields_were_there_before(subject: &impl Subject) {
    let plain = field("colour", FieldType::Text);
    let mut filled = field("rank", FieldType::Integer);
    filled.default_value = Some(json!(1));
    let add = |target: &mut dyn Target| target.fields_add(&items().name, &[plain, filled]).unwrap();
    assert_eq!(existed_before(subject, add), [true, false]);
}

pub(crate) fn records_of_a_model_that_got_a_field_without_value_were_there_before(subject: &impl Subject) {
    let add = |target: &mut dyn Target| {
        target.fields_add(&items().name, &[field("colour", FieldType::Text)]).unwrap();
    };
    assert_eq!(existed_before(subject, add), [true, false]);
}

pub(crate) fn records_of_a_model_that_was_emptied_were_not_there_before(subject: &impl Subject) {
    let empty = |target: &mut dyn Target| {
        target.records_clear(&items().name).unwrap();
    };
    assert_eq!(existed_before(subject, empty), [false, false]);
}

pub(crate) fn records_of_a_model_that_got_a_field_and_was_emptied_were_not_there_before(
    subject: &impl Subject,
) {
    let both = |target: &mut dyn Target| {
        target.fields_add(&items().name, &[field("colour", FieldType::Text)]).unwrap();
        target.records_clear(&items().name).unwrap();
    };
    assert_eq!(existed_before(subject, both), [false, false]);
}
