//! Ends the statement of a run that was asked to stop.
//!
//! The engine looks for such a wish between two batches. A statement that takes long (an index, a copy of a table,
//! a wait for records that somebody else writes) is told from another connection to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use reinstate_engine::Cancellation;

use crate::postgres::connection;
use crate::settings::PostgresAddress;

/// Pause between two looks: with the way to the server a cancel is followed well within 250 ms.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Watches over one run; ends with the value.
#[derive(Debug)]
pub(super) struct Canceller {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    done: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Canceller {
    /// Watches over the connection whose server process has the number `pid`.
    pub(super) fn watch(
        address: PostgresAddress,
        pid: i64,
        cancellation: Cancellation,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("run-canceller".to_owned())
            .spawn(move || theirs.watch(&address, pid, &cancellation))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Stops watching; when it returns nothing is being cancelled any more.
    pub(super) fn end(&mut self) {
        // Under the lock, so that the watcher is not about to wait for what it was told.
        let guard = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.done.store(true, Ordering::Release);
        self.shared.changed.notify_all();
        drop(guard);
        if let Some(thread) = self.thread.take() {
            // A watcher that panicked watches no more, which is what is wanted.
            let _ = thread.join();
        }
    }
}

impl Drop for Canceller {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn watch(&self, address: &PostgresAddress, pid: i64, cancellation: &Cancellation) {
        while !self.is_done() {
            if cancellation.stopped().is_some() {
                self.cancel(address, pid);
            }
            let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.is_done() {
                // Whether it was told or ran out, it looks again.
                let _ = self.changed.wait_timeout(guard, LOOK_EVERY);
            }
        }
    }

    fn cancel(&self, address: &PostgresAddress, pid: i64) {
        let told = connection::open(address).map_err(|error| error.to_string()).and_then(|mut connection| {
            if self.is_done() {
                return Ok(());
            }
            let sql = format!("SELECT pg_cancel_backend({pid})");
            connection.batch_execute(&sql).map_err(|error| error.to_string())
        });
        if let Err(error) = told {
            tracing::debug!(error, "a statement could not be told to end");
        }
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}
