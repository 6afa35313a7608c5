//! Several processes on one database, each with several workers.

use std::collections::HashMap;
use std::sync::Mutex;

use super::*;

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const RUNS_PER_TENANT: usize = 6;
const WORKERS_PER_PROCESS: usize = 3;

on_both! {
    racing_workers_take_each_run_once_and_in_the_order_of_its_tenant,
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
