//! Workers of processes that die.

use reinstate_engine::{Cancellation, Clock, Counters, RunMark};
use reinstate_jobs::SystemClock;
use reinstate_store::control::{ClaimRules, ClaimedRun};
use reinstate_store::{RunToken, Store};

use crate::backend::Backend;
use crate::harness::*;

pub(crate) const RULES: ClaimRules = ClaimRules { lease_ms: 600_000, attempts_max: 3 };

/// A worker takes the run and is never heard of again.
pub(crate) fn take_and_die(store: &Store) -> ClaimedRun {
    store.control.run_claim("dead", SystemClock.now_micros(), RULES).unwrap().unwrap()
}

/// What a worker does last before its process may die: leave to commit, and the commit.
pub(crate) fn commit(store: &Store, claimed: &ClaimedRun, counters: Counters) {
    let run = &claimed.run;
    assert!(store.control.run_commit_begin(&run.id, run.fence, SystemClock.now_micros()).unwrap());
    let token = RunToken { run_id: &run.id, fence: run.fence };
    let tenant = store.tenants.open(&tenant_id("acme")).unwrap();
    let target = tenant.target(token, &Cancellation::default()).unwrap();
    let mark = RunMark { run_id: run.id.clone(), fence: run.fence, counters };
    target.commit(&mark).unwrap();
}

/// A house without workers, with one import queued; its workers start with the next [`House::restart_with`].
pub(crate) fn idle_house_with_import(backend: Backend) -> (House, String) {
    let house = House::with(backend, |settings| settings.workers = 0);
    let run_id = house.import("acme", &notes(&lines(0, 10))).run_id;
    (house, run_id)
}

pub(crate) fn with_workers(house: House, between: impl FnOnce(&Store)) -> House {
    house.restart_with(|settings| settings.workers = 1, between)
}
