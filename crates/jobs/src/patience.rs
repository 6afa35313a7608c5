//! Writing down what must not be lost, while the database is busy or away.

use std::time::{Duration, Instant};

use reinstate_store::StoreError;

use crate::jobs::Inner;

/// How long a worker goes on trying. Past its lease another worker may find out by the mark what became of the run; but
/// while nobody reaches the database, trying is all that there is to do, and the fencing number keeps late words out.
const PATIENCE: Duration = Duration::from_secs(600);

/// The same where the server is told to stop at once.
const PATIENCE_STOPPING: Duration = Duration::from_secs(10);

/// First pause between two tries; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(100);

/// Longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Tries again while the database is busy or away.
pub(crate) fn persist<T>(inner: &Inner, work: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let begin = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        let is_stopping = inner.signal.is_stopping_now();
        let patience = if is_stopping { PATIENCE_STOPPING } else { PATIENCE };
        match work() {
            Err(StoreError::Unavailable { message }) if begin.elapsed() < patience => {
                tracing::warn!(message, "the database is busy or away; trying again");
                if is_stopping {
                    // Nothing is left to wait for but the database.
                    std::thread::park_timeout(PAUSE_FIRST);
                } else {
                    inner.signal.pause_through_stop(pause);
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
            result => return result,
        }
    }
}
