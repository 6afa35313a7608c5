//! The control plane's connections: many that read, a few that read for workers, one that writes.
//!
//! SQLite has one writer a file. Queueing for one connection inside the process is fair and quick, where
//! several connections would poll for the file's lock.

use std::path::Path;
use std::time::Duration;

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection;
use diesel::r2d2::{ConnectionManager, CustomizeConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::StoreError;
use crate::settings::StoreSettings;
use crate::sqlite::connection::{CACHE_KIB, prepare};
use crate::sqlite::pool;
use crate::sqlite::{Pool, PooledConnection, ThreadPool};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/control/sqlite");

/// How long a caller waits for a connection beyond the database's own wait for its lock.
const CHECKOUT_MARGIN_MS: u64 = 1_000;

/// Connections on which workers look for runs and watch over them. Each look takes a moment; two never make them
/// wait, however long the lists are that tenants read on the other connections.
const WORKER_POOL_SIZE: u32 = 2;

/// The pools of one control file.
#[derive(Debug)]
pub(super) struct Connections {
    readers: Pool,
    worker_readers: Pool,
    writer: Pool,
}

impl Connections {
    /// Opens the file, makes it where it is missing and brings it up to date.
    pub(super) fn open(
        path: &Path,
        settings: &StoreSettings,
        threads: &ThreadPool,
    ) -> Result<Self, StoreError> {
        let writer = writer(path, settings.busy_timeout_ms, threads)?;
        pool::get(&writer)?.run_pending_migrations(MIGRATIONS).map_err(|error| {
            StoreError::failed("bringing the control database up to date", error.to_string())
        })?;
        let open = |size| pool::open(path, size, settings.busy_timeout_ms, threads);
        let (readers, worker_readers) = (open(settings.control_pool_size)?, open(WORKER_POOL_SIZE)?);
        Ok(Self { readers, worker_readers, writer })
    }

    /// A connection to read with.
    pub(super) fn reader(&self) -> Result<PooledConnection, StoreError> {
        pool::get(&self.readers)
    }

    /// A connection for a worker's look at the queue or at its run, which tenants' lists cannot take up.
    pub(super) fn worker_reader(&self) -> Result<PooledConnection, StoreError> {
        pool::get(&self.worker_readers)
    }

    /// Does `work` in one transaction that holds the write lock from its start.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        pool::get(&self.writer)?.immediate_transaction(work)
    }

    /// Connections open and idle, all pools together.
    pub(super) fn state(&self) -> (u32, u32) {
        let pools = [&self.readers, &self.worker_readers, &self.writer].map(Pool::state);
        pools
            .iter()
            .fold((0, 0), |(open, idle), pool| (open + pool.connections, idle + pool.idle_connections))
    }
}

fn writer(path: &Path, busy_timeout_ms: u32, threads: &ThreadPool) -> Result<Pool, StoreError> {
    let text =
        path.to_str().ok_or_else(|| StoreError::failed("opening the database", "its path is not UTF-8"))?;
    Ok(r2d2::Pool::builder()
        .max_size(1)
        .min_idle(Some(0))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_on_check_out(false)
        .connection_timeout(Duration::from_millis(u64::from(busy_timeout_ms) + CHECKOUT_MARGIN_MS))
        .thread_pool(ThreadPool::clone(threads))
        .connection_customizer(Box::new(Durable { busy_timeout_ms }))
        .build_unchecked(ConnectionManager::new(text)))
}

/// Makes every transaction survive a loss of power: an accepted run must not be forgotten, and a tenant's
/// commit must never be on disk while the word that announced it is not.
#[derive(Debug)]
struct Durable {
    busy_timeout_ms: u32,
}

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Durable {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        prepare(connection, self.busy_timeout_ms, CACHE_KIB)
            .and_then(|()| connection.batch_execute("PRAGMA synchronous = FULL"))
            .map_err(diesel::r2d2::Error::QueryError)
    }
}
