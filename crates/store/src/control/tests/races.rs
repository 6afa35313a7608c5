//! Several processes on one database, each with several workers.

use std::collections::HashMap;
use std::sync::{Barrier, Mutex};

use super::*;

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const RUNS_PER_TENANT: usize = 6;
const WORKERS_PER_PROCESS: usize = 3;

on_both! {
    racing_workers_take_each_run_once_and_in_the_order_of_its_tenant,
    runs_that_are_queued_while_workers_race_are_never_out_of_order_nor_two_of_a_tenant_at_once,
    cancel_and_commit_are_decided_once_when_they_race,
    of_racing_runs_of_a_configuration_one_is_queued_and_the_others_are_refused_in_words,
    a_configuration_is_not_deleted_while_a_run_of_it_is_being_queued,
    an_upload_is_not_removed_while_a_run_of_it_is_being_queued,
    racing_changes_of_the_same_configurations_are_all_made,
    a_cancelled_run_and_the_next_one_of_its_tenant_are_not_both_in_hands,
    statistics_of_racing_ends_add_up,
    processes_that_start_together_make_the_tables_once,
}

fn racing_workers_take_each_run_once_and_in_the_order_of_its_tenant(backend: Backend) {
    let plane = backend.plane();
    let processes = [plane.control.clone(), plane.other_process()];
    let mut expected: HashMap<_, Vec<_>> = HashMap::new();
    for number in 0..RUNS_PER_TENANT {
        for name in TENANTS {
            let run = plane.queue(name, &format!("run-{name}-{number}"), 1);
            expected.entry(name).or_default().push(run.id);
        }
    }

    let taken: Mutex<HashMap<String, Vec<String>>> = Mutex::default();
    std::thread::scope(|scope| {
        for control in processes.iter().flat_map(|control| [control; WORKERS_PER_PROCESS]) {
            scope.spawn(|| work(control, &taken));
        }
    });
    let taken = taken.into_inner().unwrap();
    for name in TENANTS {
        assert_eq!(taken[name], expected[name]);
        assert!(expected[name].iter().all(|id| plane.status(name, id) == RunStatus::Completed));
    }
}

/// Takes runs and ends them until nothing is left.
fn work(control: &ControlPlane, taken: &Mutex<HashMap<String, Vec<String>>>) {
    while control.queue_state().unwrap().queued > 0 {
        let Some(ClaimedRun { run, .. }) = control.run_claim("worker", 2, RULES).unwrap() else {
            std::thread::yield_now();
            continue;
        };
        taken.lock().unwrap().entry(run.tenant.clone()).or_default().push(run.id.clone());
        assert!(control.run_finish(&run.id, run.fence, &finish(RunStatus::Completed), 3).unwrap());
    }
}

fn processes_that_start_together_make_the_tables_once(backend: Backend) {
    let ground = backend.ground();
    let settings = StoreSettings::new(ground.url());
    // Only one process at a time uses a folder.
    let count = if backend == Backend::Sqlite { 1 } else { 6 };
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        for number in 0..count {
            let (settings, start) = (&settings, &start);
            scope.spawn(move || {
                start.wait();
                let control = Store::open(settings).unwrap().control;
                queue(&control, "acme", &format!("run-{number}"));
            });
        }
    });
    let control = Store::open(&settings).unwrap().control;
    assert_eq!(control.queue_state().unwrap().queued, i64::try_from(count).unwrap());
}

/// Calls that race: each on a thread of its own, all let go at the same time, half of them in another process.
pub(super) fn race<T: Send>(
    plane: &Plane,
    count: usize,
    call: impl Fn(&ControlPlane, usize) -> T + Sync,
) -> Vec<T> {
    let processes = [plane.control.clone(), plane.other_process()];
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        let spawned: Vec<_> = (0..count)
            .map(|number| {
                let (control, start, call) = (&processes[number % 2], &start, &call);
                scope.spawn(move || {
                    start.wait();
                    call(control, number)
                })
            })
            .collect();
        spawned.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn runs_that_are_queued_while_workers_race_are_never_out_of_order_nor_two_of_a_tenant_at_once(
    backend: Backend,
) {
    const QUEUERS: usize = 4;
    const RUNS_EACH: usize = 5;
    let plane = backend.plane();
    let (in_hands, taken): (Mutex<HashMap<String, u32>>, Mutex<Vec<RunRecord>>) = Default::default();
    race(&plane, QUEUERS + 4, |control, number| {
        if number < QUEUERS {
            for run in 0..RUNS_EACH {
                queue(control, TENANTS[run % 2], &format!("run-{number}-{run}"));
            }
            return;
        }
        while taken.lock().unwrap().len() < QUEUERS * RUNS_EACH {
            let Some(ClaimedRun { run, .. }) = control.run_claim("worker", 2, RULES).unwrap() else {
                std::thread::yield_now();
                continue;
            };
            let before =
                std::mem::replace(in_hands.lock().unwrap().entry(run.tenant.clone()).or_default(), 1);
            assert_eq!(before, 0, "two runs of {} are in hands", run.tenant);
            taken.lock().unwrap().push(run.clone());
            in_hands.lock().unwrap().insert(run.tenant.clone(), 0);
            assert!(control.run_finish(&run.id, run.fence, &finish(RunStatus::Completed), 3).unwrap());
        }
    });
    let taken = taken.into_inner().unwrap();
    assert_eq!(taken.len(), QUEUERS * RUNS_EACH);
    for name in TENANTS {
        let places: Vec<_> = taken.iter().filter(|run| run.tenant == name).map(|run| run.seq).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{name}: {places:?}");
    }
}

fn queue(control: &ControlPlane, tenant_name: &str, run_id: &str) {
    let (tenant, restore) = (tenant(tenant_name), restore(&format!("restore-{run_id}")));
    control.restores_create(&tenant, std::slice::from_ref(&restore), 1).unwrap();
    control.run_create(&tenant, &restore.id, &new_run(run_id), 1, admitted).unwrap();
}

fn admitted(_: &RestoreRecord, _: bool) -> Result<serde_json::Value, StoreError> {
    Ok(json!({}))
}

fn cancel_and_commit_are_decided_once_when_they_race(backend: Backend) {
    let plane = backend.plane();
    for round in 0..10 {
        let run_id = format!("run-{round}");
        plane.queue("acme", &run_id, 1);
        let run = plane.claim(2).unwrap();
        let outcomes = race(&plane, 6, |control, number| match number % 3 {
            0 => control.run_commit_begin(&run.id, run.fence, 3).unwrap(),
            _ => {
                let outcome = control.run_cancel(&tenant("acme"), &run.restore_id, "bob", 3).unwrap();
                matches!(outcome, CancelOutcome::Cancelled { .. })
            }
        });
        let committing = [outcomes[0], outcomes[3]];
        let cancelled: Vec<_> = [1, 2, 4, 5].into_iter().filter(|number| outcomes[*number]).collect();
        let kept = plane.run("acme", &run_id);
        if kept.committing {
            assert_eq!((committing, cancelled.len(), kept.status), ([true; 2], 0, RunStatus::Running));
        } else {
            assert_eq!((committing, cancelled.len()), ([false; 2], 1));
            assert_eq!(kept.status, RunStatus::Cancelled);
        }
        assert!(plane.finish(&run, RunStatus::Completed, 4));
    }
}

fn of_racing_runs_of_a_configuration_one_is_queued_and_the_others_are_refused_in_words(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.restores_create(&acme, &[restore("restore-1")], 1).unwrap();
    let outcomes = race(&plane, 8, |control, number| {
        control.run_create(&acme, "restore-1", &new_run(&format!("run-{number}")), 2, admitted)
    });
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(refused.len(), 7);
    for refusal in refused {
        let StoreError::Conflict { message } = refusal else { panic!("{refusal:?}") };
        assert!(message.contains("is already running (run 'run-"), "{message}");
    }
    assert_eq!(plane.restore_get(&acme, "restore-1").unwrap().total_runs, 1);
}

fn a_configuration_is_not_deleted_while_a_run_of_it_is_being_queued(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    for round in 0..10 {
        let (restore_id, run_id) = (format!("restore-{round}"), format!("run-{round}"));
        plane.restores_create(&acme, &[restore(&restore_id)], 1).unwrap();
        let outcomes = race(&plane, 2, |control, number| match number {
            0 => control.run_create(&acme, &restore_id, &new_run(&run_id), 2, admitted).map(drop),
            _ => control.restores_delete(&acme, &[&restore_id], true, 2),
        });
        let done = outcomes.iter().map(Result::is_ok).collect::<Vec<_>>();
        assert!(done == [true, false] || done == [false, true], "{outcomes:?}");
    }
}

fn an_upload_is_not_removed_while_a_run_of_it_is_being_queued(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    for round in 0..10 {
        let restore = restore(&format!("restore-{round}"));
        let object_key = restore.source_ref.clone().unwrap();
        let (filename, created_by) = ("data.zip".to_owned(), "ann".to_owned());
        let id = format!("upload-{round}");
        let upload = NewUpload { id, object_key: object_key.clone(), filename, size_bytes: 1, created_by };
        plane.upload_create(&acme, &upload, 1).unwrap();
        plane.restores_create(&acme, std::slice::from_ref(&restore), 1).unwrap();
        let outcomes = race(&plane, 2, |control, number| match number {
            0 => {
                let run = new_run(&format!("run-{round}"));
                let mut was_kept = false;
                let admit = |_: &RestoreRecord, kept| {
                    was_kept = kept;
                    Ok::<_, StoreError>(json!({}))
                };
                control.run_create(&acme, &restore.id, &run, 2, admit).unwrap();
                was_kept
            }
            _ => control.upload_delete(&object_key).unwrap(),
        });
        assert_ne!(outcomes[0], outcomes[1], "the run reads it, or it is gone");
    }
}

fn racing_changes_of_the_same_configurations_are_all_made(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    let ids = ["restore-1", "restore-2", "restore-3"];
    plane.restores_create(&acme, &ids.map(restore), 1).unwrap();
    race(&plane, 6, |control, number| {
        let mut ids = ids;
        // Half of them ask for the same ones the other way round.
        if number >= 3 {
            ids.reverse();
        }
        let change = |_: usize, current: &RestoreRecord| {
            let name = format!("{}+", current.name);
            Ok::<_, StoreError>(NewRestore { name, ..restore(&current.id) })
        };
        control.restores_update(&acme, &ids, 2, change).unwrap();
    });
    for id in ids {
        assert_eq!(plane.restore_get(&acme, id).unwrap().name, format!("Restore {id}++++++"));
    }
}

fn a_cancelled_run_and_the_next_one_of_its_tenant_are_not_both_in_hands(backend: Backend) {
    let plane = backend.plane();
    for round in 0..10 {
        let now = i64::from(round) * MINUTE + 1;
        let (first, second) = (format!("run-{round}-a"), format!("run-{round}-b"));
        plane.queue("acme", &first, now);
        plane.queue("acme", &second, now);
        let held = plane.claim(now).unwrap();
        plane.run_cancel(&tenant("acme"), &held.restore_id, "bob", now).unwrap();
        // The clock of the one who renews is a little behind: for it the lease is still alive.
        let (late, early) = (now + 15_000_000, now + 14_999_999);
        let outcomes = race(&plane, 2, |control, number| match number {
            0 => control.run_claim("other", late, RULES).unwrap().is_some(),
            _ => {
                control.run_renew(&held.id, held.fence, early, RULES.lease_ms).unwrap() == RunState::Cancelled
            }
        });
        assert_ne!(outcomes[0], outcomes[1]);
        let next =
            if outcomes[0] { plane.run("acme", &second) } else { plane.claim(now + MINUTE / 2).unwrap() };
        assert!(plane.finish(&next, RunStatus::Completed, now));
        plane.finish(&held, RunStatus::Completed, now);
    }
}

fn statistics_of_racing_ends_add_up(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.restores_create(&acme, &[restore("restore-1")], 1).unwrap();
    for round in 0..5 {
        plane.run_again("acme", "restore-1", &format!("run-{round}"), 1).unwrap();
        let run = plane.claim(2).unwrap();
        let ended = race(&plane, 4, |control, number| {
            let status = if number % 2 == 0 { RunStatus::Completed } else { RunStatus::Failed };
            control.run_finish(&run.id, run.fence, &finish(status), 3).unwrap()
        });
        assert_eq!(ended.into_iter().filter(|ended| *ended).count(), 1);
    }
    let kept = plane.restore_get(&acme, "restore-1").unwrap();
    assert_eq!((kept.total_runs, kept.successful_runs + kept.failed_runs), (5, 5));
}
