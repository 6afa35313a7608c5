//! Beside each run: renews its lease, looks out for a cancel, and stops the run where the lease cannot be renewed.

use std::time::{Duration, Instant};

use reinstate_engine::{Cancellation, Stop};
use reinstate_store::StoreError;
use reinstate_store::control::{RunRecord, RunState};

use crate::jobs::Inner;
use crate::latch::Latch;
use crate::lease::Lease;

/// Watches over a run until `done`. `ask` learns how it stands with the run, and renews its lease where it is told to.
/// Asks the run to stop where it was cancelled or lost; goes on renewing then,
/// because the tenant's place is free only when the worker let go.
pub(crate) fn watch(
    inner: &Inner,
    lease: &Lease,
    cancellation: &Cancellation,
    done: &Latch,
    ask: impl Fn(bool) -> Result<RunState, StoreError>,
) {
    let poll = Duration::from_millis(inner.settings.cancel_poll_ms);
    while !done.wait(poll) {
        let renew = lease.is_due();
        let asked = Instant::now();
        match ask(renew) {
            Ok(state) => {
                if renew && state != RunState::Lost {
                    lease.renew(asked);
                }
                follow(state, cancellation);
            }
            Err(error) => tracing::warn!(%error, "could not look after the run"),
        }
    }
}

/// Asks the run to stop before its lease ends, even while the watcher waits for an answer of the database.
pub(crate) fn guard(lease: &Lease, cancellation: &Cancellation, done: &Latch) {
    loop {
        let left = lease.left();
        if left.is_zero() {
            tracing::warn!("the lease could not be renewed in time");
            return cancellation.stop(Stop::LeaseLost);
        }
        if done.wait(left) {
            return;
        }
    }
}

/// How it stands with a restore's run.
pub(crate) fn ask(inner: &Inner, run: &RunRecord, renew: bool) -> Result<RunState, StoreError> {
    let control = &inner.store.control;
    if renew {
        control.run_renew(&run.id, run.fence, inner.now(), inner.settings.lease_ms)
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
