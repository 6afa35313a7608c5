//! Pools of connections to one place: a file, or a server.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::r2d2::R2D2Connection;
use diesel::{ConnectionError, SqliteConnection};
use scheduled_thread_pool::ScheduledThreadPool;

use super::Database;
use super::failure::FailureKind;
use super::kept::Kept;
use crate::error::StoreError;
use crate::postgres::connection::PostgresAddress;
use crate::sqlite::connection::CACHE_KIB;
use crate::{postgres, sqlite};

/// A pool of connections to one place; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    connections: r2d2::Pool<Manager>,
    trust: Arc<Trust>,
}

/// A connection on loan from a [`Pool`].
pub(crate) struct PooledConnection(r2d2::PooledConnection<Manager>);

/// How long a connection to a server counts as alive after it was last heard of. To ask costs as much as a short
/// statement, so it is not done between requests that follow each other; whoever finds a connection gone in spite of
/// that begins again on one that was asked (see [`Pool::look`] and [`Pool::begin`]).
pub(crate) const TRUSTED_FOR: Duration = Duration::from_secs(1);

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
pub(crate) struct Manager {
    place: Place,
    trust: Arc<Trust>,
}

/// A connection of a pool.
pub(crate) struct Held {
    database: Database,
    /// When it was last known to be alive.
    heard_at: Instant,
    /// The statements that it keeps prepared.
    kept: RefCell<Kept>,
    /// Whether it did not answer when it was asked after a failure.
    is_gone: bool,
}

/// Which connections count as alive without being asked.
#[derive(Debug)]
pub(crate) struct Trust {
    /// How long a connection counts as alive after it was heard of.
    lasts: Duration,
    /// What the next figure counts from.
    since: Instant,
    /// Connections that were last heard of before this are asked, in microseconds.
    broken_at_micros: AtomicU64,
}

impl Trust {
    fn lasting(lasts: Duration) -> Self {
        Self { lasts, since: Instant::now(), broken_at_micros: AtomicU64::new(0) }
    }

    /// No connection counts as alive any more that was not heard of after this moment: where one is gone, the server
    /// may be, and with it all others.
    fn withdraw(&self) {
        let now = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1);
        self.broken_at_micros.fetch_max(now, Ordering::AcqRel);
    }

    fn covers(&self, heard_at: Instant) -> bool {
        let broken_at = Duration::from_micros(self.broken_at_micros.load(Ordering::Acquire));
        heard_at.elapsed() < self.lasts && heard_at.saturating_duration_since(self.since) > broken_at
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Held;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Held, Self::Error> {
        let database = self.place.open().map_err(diesel::r2d2::Error::ConnectionError)?;
        Ok(Held { database, heard_at: Instant::now(), kept: RefCell::default(), is_gone: false })
    }

    fn is_valid(&self, held: &mut Held) -> Result<(), Self::Error> {
        if self.trust.covers(held.heard_at) {
            return Ok(());
        }
        match &mut held.database {
            Database::Sqlite(connection) => connection.ping(),
            Database::Postgres(connection) => connection.ping(),
        }
        .map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, held: &mut Held) -> bool {
        let is_broken = held.is_gone || held.database.is_broken();
        if is_broken {
            self.trust.withdraw();
        } else {
            held.heard_at = Instant::now();
        }
        std::thread::panicking() || is_broken
    }
}

impl Deref for PooledConnection {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.0.database
    }
}

impl DerefMut for PooledConnection {
    fn deref_mut(&mut self) -> &mut Database {
        &mut self.0.database
    }
}

impl PooledConnection {
    /// The connection with what says which statements it keeps prepared. Those that are stale are let go before, which
    /// must not be within a transaction.
    pub(crate) fn keeping(&mut self) -> (&mut Database, &RefCell<Kept>) {
        let Held { database, kept, .. } = &mut *self.0;
        if kept.get_mut().is_stale() {
            kept.get_mut().clear();
            // Where the server does not answer, the statement that comes next says so.
            if let Err(error) = database.forget_statements() {
                tracing::debug!(%error, "statements could not be let go");
            }
        }
        (database, kept)
    }

    /// [`PooledConnection::keeping`] within a transaction: nothing is let go.
    pub(crate) fn parts(&mut self) -> (&mut Database, &RefCell<Kept>) {
        let Held { database, kept, .. } = &mut *self.0;
        (database, kept)
    }
}

impl Pool {
    /// Does `work`, which only reads, on a connection. Where that turns out to be gone, `work` is done once more on one
    /// that is there: what it read before came to nobody.
    pub(crate) fn look<T>(
        &self,
        mut work: impl FnMut(&mut Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = get(self)?;
        match work(&mut connection) {
            Err(_) if self.give_back_failed(connection) => work(&mut *get(self)?),
            done => done,
        }
    }

    /// Begins a transaction by the statements `begin` on a connection that `take` gets out of this pool. Where that
    /// turns out to be gone, on another one: nothing was begun on it that could have been done.
    pub(crate) fn begin(
        &self,
        begin: &str,
        take: impl Fn() -> Result<PooledConnection, StoreError>,
    ) -> Result<PooledConnection, StoreError> {
        let mut connection = take()?;
        match connection.begin(begin) {
            Ok(()) => Ok(connection),
            Err(_) if self.give_back_failed(connection) => {
                let mut connection = take()?;
                connection.begin(begin)?;
                Ok(connection)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a connection back after a failure, and says whether it is gone. If so, the next one is asked whether it is
    /// there.
    pub(crate) fn give_back_failed(&self, mut connection: PooledConnection) -> bool {
        let held = &mut *connection.0;
        let Database::Postgres(server) = &mut held.database else { return false };
        // Where a statement could not even be prepared, diesel does not take notice, so that it has to be asked.
        held.is_gone = server.is_broken() || server.ping().is_err();
        if held.is_gone {
            self.trust.withdraw();
        }
        held.is_gone
    }

    /// Connections that are open, and those of them that are idle.
    pub(crate) fn state(&self) -> (u32, u32) {
        let state = self.connections.state();
        (state.connections, state.idle_connections)
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
/// its turn, in milliseconds. `trusted_for`: how long a connection to a server counts as alive after it was heard of.
pub(crate) fn open(
    place: Place,
    size: u32,
    wait_ms: u32,
    trusted_for: Duration,
    threads: &ThreadPool,
) -> Pool {
    // A server may have gone since a connection was last used; a file does not.
    let may_go = matches!(place, Place::Server { .. });
    let trust = Arc::new(Trust::lasting(trusted_for));
    // No idle time-out here: r2d2 keeps a timer for each pool that ever had one, even after the pool is gone.
    // Idle tenants are closed as a whole instead.
    let connections = r2d2::Pool::builder()
        .max_size(size.max(1))
        .min_idle(Some(0))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_on_check_out(may_go)
        .connection_timeout(Duration::from_millis(u64::from(wait_ms) + CHECKOUT_MARGIN_MS))
        .thread_pool(Arc::clone(threads))
        .build_unchecked(Manager { place, trust: Arc::clone(&trust) });
    Pool { connections, trust }
}

/// Takes a connection out of a pool.
pub(crate) fn get(pool: &Pool) -> Result<PooledConnection, StoreError> {
    get_timeout(pool, pool.connections.connection_timeout())
}

/// Takes a connection out of a pool, waiting for it no longer than `wait`.
pub(crate) fn get_timeout(pool: &Pool, wait: Duration) -> Result<PooledConnection, StoreError> {
    pool.connections.get_timeout(wait).map(PooledConnection).map_err(|error| {
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
