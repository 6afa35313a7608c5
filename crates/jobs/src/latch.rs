//! Tells a thread beside a run that the run is over.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::jobs::lock;

/// Closed until it is opened, once.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Latch {
    /// Opens it.
    pub(crate) fn open(&self) {
        *lock(&self.open) = true;
        self.changed.notify_all();
    }

    /// Opens it when the guard is dropped, by a panic too.
    pub(crate) fn opener(&self) -> Opener<'_> {
        Opener(self)
    }

    /// Waits until it is open or the time is over; says whether it is open.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let open = lock(&self.open);
        *self
            .changed
            .wait_timeout_while(open, timeout, |open| !*open)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// Opens a latch when it is dropped.
#[derive(Debug)]
pub(crate) struct Opener<'a>(&'a Latch);

impl Drop for Opener<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}
