//! One tenant's file opened for one run: the engine's [`Target`] on SQLite.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{ConnectionError, QueryResult};
use reinstate_describe::ddl::{Dialect, table_name};
use reinstate_describe::{Batch, Catalog, Field, Model, Name};
use reinstate_engine::{Cancellation, Conflict, Existing, RunMark, Target, TargetError, WriteOutcome};

use super::super::by_id::records_find;
use super::super::target_error::{failed, from_store};
use super::super::{RunToken, catalog, marks, tables};
use super::late_keys::LateKeys;
use super::writer::Writer;
use crate::database::Database;
use crate::error::is_busy;
use crate::sqlite::connection::{self, RESTORE_CACHE_KIB};
use crate::sqlite::interrupt;
use crate::statement::Statement;

/// How long one attempt at the write lock waits before the run is asked whether it should stop: a cancel is
/// noticed well within its 250 ms.
const ATTEMPT_MS: u32 = 50;

/// One tenant's data opened for one run inside one transaction; dropping it takes everything back. Readers of
/// the tenant go on reading the state before, its tables included.
pub(in crate::tenant) struct SqliteTarget {
    connection: Database,
    writer: Writer,
    late_keys: LateKeys,
    cancellation: Cancellation,
    /// Whether the run changed definitions.
    has_defined: bool,
    is_open: bool,
}

impl SqliteTarget {
    /// Opens a connection of its own and takes the write lock, waiting for other writers up to `wait_ms`.
    pub(in crate::tenant) fn begin(
        file: &Path,
        wait_ms: u32,
        run: RunToken<'_>,
        cancellation: &Cancellation,
    ) -> Result<Self, TargetError> {
        let connection = connection::open(file, ATTEMPT_MS, RESTORE_CACHE_KIB).map_err(not_opened)?;
        let mut connection = Database::Sqlite(connection);
        // One commit a run: make it durable at once instead of with the next checkpoint. The checkpoint itself is
        // left to `Tenant::checkpoint`: it takes a while after a large run, and until the commit returns the
        // run is not known as completed although its records show.
        connection
            .batch_execute("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")
            .map_err(|error| failed("opening the tenant's data", error))?;
        let deadline = Instant::now() + Duration::from_millis(u64::from(wait_ms));
        loop {
            if cancellation.stopped().is_some() {
                return Err(TargetError::Stopped);
            }
            match connection.batch_execute("BEGIN IMMEDIATE") {
                Ok(()) => break,
                Err(error) if is_busy(&error) && Instant::now() < deadline => {}
                Err(error) => return Err(failed("waiting for the tenant's data", error)),
            }
        }
        let mut target = Self {
            connection,
            writer: Writer::default(),
            late_keys: LateKeys::default(),
            cancellation: cancellation.clone(),
            has_defined: false,
            is_open: true,
        };
        match marks::read(&mut target.connection, run.run_id).map_err(from_store)? {
            Some(_) => Err(TargetError::AlreadyApplied),
            None => Ok(target),
        }
    }
}

impl SqliteTarget {
    /// Does work that may make indexes, which takes as long as there are rows and ends early where the run is asked to
    /// stop.
    fn indexes_make<T>(
        &mut self,
        work: impl FnOnce(&mut LateKeys, &mut Database) -> QueryResult<T>,
    ) -> Result<T, TargetError> {
        let Self { late_keys, connection, cancellation, .. } = self;
        let made = interrupt::while_wanted(cancellation, || work(late_keys, connection));
        made.map_err(|error| match cancellation.stopped() {
            Some(_) => TargetError::Stopped,
            None => failed("making the indexes of filled models", error),
        })
    }

    /// Fails where long work may have ended early because the run was asked to stop.
    fn not_stopped(&self) -> Result<(), TargetError> {
        if self.cancellation.stopped().is_some() { Err(TargetError::Stopped) } else { Ok(()) }
    }
}

impl Target for SqliteTarget {
    fn catalog(&mut self) -> Result<Catalog, TargetError> {
        catalog::read(&mut self.connection).map_err(from_store)
    }

    fn model_create(&mut self, model: &Model) -> Result<(), TargetError> {
        tables::model_create_without_keys(&mut self.connection, model).map_err(from_store)?;
        self.has_defined = true;
        self.late_keys.model_created(model);
        self.writer.model_emptied(&model.name);
        Ok(())
    }

    fn fields_add(&mut self, model: &Name, fields: &[Field]) -> Result<(), TargetError> {
        self.has_defined = true;
        self.indexes_make(|late_keys, connection| late_keys.make(connection, model))?;
        let existing = catalog::field_count(&mut self.connection, model).map_err(from_store)?;
        let cancellation = self.cancellation.clone();
        let go_on = || cancellation.stopped().is_none();
        tables::fields_add(&mut self.connection, model, existing, fields, &go_on).map_err(from_store)?;
        self.not_stopped()
    }

    fn model_has_records(&mut self, model: &Name) -> Result<bool, TargetError> {
        tables::has_records(&mut self.connection, model).map_err(from_store)
    }

    fn model_is_restricted(&mut self, model: &Name) -> Result<bool, TargetError> {
        let cancellation = self.cancellation.clone();
        let go_on = || cancellation.stopped().is_none();
        let restricted = tables::is_restricted(&mut self.connection, model, &go_on).map_err(from_store)?;
        self.not_stopped().map(|()| restricted)
    }

    fn records_clear(&mut self, model: &Name) -> Result<u64, TargetError> {
        let model = catalog::model_read(&mut self.connection, model).map_err(from_store)?;
        let name = &model.name;
        // Without a condition SQLite drops whole pages, and still counts the rows.
        let removed = Statement::once(format!("DELETE FROM {}", table_name(Dialect::Sqlite, name)))
            .run(&mut self.connection)
            .map_err(|error| failed("emptying a model", error))?;
        self.writer.model_emptied(name);
        self.late_keys.model_emptied(&model);
        Ok(removed as u64)
    }

    fn records_find(&mut self, batch: &Batch, columns: &[usize]) -> Result<Existing, TargetError> {
        if self.late_keys.knows_no_id_of(batch) {
            return Ok(Existing::new());
        }
        let model = &batch.layout().model().name;
        self.indexes_make(|late_keys, connection| late_keys.before_search(connection, model))?;
        records_find(&mut self.connection, batch, columns).map_err(|error| failed("reading records", error))
    }

    fn records_write(&mut self, batch: &Batch, conflict: Conflict) -> Result<WriteOutcome, TargetError> {
        let is_unasked =
            self.indexes_make(|late_keys, connection| late_keys.before_write(connection, batch))?;
        let written = if is_unasked {
            self.writer.write_unasked(&mut self.connection, batch)
        } else {
            self.writer.write(&mut self.connection, batch, conflict)
        };
        written.map_err(|error| failed("writing records", error))
    }

    fn records_end(&mut self, model: &Name) -> Result<(), TargetError> {
        // While the end of the table is still in the page cache.
        self.indexes_make(|late_keys, connection| late_keys.make(connection, model))
    }

    fn commit_prepare(&mut self) -> Result<(), TargetError> {
        // Models without a file have none of theirs yet.
        self.indexes_make(LateKeys::make_all)
    }

    fn commit(mut self: Box<Self>, mark: &RunMark) -> Result<(), TargetError> {
        self.indexes_make(LateKeys::make_all)?;
        if self.has_defined {
            catalog::changed(&mut self.connection).map_err(from_store)?;
        }
        marks::insert(&mut self.connection, mark).map_err(|error| match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => TargetError::AlreadyApplied,
            error => failed("writing the mark of the run", error),
        })?;
        self.connection.batch_execute("COMMIT").map_err(|error| failed("committing", error))?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for SqliteTarget {
    fn drop(&mut self) {
        if self.is_open {
            // Closing the connection takes everything back as well; this only says so earlier.
            if let Err(error) = self.connection.batch_execute("ROLLBACK") {
                tracing::debug!(%error, "the transaction had ended by itself");
            }
        }
    }
}

impl std::fmt::Debug for SqliteTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteTarget").field("is_open", &self.is_open).finish_non_exhaustive()
    }
}

fn not_opened(error: ConnectionError) -> TargetError {
    match error {
        ConnectionError::CouldntSetupConfiguration(error) => failed("opening the tenant's data", error),
        // The file is there, since the tenant was opened: what is short now may be had later.
        error => TargetError::Unavailable { message: error.to_string() },
    }
}
