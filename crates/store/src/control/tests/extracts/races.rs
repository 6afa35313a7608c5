//! Several processes on one database, each with several workers.

use std::sync::Mutex;

use super::super::races::race;
use super::*;

on_both! {
    racing_workers_take_each_run_once,
    a_run_whose_lease_ended_goes_to_one_of_those_who_race_for_it,
    of_racing_runs_of_an_extract_one_is_queued_and_the_others_are_refused_in_words,
    an_end_and_a_cancel_that_race_are_decided_once,
    an_extract_is_not_deleted_while_a_run_of_it_is_being_queued,
    an_archive_is_not_forgotten_while_a_restore_of_it_is_being_queued,
    racing_changes_of_the_same_extracts_are_all_made,
    racing_downloads_are_all_counted,
}

fn racing_workers_take_each_run_once(backend: Backend) {
    const RUNS: usize = 20;
    let plane = backend.plane();
    for number in 0..RUNS {
        plane.queue_extract(if number % 3 == 0 { "globex" } else { "acme" }, &format!("run-{number:02}"), 1);
    }
    let taken: Mutex<Vec<String>> = Mutex::default();
    race(&plane, 8, |control, _| {
        while taken.lock().unwrap().len() < RUNS {
            let Some(ClaimedExtract { run, .. }) = control.extract_run_claim("worker", 2, RULES).unwrap()
            else {
                std::thread::yield_now();
                continue;
            };
            taken.lock().unwrap().push(run.id.clone());
            let finish = finish(&run, RunStatus::Completed, MINUTE);
            assert_eq!(control.extract_run_finish(&run.id, run.fence, &finish, 3).unwrap(), RunState::Held);
        }
    });
    let mut taken = taken.into_inner().unwrap();
    taken.sort();
    assert_eq!(taken, (0..RUNS).map(|number| format!("run-{number:02}")).collect::<Vec<_>>());
    assert_eq!(plane.queue_state().unwrap(), QueueState::default());
}

fn a_run_whose_lease_ended_goes_to_one_of_those_who_race_for_it(backend: Backend) {
    let plane = backend.plane();
    for round in 0..10 {
        let now = i64::from(round) * MINUTE;
        plane.queue_extract("acme", &format!("run-{round}"), now);
        let first = plane.claim_extract(now).unwrap();
        let late = now + 15_000_000;
        let held: Vec<_> = race(&plane, 6, |control, number| match number {
            // Its worker was late by a moment.
            0 => control.extract_run_renew(&first.id, 1, late, 15_000).unwrap() == RunState::Held,
            _ => control.extract_run_claim("other", late, RULES).unwrap().is_some(),
        });
        assert_eq!(held.iter().filter(|held| **held).count(), 1, "{held:?}");
        let run = plane.extract_run("acme", &first.id);
        assert_eq!(run.fence, if held[0] { 1 } else { 2 });
        assert_eq!(plane.finish_extract(&run, RunStatus::Failed, late), RunState::Held);
    }
}

fn of_racing_runs_of_an_extract_one_is_queued_and_the_others_are_refused_in_words(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.extracts_create(&acme, &[extract("extract-1")], 1).unwrap();
    let outcomes = race(&plane, 8, |control, number| {
        control.extract_run_create(&acme, "extract-1", &new_run(&format!("run-{number}")), 2, admitted)
    });
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(refused.len(), 7);
    for refusal in refused {
        let StoreError::Conflict { message } = refusal else { panic!("{refusal:?}") };
        assert!(message.contains("is already running (run 'run-"), "{message}");
    }
    assert_eq!(plane.extract_get(&acme, "extract-1").unwrap().total_runs, 1);
}

fn admitted(_: &ExtractRecord) -> Result<serde_json::Value, StoreError> {
    Ok(json!({}))
}

fn an_end_and_a_cancel_that_race_are_decided_once(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.extracts_create(&acme, &[extract("extract-1")], 1).unwrap();
    for round in 0..10 {
        plane.extract_again("acme", "extract-1", &format!("run-{round}"), 1).unwrap();
        let run = plane.claim_extract(2).unwrap();
        let finish = finish(&run, RunStatus::Completed, MINUTE);
        let outcomes = race(&plane, 4, |control, number| match number {
            0 => control.extract_run_finish(&run.id, run.fence, &finish, 3).unwrap() == RunState::Held,
            _ => {
                let outcome = control.extract_run_cancel(&acme, "extract-1", "bob", 3).unwrap();
                matches!(outcome, CancelOutcome::Cancelled { .. })
            }
        });
        assert_eq!(outcomes.iter().filter(|decided| **decided).count(), 1);
        let ended = plane.extract_run("acme", &run.id);
        let is_kept = plane.extract_artifact_get(&acme, &artifact_id(&run.id, 0)).is_ok();
        let expected = if outcomes[0] { RunStatus::Completed } else { RunStatus::Cancelled };
        assert_eq!((ended.status, ended.object_key.is_some(), is_kept), (expected, outcomes[0], outcomes[0]));
    }
    let counted = plane.extract_get(&acme, "extract-1").unwrap();
    let completed = i64::try_from(plane.object_keys().len()).unwrap();
    assert_eq!((counted.total_runs, counted.successful_runs, counted.failed_runs), (10, completed, 0));
}

fn an_extract_is_not_deleted_while_a_run_of_it_is_being_queued(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    for round in 0..10 {
        let (extract_id, run_id) = (format!("extract-{round}"), format!("run-{round}"));
        plane.extracts_create(&acme, &[extract(&extract_id)], 1).unwrap();
        let outcomes = race(&plane, 2, |control, number| match number {
            0 => control.extract_run_create(&acme, &extract_id, &new_run(&run_id), 2, admitted).map(drop),
            _ => control.extracts_delete(&acme, &[&extract_id], true, 2),
        });
        let done = outcomes.iter().map(Result::is_ok).collect::<Vec<_>>();
        assert!(done == [true, false] || done == [false, true], "{outcomes:?}");
    }
}

fn an_archive_is_not_forgotten_while_a_restore_of_it_is_being_queued(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    for round in 0..10 {
        let run = plane.complete_extract("acme", &format!("run-{round}"), 1);
        let restore = NewRestore {
            source_type: SOURCE_EXTRACT_RUN.to_owned(),
            source_ref: Some(run.id.clone()),
            ..restore(&format!("restore-{round}"))
        };
        plane.restores_create(&acme, std::slice::from_ref(&restore), 1).unwrap();
        let outcomes = race(&plane, 2, |control, number| match number {
            0 => {
                let new = new_run(&format!("run-restore-{round}"));
                let admit = |_: &RestoreRecord, _| Ok::<_, StoreError>(json!({}));
                control.run_create(&acme, &restore.id, &new, 2, admit).unwrap().source_ref.is_some()
            }
            _ => control.extract_run_forget_object(&run.id).unwrap(),
        });
        assert_ne!(outcomes[0], outcomes[1], "the run reads it, or it is gone");
    }
}

fn racing_changes_of_the_same_extracts_are_all_made(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    let ids = ["extract-1", "extract-2", "extract-3"];
    plane.extracts_create(&acme, &ids.map(extract), 1).unwrap();
    race(&plane, 6, |control, number| {
        let mut ids = ids;
        // Half of them ask for the same ones the other way round.
        if number >= 3 {
            ids.reverse();
        }
        let change = |_: usize, current: &ExtractRecord| {
            let name = format!("{}+", current.name);
            Ok::<_, StoreError>(NewExtract { name, ..extract(&current.id) })
        };
        control.extracts_update(&acme, &ids, 2, change).unwrap();
    });
    for id in ids {
        assert_eq!(plane.extract_get(&acme, id).unwrap().name, format!("Extract {id}++++++"));
    }
}

fn racing_downloads_are_all_counted(backend: Backend) {
    let plane = backend.plane();
    plane.complete_extract("acme", "run-a", 1);
    let (acme, id) = (tenant("acme"), artifact_id("run-a", 0));
    race(&plane, 6, |control, _| control.extract_artifact_count_download(&acme, &id).unwrap());
    assert_eq!(plane.extract_artifact_get(&acme, &id).unwrap().download_count, 6);
}
