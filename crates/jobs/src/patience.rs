//! Writing down what must not be lost, while the database is only busy.

use std::time::Duration;

use reinstate_store::StoreError;

use crate::jobs::Inner;

/// How often a worker tries to write something down that must not be lost.
const TRIES_MAX: usize = 20;

/// Wait between two such tries.
const TRY_WAIT: Duration = Duration::from_millis(500);

/// Tries again while the database is only busy.
pub(crate) fn persist<T>(inner: &Inner, work: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut tries = 1;
    loop {
        match work() {
            Err(StoreError::Unavailable { message }) if tries < TRIES_MAX => {
                tracing::warn!(message, tries, "the database is busy; trying again");
                inner.signal.pause_through_stop(TRY_WAIT);
                tries += 1;
            }
            result => return result,
        }
    }
}
