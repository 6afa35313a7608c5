//! Failures and cancels at every step: nothing is kept, and the run says so.

use reinstate_describe::{Batch, Catalog, Field, Model, Name};
use reinstate_engine::{
    Cancellation, Conflict, Counters, Event, Existing, FailureKind, Gate, MemoryTarget, MemoryTenant,
    RunMark, Stop, Strategy, Target, TargetError, WriteOutcome,
};

use crate::harness::{CountingIds, FixedClock, NOTES, case, tenant_with_notes, zip};

/// What happens at the chosen call of the target.
#[derive(Clone)]
enum Trouble {
    Fail,
    Stop(Cancellation),
}

/// A target that meets trouble at its n-th call.
struct Troubled {
    inner: MemoryTarget,
    calls_left: usize,
    trouble: Trouble,
}

impl Troubled {
    fn step(&mut self) -> Result<(), TargetError> {
        if self.calls_left == 0 {
            match &self.trouble {
                Trouble::Fail => {
                    return Err(TargetError::Unavailable { message: "the connection is gone".to_owned() });
                }
                Trouble::Stop(cancellation) => cancellation.stop(Stop::Cancelled),
            }
        }
        self.calls_left = self.calls_left.saturating_sub(1);
        Ok(())
    }
}

impl Target for Troubled {
    fn catalog(&mut self) -> Result<Catalog, TargetError> {
        self.step()?;
        self.inner.catalog()
    }

    fn model_create(&mut self, model: &Model) -> Result<(), TargetError> {
        self.step()?;
        self.inner.model_create(model)
    }

    fn fields_add(&mut self, model: &Name, fields: &[Field]) -> Result<(), TargetError> {
        self.step()?;
        self.inner.fields_add(model, fields)
    }

    fn model_has_records(&mut self, model: &Name) -> Result<bool, TargetError> {
        self.step()?;
        self.inner.model_has_records(model)
    }

    fn model_is_restricted(&mut self, model: &Name) -> Result<bool, TargetError> {
        self.step()?;
        self.inner.model_is_restricted(model)
    }

    fn records_clear(&mut self, model: &Name) -> Result<u64, TargetError> {
        self.step()?;
        self.inner.records_clear(model)
    }

    fn records_find(&mut self, batch: &Batch, columns: &[usize]) -> Result<Existing, TargetError> {
        self.step()?;
        self.inner.records_find(batch, columns)
    }

    fn records_write(&mut self, batch: &Batch, conflict: Conflict) -> Result<WriteOutcome, TargetError> {
        self.step()?;
        self.inner.records_write(batch, conflict)
    }

    fn commit(mut self: Box<Self>, mark: &RunMark) -> Result<(), TargetError> {
        self.step()?;
        Box::new(self.inner).commit(mark)
    }
}

/// An archive that takes every step: a new model, a new field, several batches, a file that is read on a thread of its
/// own and one that is not.
fn archive() -> Vec<u8> {
    let describe =
        "notes:\n  fields:\n    title: { type: text }\n    n: { type: integer }\nmore:\n  fields: {}\n";
    let lines = |numbers: std::ops::Range<usize>| {
        numbers.map(|number| format!("{{\"id\":\"{number}\"}}\n")).collect::<String>()
    };
    zip(describe, &[("notes.jsonl", &lines(0..8_000)), ("more.jsonl", &lines(9_000..13_000))])
}

/// Runs with trouble at each call in turn, until a run meets none; gives the number of calls.
fn at_every_call(trouble: impl Fn(&Cancellation) -> Trouble, kind: FailureKind) -> usize {
    let archive = archive();
    for strategy in [Strategy::Replace, Strategy::Upsert] {
        for calls_left in 0.. {
            assert!(calls_left < 100, "a restore of this size has fewer calls");
            let tenant = tenant_with_notes();
            let before = tenant.copy();
            let mut case = case(strategy);
            let target =
                Troubled { inner: tenant.target(), calls_left, trouble: trouble(&case.cancellation) };
            match case.run_with(&archive, Box::new(target)) {
                Ok(_) if strategy == Strategy::Upsert => return calls_left,
                Ok(_) => break,
                Err(failure) => {
                    assert_eq!(failure.error.kind(), kind, "{strategy} at call {calls_left}");
                    assert!(tenant.holds_the_same_as(&before), "{strategy} at call {calls_left}");
                }
            }
        }
    }
    unreachable!("both strategies end")
}

#[test]
fn a_failure_at_any_call_leaves_the_tenant_as_it_was() {
    assert!(at_every_call(|_| Trouble::Fail, FailureKind::Unavailable) > 10);
}

#[test]
fn a_cancel_at_any_call_before_the_commit_leaves_the_tenant_as_it_was() {
    let stop = |cancellation: &Cancellation| Trouble::Stop(cancellation.clone());
    assert!(at_every_call(stop, FailureKind::Stopped(Stop::Cancelled)) > 10);
}

#[test]
fn a_closed_gate_keeps_the_run_from_committing() {
    struct Closed;
    impl Gate for Closed {
        fn may_commit(&mut self) -> bool {
            false
        }
    }
    let tenant = MemoryTenant::default();
    let case = case(Strategy::Upsert);
    let bytes = zip(NOTES, &[]);
    let archive = reinstate_archive::Archive::open(std::io::Cursor::new(bytes), Default::default()).unwrap();
    let environment = reinstate_engine::Environment {
        clock: &FixedClock,
        ids: &CountingIds::default(),
        events: &mut Vec::<Event>::new(),
        cancellation: &case.cancellation,
        gate: &mut Closed,
    };
    let failure = reinstate_engine::restore(archive, &case.request, Box::new(tenant.target()), environment)
        .unwrap_err();
    assert_eq!(failure.error.kind(), FailureKind::Stopped(Stop::Cancelled));
    assert!(tenant.catalog().is_empty());
}

#[test]
fn a_run_is_applied_once() {
    let tenant = MemoryTenant::default();
    let archive = zip(NOTES, &[("notes.jsonl", "{\"id\":\"a\"}\n")]);
    let done = case(Strategy::Upsert).run(&archive, &tenant).unwrap();
    assert_eq!(tenant.mark("run_upsert").map(|mark| mark.counters), Some(done));
    let failure = case(Strategy::Upsert).run(&archive, &tenant).unwrap_err();
    assert_eq!(failure.error.kind(), FailureKind::AlreadyApplied);
}

#[test]
fn progress_never_falls_and_ends_below_a_hundred() {
    let mut case = case(Strategy::Upsert);
    case.run(&archive(), &MemoryTenant::default()).unwrap();
    let percents: Vec<_> = case
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Progress(progress) => Some(progress.percent),
            Event::Log(_) => None,
        })
        .collect();
    assert!(percents.is_sorted(), "{percents:?}");
    assert_eq!(percents.last(), Some(&99));
    assert!(percents.contains(&25));
    let Some(Event::Progress(last)) = case.events.iter().rev().find(|e| matches!(e, Event::Progress(_)))
    else {
        panic!("there is progress");
    };
    assert_eq!((last.files_completed, last.bytes_read), (2, last.bytes_total));
    assert_eq!(
        last.counters,
        Counters { records_imported: 12_000, models_created: 2, fields_created: 2, ..Counters::default() }
    );
}
