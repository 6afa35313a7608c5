//! Where one tenant lives, and how its transactions begin.

use std::cell::RefCell;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::catalog::{self, Snapshot, SnapshotCache};
use super::tenants::lock;
use crate::database::Database;
use crate::database::failure::FailureKind;
use crate::database::kept::Kept;
use crate::database::pool::{self, Place, Pool, PooledConnection, TRUSTED_FOR, ThreadPool};
use crate::error::StoreError;
use crate::postgres::schema::Schema;
use crate::settings::{PostgresAddress, StoreSettings};
use crate::tenant_id::TenantId;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/tenant/sqlite");

/// Longest pause before a transaction that met another one is done again, in milliseconds. Short: the other one
/// holds its locks for milliseconds, and the caller waits.
const AGAIN_AFTER_MAX_MS: u64 = 20;

/// The place itself.
#[derive(Debug)]
pub(super) enum Site {
    /// A file of its own.
    File(PathBuf),
    /// A schema of its own.
    Schema {
        /// The schema.
        schema: Schema,
        /// Its server.
        address: PostgresAddress,
    },
}

/// One tenant's place with its connections and its definitions as they were last read.
#[derive(Debug)]
pub(super) struct TenantHome {
    pub(super) site: Site,
    pub(super) target_wait_ms: u32,
    snapshots: SnapshotCache,
    busy_timeout: Duration,
    readers: Pool,
    /// On SQLite one connection: it has one writer at a time, and those who wait for it must not keep connections
    /// from readers. On PostgreSQL the pool that all share.
    writers: Pool,
    begin: Begin,
    /// Whether the place has its newest form; held while it is being brought there.
    migrated: Mutex<bool>,
}

/// The statements that begin a transaction.
#[derive(Debug)]
struct Begin {
    read: String,
    write: String,
    define: String,
}

impl TenantHome {
    /// A tenant in a file.
    pub(super) fn in_file(path: PathBuf, settings: &StoreSettings, threads: &ThreadPool) -> Self {
        let busy_timeout_ms = settings.busy_timeout_ms;
        let open = |size| {
            let place = Place::File { path: path.clone(), busy_timeout_ms, durable: false };
            pool::open(place, size, busy_timeout_ms, TRUSTED_FOR, threads)
        };
        let (readers, writers) = (open(settings.tenant_pool_size), open(1));
        let immediate = || "BEGIN IMMEDIATE".to_owned();
        let begin = Begin { read: "BEGIN".to_owned(), write: immediate(), define: immediate() };
        Self::new(Site::File(path), settings, readers, writers, begin)
    }

    /// A tenant in a schema.
    pub(super) fn in_schema(
        tenant: &TenantId,
        address: &PostgresAddress,
        pool: &Pool,
        settings: &StoreSettings,
    ) -> Self {
        let schema = Schema::of(tenant);
        let begin = Begin {
            read: schema.begin_read(settings.busy_timeout_ms),
            write: schema.begin_write(),
            define: schema.begin_define(),
        };
        let site = Site::Schema { schema, address: address.clone() };
        Self::new(site, settings, pool.clone(), pool.clone(), begin)
    }

    fn new(site: Site, settings: &StoreSettings, readers: Pool, writers: Pool, begin: Begin) -> Self {
        Self {
            site,
            target_wait_ms: settings.target_wait_ms,
            snapshots: SnapshotCache::default(),
            busy_timeout: Duration::from_millis(u64::from(settings.busy_timeout_ms)),
            readers,
            writers,
            begin,
            migrated: Mutex::new(false),
        }
    }

    /// Whether the place is there.
    pub(super) fn exists(&self) -> Result<bool, StoreError> {
        match &self.site {
            Site::File(path) => Ok(path.is_file()),
            Site::Schema { schema, .. } => self.readers.look(|connection| schema.exists(connection)),
        }
    }

    /// Connections open and idle.
    pub(super) fn pool_state(&self) -> (u32, u32) {
        let ((readers, readers_idle), (writers, writers_idle)) = (self.readers.state(), self.writers.state());
        (readers + writers, readers_idle + writers_idle)
    }

    /// Runs `work` in a transaction that reads one state; once more where the connection is gone.
    pub(super) fn read<T>(
        &self,
        mut work: impl FnMut(&mut Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.readers.look(|connection| connection.transaction_begun_by(&self.begin.read, &mut work))
    }

    /// Runs `work` with the definitions as a transaction reads them.
    pub(super) fn read_defined<T>(
        &self,
        mut work: impl FnMut(&mut Database, &Snapshot) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.read(|connection| {
            let snapshot = self.snapshots.read(connection)?;
            work(connection, &snapshot)
        })
    }

    /// Runs `work`, one statement outside of any transaction, with the definitions as they were last read. It has to
    /// find out whether they still are, and answers `None` where not; what it meets with may come from that too, so that
    /// its errors count as `None`, and only a lack of connections is one. Whoever gets
    /// `None` reads in a transaction. What a transaction costs besides is several times the statement.
    pub(super) fn read_at_once<T>(
        &self,
        work: impl FnOnce(&mut Database, &Snapshot, &RefCell<Kept>) -> Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let Some(snapshot) = self.snapshots.last() else { return Ok(None) };
        let mut connection = pool::get(&self.readers)?;
        let (database, kept) = connection.keeping();
        match work(database, &snapshot, kept) {
            Ok(done) => Ok(done),
            Err(_) => {
                // The connection may be the reason: then the transaction must not get one like it.
                self.readers.give_back_failed(connection);
                Ok(None)
            }
        }
    }

    /// A name in the tenant's place as statements outside of transactions take it; `table` is quoted.
    pub(super) fn qualified(&self, table: &str) -> String {
        match &self.site {
            Site::File(_) => table.to_owned(),
            Site::Schema { schema, .. } => schema.qualified(table),
        }
    }

    /// Runs `work` in a transaction that writes records; an error takes everything back.
    pub(super) fn write<T>(
        &self,
        work: impl FnMut(&mut Database, &Snapshot, &RefCell<Kept>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.again_where_met(&self.begin.write, work)
    }

    /// Runs `work` in a transaction that changes definitions and has the tenant to itself; an error takes
    /// everything back.
    pub(super) fn define<T>(
        &self,
        mut work: impl FnMut(&mut Database, &Snapshot) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.again_where_met(&self.begin.define, |connection, snapshot, _| {
            let done = work(connection, snapshot)?;
            catalog::changed(connection)?;
            Ok(done)
        })
    }

    /// On PostgreSQL a transaction gives up soon where it meets another one, so that it holds nobody up, and is
    /// done again as a whole as long as its caller has patience. SQLite waits for its one lock by itself.
    #[allow(clippy::disallowed_methods, reason = "the other transaction tells nobody when it ends")]
    fn again_where_met<T>(
        &self,
        begin: &str,
        mut work: impl FnMut(&mut Database, &Snapshot, &RefCell<Kept>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let deadline = Instant::now() + self.busy_timeout;
        let is_server = matches!(self.site, Site::Schema { .. });
        loop {
            let begun = self.writers.begin(begin, || self.writer(deadline));
            // The connection goes back before the pause: others may need it to come to their end.
            let done = begun.and_then(|mut connection| {
                let (connection, kept) = connection.parts();
                connection.ended_by(|connection| {
                    let snapshot = self.snapshots.read(connection)?;
                    work(connection, &snapshot, kept)
                })
            });
            match done {
                Err(StoreError::Unavailable { message }) if is_server && may_go_on(&message, deadline) => {
                    std::thread::sleep(pause());
                }
                done => return done,
            }
        }
    }

    /// A connection for one call that writes. Waiting for it and waiting for the write lock together take no
    /// longer than the store's `busy_timeout_ms`.
    fn writer(&self, deadline: Instant) -> Result<PooledConnection, StoreError> {
        let left = || deadline.saturating_duration_since(Instant::now());
        let mut connection = pool::get_timeout(&self.writers, left())?;
        connection.keeping();
        if let Database::Sqlite(connection) = &mut *connection {
            connection
                .batch_execute(&format!("PRAGMA busy_timeout = {}", left().as_millis()))
                .map_err(|error| StoreError::from_diesel("preparing to write", error))?;
        }
        Ok(connection)
    }

    /// Brings the place to its newest form, making it where it is missing.
    pub(super) fn migrate(&self) -> Result<(), StoreError> {
        let mut migrated = lock(&self.migrated);
        if !*migrated {
            let busy_timeout_ms = u32::try_from(self.busy_timeout.as_millis()).unwrap_or(u32::MAX);
            match &self.site {
                // What is done again finds done what was.
                Site::Schema { schema, .. } => {
                    self.writers.look(|connection| schema.migrate(connection, busy_timeout_ms))
                }
                Site::File(_) => migrate_file(self.writer(Instant::now() + self.busy_timeout)?.sqlite()?),
            }?;
            *migrated = true;
        }
        Ok(())
    }
}

/// A pause of a random length: two that met each other must not meet again and again.
fn pause() -> Duration {
    let random = RandomState::new().build_hasher().finish();
    Duration::from_millis(1 + random % AGAIN_AFTER_MAX_MS)
}

/// Whether a failed transaction only met another one, and there is time to do it again.
fn may_go_on(message: &str, deadline: Instant) -> bool {
    let kind = FailureKind::of_message(message);
    matches!(kind, FailureKind::Busy | FailureKind::Conflicting) && Instant::now() < deadline
}

/// Brings a tenant's file to its newest form, whole or not at all.
fn migrate_file(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    // Reading comes first: a tenant that is up to date can be opened while a restore holds the write lock.
    let is_current = |connection: &mut SqliteConnection| Ok(!connection.has_pending_migration(MIGRATIONS)?);
    let run = |connection: &mut SqliteConnection| {
        // Another process may have been faster; under the write lock the answer stays true.
        connection.run_pending_migrations(MIGRATIONS).map(drop)
    };
    let outcome: Result<(), Box<dyn std::error::Error + Send + Sync>> = match is_current(connection) {
        Ok(true) => Ok(()),
        Ok(false) => connection.immediate_transaction(run),
        Err(error) => Err(error),
    };
    outcome.map_err(|error| migration_failed(&error.to_string()))
}

/// A migration that failed, or that met somebody who holds the lock.
pub(crate) fn migration_failed(message: &str) -> StoreError {
    if FailureKind::of_message(message).passes() {
        StoreError::Unavailable { message: message.to_owned() }
    } else {
        StoreError::failed("migrating a tenant's data", message)
    }
}
