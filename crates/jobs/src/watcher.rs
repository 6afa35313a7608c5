//! Beside each run: renews its lease and looks out for a cancel.

use std::time::{Duration, Instant};

use reinstate_engine::{Cancellation, Stop};
use reinstate_store::StoreError;
use reinstate_store::control::{RunRecord, RunState};

use crate::jobs::Inner;
use crate::latch::Latch;

/// Signs of life within one lease: two may be lost before the run is.
const RENEWALS_PER_LEASE: u32 = 3;

/// Watches over a run until `done`. Asks the run to stop where it was cancelled or lost; goes on renewing then,
/// because the tenant's place is free only when the worker let go.
pub(crate) fn watch(inner: &Inner, run: &RunRecord, cancellation: &Cancellation, done: &Latch) {
    let lease = Duration::from_millis(inner.settings.lease_ms);
    let poll = Duration::from_millis(inner.settings.cancel_poll_ms);
    let mut renewed = Instant::now();
    while !done.wait(poll) {
        let renew = renewed.elapsed() >= lease / RENEWALS_PER_LEASE;
        let asked = Instant::now();
        match ask(inner, run, renew) {
            Ok(state) => {
                if renew {
                    renewed = asked;
                }
                follow(state, cancellation);
            }
            Err(error) => {
                tracing::warn!(%error, "could not look after the run");
                if renewed.elapsed() >= lease {
                    cancellation.stop(Stop::LeaseLost);
                }
            }
        }
    }
}

fn ask(inner: &Inner, run: &RunRecord, renew: bool) -> Result<RunState, StoreError> {
    let control = &inner.store.control;
    if renew {
        control.run_renew(&run.id, run.fence, inner.lease_now(), inner.settings.lease_ms)
    } else {
        control.run_state(&run.id, run.fence)
    }
}

/// Asks the run to stop where it was cancelled or lost.
pub(crate) fn follow(state: RunState, cancellation: &Cancellation) {
    match state {
        RunState::Held => {}
        RunState::Cancelled => cancellation.stop(Stop::Cancelled),
        RunState::Lost => cancellation.stop(Stop::LeaseLost),
    }
}
