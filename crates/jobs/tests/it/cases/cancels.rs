use std::time::{Duration, Instant};

use reinstate_engine::Clock;
use reinstate_jobs::{JobsError, SystemClock};
use reinstate_store::control::RunStatus;

use super::super::BACKEND;
use crate::harness::*;

#[test]
fn a_cancelled_run_leaves_the_tenant_as_it_was_and_the_next_one_goes_on() {
    let house = House::new(BACKEND);
    house.completed("acme", &house.import("acme", &notes(&lines(0, 3))).run_id);
    let before = house.dump("acme");
    house.ids.hold();
    let imported = house.import("acme", &notes(&nameless(20_000)));
    house.ids.wait_held();
    let next = house.import("acme", &notes(&lines(5, 1)));

    let run_id = house.jobs.restore_cancel(&tenant_id("acme"), &full(), &imported.restore_id).unwrap();
    assert_eq!(run_id, imported.run_id);
    assert_eq!(house.run("acme", &run_id).status, RunStatus::Cancelled, "the answer does not wait");
    assert_eq!(house.run("acme", &next.run_id).status, RunStatus::Queued, "the worker has not let go");
    assert_eq!(house.dump("acme"), before);
    house.ids.release();
    let run = house.ended("acme", &run_id);
    assert_eq!(run.status, RunStatus::Cancelled);
    assert!(run.error.unwrap().contains("nothing was applied"));
    house.completed("acme", &next.run_id);
    assert_eq!(house.tenant("acme").run_mark(&run_id).unwrap(), None);
}

#[test]
fn a_cancel_written_by_another_process_is_noticed_by_polling() {
    let house = House::new(BACKEND);
    house.ids.hold();
    let imported = house.import("acme", &notes(&nameless(20_000)));
    house.ids.wait_held();
    // Past the handle of this process: only the control plane knows.
    let control = &house.store.control;
    control.run_cancel(&tenant_id("acme"), &imported.restore_id, "bob", SystemClock.now_micros()).unwrap();
    house.ids.release();
    assert_eq!(house.ended("acme", &imported.run_id).status, RunStatus::Cancelled);
    assert_eq!(house.tenant("acme").run_mark(&imported.run_id).unwrap(), None);
}

#[test]
fn a_cancel_races_with_the_commit_and_never_lies() {
    let house = House::new(BACKEND);
    let acme = tenant_id("acme");
    let mut outcomes = [0, 0];
    for round in 0..40_u32 {
        let imported = house.import("acme", &notes(&lines(round as usize * 50, 50)));
        let begin = Instant::now();
        // From before the start to after the end of a run.
        let wait = Duration::from_micros(u64::from(round) * 500);
        while begin.elapsed() < wait {
            std::thread::yield_now();
        }
        let cancelled = match house.jobs.restore_cancel(&acme, &full(), &imported.restore_id) {
            Ok(_) => true,
            Err(JobsError::Conflict { .. } | JobsError::NotFound { .. }) => false,
            Err(error) => panic!("{error}"),
        };
        let run = house.ended("acme", &imported.run_id);
        let expected = if cancelled { RunStatus::Cancelled } else { RunStatus::Completed };
        assert_eq!(run.status, expected, "{:?}", run.error_detail);
        let mark = house.tenant("acme").run_mark(&imported.run_id).unwrap();
        assert_eq!(mark.is_none(), cancelled, "the tenant says otherwise");
        let note = house.tenant("acme").record_get(
            &full(),
            "notes",
            &format!("note-{:06}", round * 50),
            reinstate_describe::Trashed::Include,
        );
        assert_eq!(note.is_err(), cancelled, "the records say otherwise");
        outcomes[usize::from(cancelled)] += 1;
    }
    assert_eq!(outcomes.iter().sum::<i32>(), 40);
}
