//! Waiting for locks without making others wait.
//!
//! Whoever waits for a lock that keeps others out has everybody queue up behind him. A run therefore asks for such
//! locks for a moment only, lets those go on who came after it, and asks again.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use reinstate_engine::{Cancellation, TargetError};

use super::super::target_error::failed;
use crate::database::Database;
use crate::database::failure::FailureKind;
use crate::postgres::schema::RUN_LOCK_WAIT_MS;

/// Pause between two attempts: those who queued up behind the last one get their turn.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// How long, and for whom, a run waits.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    /// How long at most for one lock.
    pub(super) limit: Duration,
    /// Asked between two attempts.
    pub(super) cancellation: Cancellation,
}

impl Patience {
    /// Tries `attempt` until it answers `true`.
    #[allow(
        clippy::disallowed_methods,
        reason = "who holds a lock of the database tells nobody when he lets go"
    )]
    pub(super) fn until(
        &self,
        mut attempt: impl FnMut() -> Result<bool, TargetError>,
    ) -> Result<(), TargetError> {
        let deadline = Instant::now() + self.limit;
        loop {
            if self.cancellation.stopped().is_some() {
                return Err(TargetError::Stopped);
            }
            if attempt()? {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let message = "others did not let go of the tenant's data in time".to_owned();
                return Err(TargetError::Unavailable { message });
            }
            std::thread::sleep(AGAIN_AFTER);
        }
    }

    /// Takes a lock by the statement `lock`, in short attempts.
    pub(super) fn lock(&self, connection: &mut Database, lock: &str) -> Result<(), TargetError> {
        let attempt = format!("SAVEPOINT attempt; SET LOCAL lock_timeout = {RUN_LOCK_WAIT_MS}; {lock}");
        self.until(|| match connection.batch_execute(&attempt) {
            Ok(()) => {
                let done = format!("RELEASE SAVEPOINT attempt; {}", self.ordinary_wait());
                connection.batch_execute(&done).map_err(|error| failed("taking a lock", error)).map(|()| true)
            }
            Err(error) if FailureKind::of(&error) == FailureKind::Busy => {
                let back = "ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt";
                connection.batch_execute(back).map_err(|error| failed("taking a lock", error)).map(|()| false)
            }
            Err(error) => Err(failed("taking a lock", error)),
        })
    }

    /// The setting for all other statements: they wait for records that somebody else is writing, and hold up
    /// nobody who does not write the same ones.
    pub(super) fn ordinary_wait(&self) -> String {
        format!("SET LOCAL lock_timeout = {}", self.limit.as_millis())
    }
}
