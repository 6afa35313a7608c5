//! The mark of a run.

use reinstate_engine::{Counters, RunMark, TargetError};

use super::{Subject, apply, mark};

pub(crate) fn committed_run_leaves_its_mark(subject: &impl Subject) {
    assert_eq!(subject.mark("run_1"), None);
    let counters = Counters { records_imported: 7, fields_created: 2, ..Counters::default() };
    let mark = RunMark { run_id: "run_1".to_owned(), fence: 3, counters };
    subject.begin("run_1").unwrap().commit(&mark).unwrap();
    assert_eq!(subject.mark("run_1"), Some(mark));
    assert_eq!(subject.mark("run_2"), None);
}

pub(crate) fn run_is_applied_only_once(subject: &impl Subject) {
    apply(subject, "run_1", |_| ());
    let before = subject.state();
    // A target may notice at the start or at the end, but it must notice.
    let again = subject.begin("run_1").and_then(|target| target.commit(&mark("run_1")));
    assert!(matches!(again, Err(TargetError::AlreadyApplied)), "{again:?}");
    assert_eq!(subject.state(), before);
}
