//! Hears of runs that other processes queued, and wakes the workers.
//!
//! Where the database tells (see [`reinstate_store::control::QueueWatch`]), looking for runs is only for those that
//! come back after a wait, and can be rare: an idle server costs the database next to nothing.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::jobs::Inner;

/// How long the messenger listens before it looks whether it is time to go.
const LISTEN: Duration = Duration::from_millis(500);

/// How often the clock of the database is read.
const CLOCK_EVERY: Duration = Duration::from_secs(60);

/// How much rarer an idle worker looks for runs where the database tells of new ones.
const POLL_RARER: u32 = 4;

/// Starts the messenger.
pub(crate) fn start(inner: &Arc<Inner>) -> std::io::Result<JoinHandle<()>> {
    let inner = Arc::clone(inner);
    Builder::new().name("messenger".to_owned()).spawn(move || {
        if inner.is_shared() {
            listen(&inner);
        }
    })
}

/// How long an idle worker waits before it looks again.
pub(crate) fn poll(inner: &Inner) -> Duration {
    let poll = Duration::from_millis(inner.settings.poll_ms);
    if inner.hears_of_runs() { poll * POLL_RARER } else { poll }
}

fn listen(inner: &Inner) {
    let mut watch = inner.store.control.queue_watch();
    let mut clock_read = Instant::now();
    while !inner.signal.is_stopping() {
        let heard = watch.wait(LISTEN);
        inner.note_listening(watch.is_listening());
        if heard {
            inner.signal.wake();
        }
        if clock_read.elapsed() >= CLOCK_EVERY {
            inner.follow_clock();
            clock_read = Instant::now();
        }
    }
}
