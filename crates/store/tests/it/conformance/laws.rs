//! Laws that hold for any sequence of batches.

use reinstate_engine::Conflict;

use super::{Subject, apply, seed, write};
use crate::fixtures::items;

pub(crate) fn applying_twice_is_applying_once(subject: &impl Subject) {
    let model = items();
    seed(subject, &model, &[r#"{"id":"a","code":"1","size":1}"#]);
    let lines = [r#"{"id":"a","size":2}"#, r#"{"id":"b","code":"2"}"#, r#"{"id":"c","price":0.10}"#];
    apply(subject, "run_1", |target| write(target, &model, &lines, Conflict::Update));
    let once = subject.records("items");
    let outcome = apply(subject, "run_2", |target| write(target, &model, &lines, Conflict::Update));
    assert_eq!((outcome.inserted, outcome.updated), (0, 3));
    assert_eq!(subject.records("items"), once);
}
