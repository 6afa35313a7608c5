//! Pools of connections to one place: a file, or a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::r2d2::R2D2Connection;
use diesel::{ConnectionError, SqliteConnection};
use scheduled_thread_pool::ScheduledThreadPool;

use super::Database;
use super::failure::FailureKind;
use crate::error::StoreError;
use crate::postgres::connection::PostgresAddress;
use crate::sqlite::connection::CACHE_KIB;
use crate::{postgres, sqlite};

/// A pool of connections to one place.
pub(crate) type Pool = r2d2::Pool<Manager>;

/// A connection on loan from a [`Pool`].
pub(crate) type PooledConnection = r2d2::PooledConnection<Manager>;

/// The threads that open connections, shared by all pools: each pool would otherwise start three of its own.
pub(crate) type ThreadPool = Arc<ScheduledThreadPool>;

/// Threads that open connections for all pools of the store together.
const OPENING_THREADS: usize = 2;

/// How long a caller waits for a connection to come free beyond the wait of a writer for its turn.
const CHECKOUT_MARGIN_MS: u64 = 1_000;

/// How long a server lets a transaction of a pool's connection hold its locks while nothing is asked of it. Such
/// transactions are short; one that idles belongs to a process that stands still, and others wait for its rows.
const PATIENCE_OF_SERVER: &str = "SET idle_in_transaction_session_timeout = '10s'";

/// Where connections lead, and how they are set up.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A file of SQLite's.
    File {
        /// The file; made where it is missing.
        path: PathBuf,
        /// How long a statement waits for the file's lock, in milliseconds.
        busy_timeout_ms: u32,
        /// Whether every transaction must survive a loss of power, not only a crash of the process.
        durable: bool,
    },
    /// A server of PostgreSQL's.
    Server {
        /// Its address.
        address: PostgresAddress,
        /// How long a statement outside of our transactions, which set their own, waits for a lock, in milliseconds; 0
        /// for as long as it takes.
        lock_timeout_ms: u32,
    },
}

impl Place {
    /// The same place with transactions that survive a loss of power; a server's do so anyway.
    pub(crate) fn made_durable(self) -> Self {
        match self {
            Self::File { path, busy_timeout_ms, .. } => Self::File { path, busy_timeout_ms, durable: true },
            server @ Self::Server { .. } => server,
        }
    }

    /// Opens a connection.
    pub(crate) fn open(&self) -> Result<Database, ConnectionError> {
        match self {
            Self::File { path, busy_timeout_ms, durable } => {
                let connection = open_file(path, *busy_timeout_ms, *durable)?;
                Ok(Database::Sqlite(connection))
            }
            Self::Server { address, lock_timeout_ms } => {
                let mut connection = postgres::connection::open(address)?;
                connection
                    .batch_execute(&format!("{PATIENCE_OF_SERVER}; SET lock_timeout = {lock_timeout_ms}"))
                    .map_err(ConnectionError::CouldntSetupConfiguration)?;
                Ok(Database::Postgres(connection))
            }
        }
    }
}

fn open_file(
    path: &std::path::Path,
    busy_timeout_ms: u32,
    durable: bool,
) -> Result<SqliteConnection, ConnectionError> {
    let mut connection = sqlite::connection::open(path, busy_timeout_ms, CACHE_KIB)?;
    if durable {
        connection
            .batch_execute("PRAGMA synchronous = FULL")
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok(connection)
}

/// Opens connections for a pool, and throws broken ones away.
#[derive(Debug)]
pub(crate) struct Manager(Place);

impl r2d2::ManageConnection for Manager {
    type Connection = Database;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Database, Self::Error> {
        self.0.open().map_err(diesel::r2d2::Error::ConnectionError)
    }

    fn is_valid(&self, connection: &mut Database) -> Result<(), Self::Error> {
        match connection {
            Database::Sqlite(connection) => connection.ping(),
            Database::Postgres(connection) => connection.ping(),
        }
        .map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, connection: &mut Database) -> bool {
        std::thread::panicking()
            || match connection {
                Database::Sqlite(connection) => connection.is_broken(),
                Database::Postgres(connection) => connection.is_broken(),
            }
    }
}

/// Makes the threads that all pools share.
pub(crate) fn threads() -> ThreadPool {
    Arc::new(
        ScheduledThreadPool::builder()
            .num_threads(OPENING_THREADS)
            .thread_name_pattern("store-open-{}")
            .build(),
    )
}

/// Makes a pool; connections are opened when they are first needed. `wait_ms`: how long a caller waits for
/// its turn, in milliseconds.
pub(crate) fn open(place: Place, size: u32, wait_ms: u32, threads: &ThreadPool) -> Pool {
    // A server may have gone since a connection was last used; a file does not.
    let may_go = matches!(place, Place::Server { .. });
    // No idle time-out here: r2d2 keeps a timer for each pool that ever had one, even after the pool is gone.
    // Idle tenants are closed as a whole instead.
    r2d2::Pool::builder()
        .max_size(size.max(1))
        .min_idle(Some(0))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_on_check_out(may_go)
        .connection_timeout(Duration::from_millis(u64::from(wait_ms) + CHECKOUT_MARGIN_MS))
        .thread_pool(Arc::clone(threads))
        .build_unchecked(Manager(place))
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
        let could_not_open = message.contains(':') && !FailureKind::of_message(&message).passes();
        if could_not_open {
            StoreError::failed("opening the database", message)
        } else {
            StoreError::Unavailable { message }
        }
    })
}
