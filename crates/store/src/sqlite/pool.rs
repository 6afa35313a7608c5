//! Pools of connections to one database file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use diesel::SqliteConnection;
use diesel::r2d2::{ConnectionManager, CustomizeConnection};
use scheduled_thread_pool::ScheduledThreadPool;

use super::connection::{CACHE_KIB, prepare};
use crate::error::{StoreError, is_busy_message};

/// A pool of connections to one file.
pub(crate) type Pool = r2d2::Pool<ConnectionManager<SqliteConnection>>;

/// A connection on loan from a [`Pool`].
pub(crate) type PooledConnection = r2d2::PooledConnection<ConnectionManager<SqliteConnection>>;

/// The threads that open connections, shared by all pools: each pool would otherwise start three of its own.
pub(crate) type ThreadPool = Arc<ScheduledThreadPool>;

/// Threads that open connections for all pools of the store together.
const OPENING_THREADS: usize = 2;

/// How long a caller waits for a connection to come free beyond the wait of a writer for its turn.
const CHECKOUT_MARGIN_MS: u64 = 1_000;

/// Makes the threads that all pools share.
pub(crate) fn threads() -> ThreadPool {
    Arc::new(
        ScheduledThreadPool::builder()
            .num_threads(OPENING_THREADS)
            .thread_name_pattern("store-open-{}")
            .build(),
    )
}

/// Makes a pool for the database file at `path`; connections are opened when they are first needed.
pub(crate) fn open(
    path: &Path,
    size: u32,
    busy_timeout_ms: u32,
    threads: &ThreadPool,
) -> Result<Pool, StoreError> {
    let path =
        path.to_str().ok_or_else(|| StoreError::failed("opening the database", "its path is not UTF-8"))?;
    // No idle time-out here: r2d2 keeps a timer for each pool that ever had one, even after the pool is gone.
    // Idle tenants are closed as a whole instead.
    Ok(r2d2::Pool::builder()
        .max_size(size.max(1))
        .min_idle(Some(0))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_on_check_out(false)
        .connection_timeout(Duration::from_millis(u64::from(busy_timeout_ms) + CHECKOUT_MARGIN_MS))
        .thread_pool(Arc::clone(threads))
        .connection_customizer(Box::new(Customizer { busy_timeout_ms }))
        .build_unchecked(ConnectionManager::new(path)))
}

/// Takes a connection out of a pool.
pub(crate) fn get(pool: &Pool) -> Result<PooledConnection, StoreError> {
    get_timeout(pool, pool.connection_timeout())
}

/// Takes a connection out of a pool, waiting for it no longer than `wait`.
pub(crate) fn get_timeout(pool: &Pool, wait: Duration) -> Result<PooledConnection, StoreError> {
    pool.get_timeout(wait).map_err(|error| {
        let message = error.to_string();
        // r2d2 adds what went wrong where connections could not even be opened; else all were in use.
        let could_not_open = message.contains(':') && !is_busy_message(&message);
        if could_not_open {
            StoreError::failed("opening the database", message)
        } else {
            StoreError::Unavailable { message }
        }
    })
}

#[derive(Debug)]
struct Customizer {
    busy_timeout_ms: u32,
}

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Customizer {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        prepare(connection, self.busy_timeout_ms, CACHE_KIB).map_err(diesel::r2d2::Error::QueryError)
    }
}
