//! How threads of this process hear that something changed, without asking the database.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Rings for everybody who waits.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rings: Mutex<u64>,
    changed: Condvar,
}

impl Bell {
    /// Wakes everybody who waits.
    pub(super) fn ring(&self) {
        // A count cannot be left half changed by a panic.
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// How often it rang so far.
    pub(super) fn rings(&self) -> u64 {
        *self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it rang more often than `heard`, `limit` at most; says how often it rang so far.
    pub(super) fn wait(&self, heard: u64, limit: Duration) -> u64 {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(rings, limit, |rings| *rings == heard);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
