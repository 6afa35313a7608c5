//! The tenant plane: one file a tenant with its catalog, its models' tables and the marks of applied runs.

mod access;
mod catalog;
mod definitions;
mod dump;
mod insert;
mod marks;
mod recorder;
mod records;
mod tables;
mod target;
mod tenants;
mod writer;

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use reinstate_describe::{Catalog, Layout};
use reinstate_engine::{Cancellation, RunMark, TargetError};

use crate::error::StoreError;
use crate::sqlite::connection::{self, CACHE_KIB};
use catalog::Snapshot;
pub use target::SqliteTarget;
use tenants::TenantFile;
pub use tenants::Tenants;

/// How long a checkpoint waits for readers and writers, in milliseconds: they hold nothing for long, and what it
/// misses is made up for later.
const CHECKPOINT_WAIT_MS: u32 = 500;

/// One tenant's data; cheap to clone. Every call is a transaction of its own and reads the definitions in it.
#[derive(Debug, Clone)]
pub struct Tenant {
    file: Arc<TenantFile>,
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

    /// Opens the tenant for one run: a connection of its own with the write lock taken. Waits for other writers
    /// up to the store's `target_wait_ms` and asks `cancellation` meanwhile.
    ///
    /// # Errors
    /// [`TargetError::Stopped`], [`TargetError::Unavailable`] where the lock did not come free,
    /// [`TargetError::AlreadyApplied`] where the run's mark is there, [`TargetError::Failed`].
    pub fn target(
        &self,
        run: RunToken<'_>,
        cancellation: &Cancellation,
    ) -> Result<SqliteTarget, TargetError> {
        SqliteTarget::begin(&self.file.path, self.file.target_wait_ms, run, cancellation)
    }

    /// Moves what runs wrote from the write-ahead log into the database and cuts the log back, as far as readers
    /// and writers of the moment allow; what is left is moved by later writers.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        let failed = |message: String| StoreError::failed("moving the write-ahead log", message);
        let mut connection = connection::open(&self.file.path, CHECKPOINT_WAIT_MS, CACHE_KIB)
            .map_err(|error| failed(error.to_string()))?;
        connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").map_err(|error| failed(error.to_string()))
    }

    /// The mark of a run, where it was applied.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_mark(&self, run_id: &str) -> Result<Option<RunMark>, StoreError> {
        marks::read(&mut *self.file.reader()?, run_id)
    }

    /// The whole state as text: schema, catalog, marks and every table in the order of ids. For comparisons
    /// before and after in tests.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn dump(&self) -> Result<String, StoreError> {
        let failed = |error| StoreError::from_diesel("writing the state as text", error);
        self.file.reader()?.transaction(|connection| dump::dump(connection)).map_err(failed)
    }

    /// Runs `work` in a transaction that reads one state.
    fn read<T>(
        &self,
        work: impl FnOnce(&mut SqliteConnection, &Snapshot) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.file.reader()?.transaction(|connection| {
            let snapshot = self.file.snapshots.read(connection)?;
            work(connection, &snapshot)
        })
    }

    /// Runs `work` in a transaction that has the write lock from the start; an error takes everything back.
    fn write<T>(
        &self,
        work: impl FnOnce(&mut SqliteConnection, &Snapshot) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.file.writer()?.immediate_transaction(|connection| {
            let snapshot = self.file.snapshots.read(connection)?;
            work(connection, &snapshot)
        })
    }
}
