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
use crate::postgres::schema::{CATALOG_ALONE, RUN_LOCK_WAIT_MS, Schema};

/// Pause between two attempts: those who queued up behind the last one get their turn.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Longest pause before a run asks again to have the tenant to itself. Each is twice as long as the one before, so that
/// a run that waits long holds others up for a sixth of the time.
const ALONE_AGAIN_AFTER_MAX: Duration = Duration::from_secs(1);

/// How many times as long as for other locks a run waits to have the tenant to itself: all its work is done by then,
/// and somebody's long look at the tenant must not bring it to nothing.
const ALONE_PATIENCE: u32 = 10;

/// How many times as long as for other locks a run and an extract wait for each other: an extract takes minutes.
const EXTRACT_PATIENCE: u32 = 60;

/// How long a run waits for extracts, and an extract for a run that waits for others before it, in milliseconds.
pub(super) const fn extract_wait_ms(wait_ms: u32) -> u32 {
    // The server counts in 31 bits.
    let wait_ms = wait_ms.saturating_mul(EXTRACT_PATIENCE);
    if wait_ms > i32::MAX.cast_unsigned() { i32::MAX.cast_unsigned() } else { wait_ms }
}

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
    pub(super) fn until(
        &self,
        attempt: impl FnMut() -> Result<bool, TargetError>,
    ) -> Result<(), TargetError> {
        self.until_within(self.limit, AGAIN_AFTER, attempt)
    }

    /// Tries `attempt` until it answers `true`, for `limit` at most, with pauses that grow up to `pause_max`.
    #[allow(
        clippy::disallowed_methods,
        reason = "who holds a lock of the database tells nobody when he lets go"
    )]
    fn until_within(
        &self,
        limit: Duration,
        pause_max: Duration,
        mut attempt: impl FnMut() -> Result<bool, TargetError>,
    ) -> Result<(), TargetError> {
        let deadline = Instant::now() + limit;
        let mut pause = AGAIN_AFTER;
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
            std::thread::sleep(pause);
            pause = (pause * 2).min(pause_max);
        }
    }

    /// Takes a lock by the statement `lock`, in short attempts.
    pub(super) fn lock(&self, connection: &mut Database, lock: &str) -> Result<(), TargetError> {
        self.until(|| self.attempt(connection, lock))
    }

    /// Has the tenant to itself from here to the end of the transaction, and `tables` of it in the same moment: a reader
    /// may have one of them and wait for the catalog, and then the two would wait for each other. Extracts, which read
    /// for minutes, are waited for without a word to anybody else; for other readers and writers it is asked in short
    /// attempts.
    pub(super) fn lock_alone(
        &self,
        connection: &mut Database,
        schema: &Schema,
        tables: &[String],
    ) -> Result<(), TargetError> {
        let wait_ms = u32::try_from(self.limit.as_millis()).unwrap_or(u32::MAX);
        let extracts = format!(
            "SET LOCAL lock_timeout = {}; SELECT pg_catalog.pg_advisory_xact_lock({}); {}",
            extract_wait_ms(wait_ms),
            schema.extract_lock(),
            self.ordinary_wait()
        );
        connection.batch_execute(&extracts).map_err(|error| failed("waiting for extracts", error))?;
        let limit = self.limit.saturating_mul(ALONE_PATIENCE);
        let mut lock = CATALOG_ALONE.to_owned();
        if !tables.is_empty() {
            lock = format!("{lock}; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", "));
        }
        self.until_within(limit, ALONE_AGAIN_AFTER_MAX, || self.attempt(connection, &lock))
    }

    /// Asks for a lock for a moment, and says whether it is taken.
    pub(super) fn attempt(&self, connection: &mut Database, lock: &str) -> Result<bool, TargetError> {
        let attempt = format!("SAVEPOINT attempt; SET LOCAL lock_timeout = {RUN_LOCK_WAIT_MS}; {lock}");
        let (end, is_taken) = match connection.batch_execute(&attempt) {
            Ok(()) => (format!("RELEASE SAVEPOINT attempt; {}", self.ordinary_wait()), true),
            Err(error) if FailureKind::of(&error) == FailureKind::Busy => {
                ("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt".to_owned(), false)
            }
            Err(error) => return Err(failed("taking a lock", error)),
        };
        connection.batch_execute(&end).map_err(|error| failed("taking a lock", error))?;
        Ok(is_taken)
    }

    /// The setting for all other statements: they wait for records that somebody else is writing, and hold up
    /// nobody who does not write the same ones.
    pub(super) fn ordinary_wait(&self) -> String {
        format!("SET LOCAL lock_timeout = {}", self.limit.as_millis())
    }
}
