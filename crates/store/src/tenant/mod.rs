//! The tenant plane: one file or schema a tenant with its catalog, its models' tables and the marks of applied runs.

mod access;
mod batches;
mod by_id;
mod catalog;
mod definitions;
mod dump;
mod home;
mod marks;
mod postgres;
mod recorder;
mod records;
mod seen;
mod source_error;
mod sqlite;
mod tables;
mod target_error;
mod tenants;
mod writer;

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use reinstate_describe::{Catalog, Layout};
use reinstate_engine::{Cancellation, RunMark, Source, SourceError, Target, TargetError};

use crate::database::Database;
use crate::error::StoreError;
use crate::sqlite::connection::{self, CACHE_KIB};
pub(crate) use by_id::push_ids;
use catalog::Snapshot;
pub(crate) use home::migration_failed;
use home::{Site, TenantHome};
use postgres::{Place, PostgresSource, PostgresTarget};
use sqlite::{SqliteSource, SqliteTarget};
pub(crate) use tenants::Homes;
pub use tenants::Tenants;

/// How long a checkpoint waits for readers and writers, in milliseconds: they hold nothing for long, and what it
/// misses is made up for later.
const CHECKPOINT_WAIT_MS: u32 = 500;

/// One tenant's data; cheap to clone. Every call is a transaction of its own and reads the definitions in it.
#[derive(Debug, Clone)]
pub struct Tenant {
    home: Arc<TenantHome>,
}

/// The right to apply a run, as its worker holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunToken<'a> {
    /// The run.
    pub run_id: &'a str,
    /// The fencing number of the claim.
    pub fence: i64,
}

impl Tenant {
    /// The tenant's models.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn catalog(&self) -> Result<Catalog, StoreError> {
        self.read(|_, snapshot| Ok(snapshot.catalog.clone()))
    }

    /// The layout of a model.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], or where the database fails.
    pub fn layout(&self, model: &str) -> Result<Arc<Layout>, StoreError> {
        self.read(|_, snapshot| snapshot.layout(model))
    }

    /// Opens the tenant for one run: a connection of its own with a transaction of its own. On SQLite it has the
    /// write lock; on PostgreSQL the tenant's place for runs, from which a worker without a right to it is removed.
    /// Waits for others up to the store's `target_wait_ms`, asking `cancellation` meanwhile.
    ///
    /// # Errors
    /// [`TargetError::Stopped`], [`TargetError::Unavailable`] where a lock did not come free or the server is away,
    /// [`TargetError::AlreadyApplied`] where the run's mark is there, [`TargetError::Fenced`] where somebody else has
    /// the run by now, [`TargetError::Failed`].
    pub fn target(
        &self,
        run: RunToken<'_>,
        cancellation: &Cancellation,
    ) -> Result<Box<dyn Target>, TargetError> {
        match &self.home.site {
            Site::File(path) => {
                let target = SqliteTarget::begin(path, self.home.target_wait_ms, run, cancellation)?;
                Ok(Box::new(target))
            }
            Site::Schema { schema, address } => {
                let place = Place { schema, address, wait_ms: self.home.target_wait_ms };
                Ok(Box::new(PostgresTarget::begin(place, run, cancellation)?))
            }
        }
    }

    /// Opens the tenant for an extract: a connection of its own, on which everything is read as it is at this moment,
    /// whatever is written meanwhile. On PostgreSQL nobody changes definitions or exchanges tables while the source is
    /// open; on SQLite the write-ahead log is not cut back. Once `cancellation` asks to stop, reading ends within
    /// 250 ms.
    ///
    /// # Errors
    /// [`SourceError::Stopped`], [`SourceError::Unavailable`] where the server is away or somebody has the tenant to
    /// himself for longer than the store's `target_wait_ms`, [`SourceError::Failed`].
    pub fn source(&self, cancellation: &Cancellation) -> Result<Box<dyn Source>, SourceError> {
        if cancellation.stopped().is_some() {
            return Err(SourceError::Stopped);
        }
        match &self.home.site {
            Site::File(path) => Ok(Box::new(SqliteSource::begin(path, cancellation)?)),
            Site::Schema { schema, address } => {
                let place = Place { schema, address, wait_ms: self.home.target_wait_ms };
                Ok(Box::new(PostgresSource::begin(place, cancellation)?))
            }
        }
    }

    /// Moves what runs wrote from the write-ahead log of a tenant's file into the database and cuts the log back,
    /// as far as readers and writers of the moment allow; what is left is moved by later writers. A server does
    /// so by itself.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        let Site::File(path) = &self.home.site else { return Ok(()) };
        let failed = |message: String| StoreError::failed("moving the write-ahead log", message);
        let mut connection = connection::open(path, CHECKPOINT_WAIT_MS, CACHE_KIB)
            .map_err(|error| failed(error.to_string()))?;
        connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").map_err(|error| failed(error.to_string()))
    }

    /// The mark of a run, where it was applied.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_mark(&self, run_id: &str) -> Result<Option<RunMark>, StoreError> {
        self.home.read(|connection| marks::read(connection, run_id))
    }

    /// The whole state as text: schema, catalog, marks and every table in the order of ids. For comparisons
    /// before and after in tests.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn dump(&self) -> Result<String, StoreError> {
        let failed = |error| StoreError::from_diesel("writing the state as text", error);
        self.home.read(|connection| dump::dump(connection).map_err(failed))
    }

    /// Runs `work` in a transaction that reads one state.
    fn read<T>(
        &self,
        work: impl FnMut(&mut Database, &Snapshot) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.home.read_defined(work)
    }

    /// Runs `work` in a transaction that changes definitions; an error takes everything back. It may be done
    /// again like one of [`Tenant::write`].
    fn define<T>(
        &self,
        work: impl FnMut(&mut Database, &Snapshot) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.home.define(work)
    }
}
