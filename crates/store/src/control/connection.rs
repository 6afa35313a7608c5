//! The control plane's connections: many that read, a few that read for workers, and those that write.
//!
//! SQLite has one writer a file: queueing for one connection inside the process is fair and quick, where several
//! connections would poll for the file's lock. PostgreSQL's writers go side by side.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::database::Database;
use crate::database::failure::FailureKind;
use crate::database::pool::{self, Place, Pool, PooledConnection, TRUSTED_FOR, ThreadPool};
use crate::error::StoreError;
use crate::postgres::connection::PostgresAddress;
use crate::settings::StoreSettings;

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/control/sqlite");
const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/control/postgres");

/// Connections on which workers look for runs and watch over them. Each look takes a moment; two never make them
/// wait, however long the lists are that tenants read on the other connections.
const WORKER_POOL_SIZE: u32 = 2;

/// How long a sign of life may take: those who ask give up after a few seconds themselves.
const PING_WAIT: Duration = Duration::from_secs(2);

/// Begins a transaction that writes.
const SQLITE_BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// Begins a transaction that reads one state.
const SQLITE_BEGIN_READ: &str = "BEGIN";
const POSTGRES_BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How long a transaction waits for a row that another one holds, in milliseconds, before it begins again: all of
/// them are short, so a longer wait means that two wait for each other or a process stands still.
const ROW_WAIT_MS: u32 = 1_000;

/// How often a transaction is begun again that met another one and lost.
const REPEATS_MAX: u32 = 5;

/// Pause before a transaction is begun again, in milliseconds, times the tries so far.
const REPEAT_PAUSE_MS: u64 = 5;

/// The pools of one control plane.
#[derive(Debug)]
pub(super) struct Connections {
    readers: Pool,
    worker_readers: Pool,
    writers: Pool,
    begin_write: String,
    /// The server, where there is one.
    server: Option<PostgresAddress>,
}

impl Connections {
    /// Connects, makes what is missing and brings it up to date.
    pub(super) fn open(
        place: Place,
        settings: &StoreSettings,
        threads: &ThreadPool,
    ) -> Result<Self, StoreError> {
        let wait_ms = settings.busy_timeout_ms;
        let (writers, begin_write, server) = match &place {
            Place::File { .. } => (1, SQLITE_BEGIN_WRITE.to_owned(), None),
            Place::Server { address, .. } => {
                let begin = format!("BEGIN; SET LOCAL lock_timeout = {}", wait_ms.min(ROW_WAIT_MS));
                (settings.control_pool_size, begin, Some(address.clone()))
            }
        };
        let writers = pool::open(place.clone().made_durable(), writers, wait_ms, TRUSTED_FOR, threads);
        migrate(&mut *pool::get(&writers)?)?;
        let open = |size, trusted_for| pool::open(place.clone(), size, wait_ms, trusted_for, threads);
        let readers = open(settings.control_pool_size, TRUSTED_FOR);
        // Workers look seldom, and nobody waits for them.
        let worker_readers = open(WORKER_POOL_SIZE, Duration::ZERO);
        Ok(Self { readers, worker_readers, writers, begin_write, server })
    }

    /// Does `work`, which only reads, on a connection; once more where that turns out to be gone.
    pub(super) fn look<T>(
        &self,
        work: impl FnMut(&mut Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.readers.look(work)
    }

    /// A connection to read with.
    #[cfg(test)]
    pub(super) fn reader(&self) -> Result<PooledConnection, StoreError> {
        pool::get(&self.readers)
    }

    /// A connection for a worker's look at the queue or at its run, which tenants' lists cannot take up.
    pub(super) fn worker_reader(&self) -> Result<PooledConnection, StoreError> {
        pool::get(&self.worker_readers)
    }

    /// A connection for a sign of life: whoever asks wants to know soon, and lists and long waits are no reason to say
    /// that the database is away.
    pub(super) fn ping_reader(&self) -> Result<PooledConnection, StoreError> {
        pool::get_timeout(&self.worker_readers, PING_WAIT)
    }

    /// Does `work` in a transaction that sees one state of the data, however many statements it takes.
    pub(super) fn read<T>(
        &self,
        mut work: impl FnMut(&mut Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begin = if self.is_exclusive() { SQLITE_BEGIN_READ } else { POSTGRES_BEGIN_READ };
        self.look(|connection| connection.transaction_begun_by(begin, &mut work))
    }

    /// Does `work` in one transaction; on SQLite it holds the write lock from its start. On PostgreSQL a transaction
    /// that met another one and lost is done again as a whole, a few times: then `work` runs again.
    pub(super) fn write<T>(
        &self,
        mut work: impl FnMut(&mut Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut repeats = 0;
        loop {
            let begun = self.writers.begin(&self.begin_write, || pool::get(&self.writers));
            let done = begun.and_then(|mut connection| connection.ended_by(&mut work));
            match done {
                Err(StoreError::Unavailable { message }) if self.may_repeat(&message, repeats) => {
                    repeats += 1;
                    tracing::debug!(message, repeats, "a control transaction lost against another one");
                    // What it lost against is another process's and cannot be heard of.
                    std::thread::park_timeout(Duration::from_millis(REPEAT_PAUSE_MS * u64::from(repeats)));
                }
                done => return done,
            }
        }
    }

    /// Whether a transaction that failed with these words was taken back whole and can go through next time.
    fn may_repeat(&self, message: &str, repeats: u32) -> bool {
        let lost = matches!(FailureKind::of_message(message), FailureKind::Conflicting | FailureKind::Busy);
        // SQLite waited for the lock as long as it may already.
        self.server.is_some() && lost && repeats < REPEATS_MAX
    }

    /// Whether no other process works on the data.
    pub(super) fn is_exclusive(&self) -> bool {
        self.server.is_none()
    }

    /// The server, where there is one.
    pub(super) fn server(&self) -> Option<&PostgresAddress> {
        self.server.as_ref()
    }

    /// Connections open and idle, all pools together.
    pub(super) fn state(&self) -> (u32, u32) {
        let pools = [&self.readers, &self.worker_readers, &self.writers].map(Pool::state);
        pools.iter().fold((0, 0), |sum, state| (sum.0 + state.0, sum.1 + state.1))
    }
}

/// The number of the advisory lock under which one process at a time brings the tables up to date.
const MIGRATION_LOCK: i64 = 0x7265_696e_7374_0001;

/// How long a process waits for another one that is at it, in milliseconds, before it says that the database is busy.
const MIGRATION_WAIT_MS: u32 = 10_000;

fn migrate(connection: &mut Database) -> Result<(), StoreError> {
    const DOING: &str = "bringing the control database up to date";
    let failed = |message: String| match FailureKind::of_message(&message) {
        kind if kind.passes() => StoreError::Unavailable { message },
        _ => StoreError::failed(DOING, message),
    };
    match connection {
        Database::Sqlite(connection) => connection.run_pending_migrations(SQLITE_MIGRATIONS).map(drop),
        Database::Postgres(connection) => connection
            .batch_execute(&format!(
                "SET lock_timeout = {MIGRATION_WAIT_MS}; SELECT pg_advisory_lock({MIGRATION_LOCK}); \
                 CREATE SCHEMA IF NOT EXISTS reinstate"
            ))
            .map_err(Into::into)
            .and_then(|()| connection.run_pending_migrations(POSTGRES_MIGRATIONS).map(drop))
            .and_then(|()| {
                let unlock = format!("SELECT pg_advisory_unlock({MIGRATION_LOCK}); SET lock_timeout = 0");
                connection.batch_execute(&unlock).map_err(Into::into)
            }),
    }
    .map_err(|error| failed(error.to_string()))
}
