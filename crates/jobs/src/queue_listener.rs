//! Hears of runs that other processes queued, put back or let go of, and wakes the workers.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::jobs::Inner;

/// How soon the listener notices that it is time to go.
const LOOK_AROUND: Duration = Duration::from_millis(100);

/// Time between two looks at the server's clock: clocks of machines drift by milliseconds in that time.
const CLOCK_ROUND: Duration = Duration::from_secs(60);

/// Starts to listen.
pub(crate) fn start(inner: &Arc<Inner>) -> std::io::Result<JoinHandle<()>> {
    let inner = Arc::clone(inner);
    Builder::new().name("queue-listener".to_owned()).spawn(move || listen(&inner))
}

fn listen(inner: &Inner) {
    let mut watch = inner.store.control.queue_watch();
    let mut clock_set = Instant::now();
    // Runs that go on after the others were told to stop are still measured by the clock.
    while !inner.signal.is_stopping() {
        if watch.wait(LOOK_AROUND) {
            inner.signal.wake();
        }
        inner.signal.set_listening(watch.is_listening());
        if clock_set.elapsed() >= CLOCK_ROUND {
            clock_set = Instant::now();
            if let Err(error) = inner.clock.set(&inner.store) {
                tracing::warn!(%error, "could not ask the database for the time; asking again later");
            }
        }
    }
    inner.signal.set_listening(false);
}
