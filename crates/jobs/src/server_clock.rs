//! The time that processes on one database agree on.
//!
//! Leases are instants that one process writes and another one compares with its own clock. Clocks of machines differ,
//! so that on a server's database its clock is what counts: it is asked now and then, and carried on in between by the
//! machine's monotonic clock, which nobody sets.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reinstate_engine::Clock;
use reinstate_store::{Store, StoreError};

use crate::jobs::lock;

/// Longest answer that still tells the time: an instant may be wrong by half of it.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// The server's clock, where there is one; else the machine's.
pub(crate) struct ServerClock {
    machine: Arc<dyn Clock>,
    heard: Mutex<Option<Heard>>,
}

/// What the server said, and when.
#[derive(Debug, Clone, Copy)]
struct Heard {
    micros: i64,
    at: Instant,
}

impl ServerClock {
    /// Goes by the machine's clock until the server's is asked, which an embedded database has none of.
    pub(crate) fn new(machine: Arc<dyn Clock>) -> Self {
        Self { machine, heard: Mutex::default() }
    }

    /// Asks the server for the time, and goes by that from now on.
    pub(crate) fn set(&self, store: &Store) -> Result<(), StoreError> {
        let asked = Instant::now();
        let micros = store.control.clock_micros()?;
        let took = asked.elapsed();
        let mut heard = lock(&self.heard);
        // A slow answer is better than none, but no better than an earlier quick one.
        if took <= ANSWER_MAX || heard.is_none() {
            *heard = Some(Heard { micros, at: asked + took / 2 });
        }
        Ok(())
    }
}

impl Clock for ServerClock {
    fn now_micros(&self) -> i64 {
        match *lock(&self.heard) {
            None => self.machine.now_micros(),
            Some(Heard { micros, at }) => {
                micros.saturating_add(i64::try_from(at.elapsed().as_micros()).unwrap_or(i64::MAX))
            }
        }
    }
}
