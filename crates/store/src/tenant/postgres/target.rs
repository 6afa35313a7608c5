//! One tenant's schema opened for one run: the engine's [`Target`] on PostgreSQL.
//!
//! Until its last moments a run takes no lock that a reader would meet (see [`super::fresh`]). It holds the catalog
//! as readers do, so that nobody changes definitions under its plan.

use std::time::Duration;

use diesel::ConnectionError;
use diesel::connection::SimpleConnection as _;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use reinstate_describe::ddl::{Dialect, Stage, table_name_at};
use reinstate_describe::{Batch, Catalog, Field, Model, Name};
use reinstate_engine::{Cancellation, Conflict, Existing, RunMark, Target, TargetError, WriteOutcome};

use super::super::by_id::records_find_at;
use super::super::target_error::{failed, from_store};
use super::super::{RunToken, catalog, marks, tables};
use super::block::Unwritten;
use super::canceller::Canceller;
use super::feed::Feed;
use super::fresh::FreshTables;
use super::holder::{self, Right};
use super::keys::LateKeys;
use super::lock_budget::LockBudget;
use super::locks::Patience;
use super::writer::Writer;
use crate::database::Database;
use crate::database::failure::FailureKind;
use crate::postgres::connection;
use crate::postgres::schema::{CATALOG_SHARED, Schema};
use crate::settings::PostgresAddress;
use crate::statement::Statement;

/// Where a tenant lives.
#[derive(Debug, Clone, Copy)]
pub(in crate::tenant) struct Place<'a> {
    /// Its schema.
    pub(in crate::tenant) schema: &'a Schema,
    /// The server.
    pub(in crate::tenant) address: &'a PostgresAddress,
    /// How long a lock is waited for, in milliseconds.
    pub(in crate::tenant) wait_ms: u32,
}

/// One tenant's data opened for one run inside one transaction; dropping it takes everything back.
pub(in crate::tenant) struct PostgresTarget {
    feed: Feed,
    writer: Writer,
    fresh: FreshTables,
    late: LateKeys,
    locks: LockBudget,
    /// The models as the transaction sees them, once they were asked for.
    models: Option<Catalog>,
    patience: Patience,
    canceller: Canceller,
    schema: Schema,
    /// Whether nobody else is in the tenant.
    is_alone: bool,
    /// Whether the run changed definitions.
    has_defined: bool,
    is_open: bool,
}

impl PostgresTarget {
    /// Opens a connection of its own, takes the tenant's place and looks whether the run may be applied.
    pub(in crate::tenant) fn begin(
        place: Place<'_>,
        run: RunToken<'_>,
        cancellation: &Cancellation,
    ) -> Result<Self, TargetError> {
        let Place { schema, address, wait_ms } = place;
        let connection = connection::open(address).map_err(not_opened)?;
        let mut connection = Database::Postgres(connection);
        let limit = Duration::from_millis(u64::from(wait_ms));
        let patience = Patience { limit, cancellation: cancellation.clone() };
        let begin = format!("BEGIN; {}; {}", schema.search_path(), patience.ordinary_wait());
        connection.batch_execute(&begin).map_err(|error| failed("opening the tenant's data", error))?;
        holder::enter(&mut connection, schema, run, &patience)?;
        patience.lock(&mut connection, CATALOG_SHARED)?;
        if marks::read(&mut connection, run.run_id).map_err(from_store)?.is_some() {
            return Err(TargetError::AlreadyApplied);
        }
        let pid = Statement::once("SELECT pg_backend_pid()").number(&mut connection);
        let pid = pid.map_err(|error| failed("opening the tenant's data", error))?;
        let canceller = Canceller::watch(address.clone(), pid, cancellation.clone())
            .map_err(|error| TargetError::Unavailable { message: format!("no thread: {error}") })?;
        let (writer, fresh, late) = (Writer::of_run(), FreshTables::default(), LateKeys::default());
        let schema = schema.clone();
        Ok(Self {
            feed: Feed::new(connection),
            writer,
            fresh,
            late,
            locks: LockBudget::default(),
            models: None,
            patience,
            canceller,
            schema,
            is_alone: false,
            has_defined: false,
            is_open: true,
        })
    }

    /// A statement that was told to end did so because the run was asked to stop.
    fn told<T>(&self, outcome: Result<T, TargetError>) -> Result<T, TargetError> {
        match outcome {
            Err(TargetError::Failed { .. } | TargetError::Unavailable { .. })
                if self.patience.cancellation.stopped().is_some() =>
            {
                Err(TargetError::Stopped)
            }
            outcome => outcome,
        }
    }

    /// The models as they are defined now.
    fn defined(&mut self) -> Result<&Catalog, TargetError> {
        let models = match self.models.take() {
            Some(models) => models,
            None => self.told_catalog()?,
        };
        Ok(self.models.insert(models))
    }

    fn told_catalog(&mut self) -> Result<Catalog, TargetError> {
        self.send()?;
        let catalog = catalog::read(self.feed.database()?).map_err(from_store);
        self.told(catalog)
    }

    /// A model under the name that its table has, however it is spelled.
    fn model(&mut self, name: &Name) -> Result<Model, TargetError> {
        let found = self.defined()?.get(name).cloned();
        found.ok_or_else(|| TargetError::Failed {
            doing: "looking for a model".to_owned(),
            message: format!("there is no model '{name}'"),
        })
    }

    /// The run changed a definition. What it knows of all others stays: reading thousands again each time would cost
    /// the square of their number.
    fn now_defined(&mut self, model: &Model) {
        self.has_defined = true;
        if let Some(models) = &mut self.models {
            models.insert(model.clone());
        }
    }

    /// Makes sure that what the run sees and writes of a model is in one table.
    fn settle(&mut self, name: &Name) -> Result<(), TargetError> {
        if !self.writer.knows(name) || self.fresh.waits(name) {
            let model = self.model(name)?;
            self.send()?;
            let settled = self.fresh.settle(self.feed.database()?, &model, &self.patience);
            self.told(settled)?;
            self.follow(&model);
            let looked = self.look_whether_empty(&model);
            self.told(looked)?;
        }
        Ok(())
    }

    /// Where the table that a model is written to holds nothing, keeps others from writing into it, as
    /// [`Target::records_clear`] does, so that rows need no stage. Where that would take waiting they go through it.
    fn look_whether_empty(&mut self, model: &Model) -> Result<(), TargetError> {
        if self.late.are_due(&model.name) {
            return Ok(());
        }
        let stage = self.writer.stage_of(&model.name);
        let table = table_name_at(Dialect::Postgres, &model.name, stage);
        let connection = self.feed.database()?;
        let mut is_empty = is_empty(connection, &table)?;
        if is_empty && stage == Stage::Live {
            let lock = format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE");
            // Somebody may have been quicker.
            is_empty = self.patience.attempt(connection, &lock)? && self::is_empty(connection, &table)?;
        }
        if is_empty {
            self.late.begin_empty(model, stage);
        }
        Ok(())
    }

    /// Whether a batch may be copied into the table of its model. Where not its keys are there afterwards.
    fn admit(&mut self, batch: &Batch) -> Result<bool, TargetError> {
        let model = &batch.layout().model().name;
        if !self.late.are_due(model) {
            return Ok(false);
        }
        if let Some(before) = self.late.other_than(model) {
            self.finish_keys(&before)?;
        }
        let is_admitted = self.late.admits(batch);
        if !is_admitted {
            self.finish_keys(model)?;
        }
        Ok(is_admitted)
    }

    /// Sends rows that are on their way, before anything else is said to the server.
    fn send(&mut self) -> Result<(), TargetError> {
        let sent = self.feed.finish().map_err(TargetError::from);
        self.told(sent)
    }

    /// Builds the keys of a model whose table is without.
    fn finish_keys(&mut self, model: &Name) -> Result<(), TargetError> {
        self.send()?;
        let built = self.late.build(self.feed.database()?, model);
        self.told(built)
    }

    /// Tells the writer where a model is written, and which of its fields are unique.
    fn follow(&mut self, model: &Model) {
        if self.fresh.has(&model.name) {
            self.writer.model_is_fresh(&model.name);
        }
        self.writer.model_is(model);
    }

    fn exists(&mut self, model: &Name, condition: &str) -> Result<bool, TargetError> {
        self.send()?;
        let model = self.model(model)?;
        let table = table_name_at(Dialect::Postgres, &model.name, self.writer.stage_of(&model.name));
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE {condition})");
        let exists = Statement::once(sql).number(self.feed.database()?).map(|exists| exists != 0);
        exists.map_err(|error| failed("looking for records", error))
    }

    /// Builds what is not built yet and then has the tenant to itself, where something is left for the end that needs it.
    fn be_alone(&mut self) -> Result<(), TargetError> {
        self.send()?;
        self.late.build_all(self.feed.database()?)?;
        if self.fresh.is_needed() && !self.is_alone {
            let tables = self.fresh.seen_by_others();
            self.patience.lock_alone(self.feed.database()?, &self.schema, &tables)?;
            self.is_alone = true;
        }
        Ok(())
    }

    /// Everything before the commit itself.
    fn prepare(&mut self, mark: &RunMark) -> Result<(), TargetError> {
        self.be_alone()?;
        self.fresh.publish(self.feed.database()?)?;
        if self.has_defined {
            catalog::changed(self.feed.database()?).map_err(from_store)?;
        }
        marks::insert(self.feed.database()?, mark).map_err(|error| match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => TargetError::AlreadyApplied,
            error => failed("writing the mark of the run", error),
        })?;
        // From here to the end nobody can take the run over: whoever wants to waits for the commit.
        if holder::right(self.feed.database()?, &mark.run_id, mark.fence, true)? == Right::Lost {
            return Err(TargetError::Fenced);
        }
        Ok(())
    }
}

impl Target for PostgresTarget {
    fn catalog(&mut self) -> Result<Catalog, TargetError> {
        self.defined().cloned()
    }

    fn model_create(&mut self, model: &Model) -> Result<(), TargetError> {
        self.send()?;
        let counted = self.locks.take(self.feed.database()?, model);
        self.told(counted)?;
        let created = tables::model_create_without_keys(self.feed.database()?, model).map_err(from_store);
        self.told(created)?;
        self.now_defined(model);
        self.fresh.created(&model.name);
        self.late.put_off(model, Stage::Live);
        self.writer.model_emptied(&model.name);
        Ok(())
    }

    fn fields_add(&mut self, model: &Name, fields: &[Field]) -> Result<(), TargetError> {
        let mut model = self.model(model)?;
        self.finish_keys(&model.name)?;
        let defined = tables::fields_define(self.feed.database()?, &model.name, fields).map_err(from_store);
        self.told(defined)?;
        model.fields.extend(fields.iter().map(|field| (field.name.clone(), field.clone())));
        self.now_defined(&model);
        let extended = self.fresh.extend(self.feed.database()?, &model, fields, &self.patience);
        self.told(extended)?;
        self.follow(&model);
        Ok(())
    }

    fn model_has_records(&mut self, model: &Name) -> Result<bool, TargetError> {
        let exists = self.exists(model, "true");
        self.told(exists)
    }

    fn model_is_restricted(&mut self, model: &Name) -> Result<bool, TargetError> {
        let used = ["access_read", "access_edit", "access_full", "access_deny"];
        let used = used.map(|list| format!("cardinality(\"{list}\") > 0")).join(" OR ");
        let exists = self.exists(model, &used);
        self.told(exists)
    }

    fn records_clear(&mut self, model: &Name) -> Result<u64, TargetError> {
        self.send()?;
        let model = self.model(model)?;
        let cleared = self.fresh.clear(self.feed.database()?, &model, &self.patience);
        let cleared = self.told(cleared)?;
        self.follow(&model);
        self.writer.model_emptied(&model.name);
        if cleared.is_without_keys || self.late.are_due(&model.name) {
            self.late.put_off(&model, self.writer.stage_of(&model.name));
        }
        Ok(cleared.records)
    }

    fn records_find(&mut self, batch: &Batch, columns: &[usize]) -> Result<Existing, TargetError> {
        let model = &batch.layout().model().name;
        self.settle(model)?;
        if self.late.are_due(model) {
            if self.late.knows_no_id_of(batch) {
                return Ok(Existing::new());
            }
            self.finish_keys(model)?;
        }
        self.send()?;
        let stage = self.writer.stage_of(model);
        let found = records_find_at(self.feed.database()?, batch, columns, stage);
        self.told(found.map_err(|error| failed("reading records", error)))
    }

    fn records_write(&mut self, batch: &Batch, conflict: Conflict) -> Result<WriteOutcome, TargetError> {
        self.settle(&batch.layout().model().name)?;
        if self.admit(batch)? {
            let appended = self.writer.append(&mut self.feed, batch);
            self.told(appended.map_err(TargetError::from))?;
            return Ok(WriteOutcome { inserted: batch.rows_to_write() as u64, ..WriteOutcome::default() });
        }
        self.send()?;
        let written = self.writer.write(self.feed.database()?, batch, conflict);
        self.told(written.map_err(|error| TargetError::from(Unwritten::batch(batch, error))))
    }

    fn records_end(&mut self, model: &Name) -> Result<(), TargetError> {
        self.finish_keys(model)
    }

    fn commit_prepare(&mut self) -> Result<(), TargetError> {
        let alone = self.be_alone();
        self.told(alone)
    }

    fn commit(mut self: Box<Self>, mark: &RunMark) -> Result<(), TargetError> {
        let prepared = self.prepare(mark);
        self.told(prepared)?;
        self.canceller.end();
        match self.feed.database()?.batch_execute("COMMIT").map_err(|error| failed("committing", error)) {
            // Nobody knows whether it was carried out, whatever was wished meanwhile: the mark will tell.
            Err(error @ TargetError::Unavailable { .. }) => return Err(error),
            committed => self.told(committed)?,
        }
        self.is_open = false;
        Ok(())
    }
}

impl Drop for PostgresTarget {
    fn drop(&mut self) {
        // While a copy is broken off somebody may have to tell the server.
        let connection = self.feed.abandon();
        self.canceller.end();
        if self.is_open {
            // Closing the connection takes everything back as well; this only says so earlier.
            let ended = connection.map(|connection| connection.batch_execute("ROLLBACK"));
            if let Some(Err(error)) = ended {
                tracing::debug!(%error, "the transaction had ended by itself");
            }
        }
    }
}

impl std::fmt::Debug for PostgresTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresTarget").field("is_open", &self.is_open).finish_non_exhaustive()
    }
}

fn is_empty(connection: &mut Database, table: &str) -> Result<bool, TargetError> {
    let sql = format!("SELECT NOT EXISTS (SELECT 1 FROM {table})");
    let is_empty = Statement::once(sql).number(connection).map(|is_empty| is_empty != 0);
    is_empty.map_err(|error| failed("looking for records", error))
}

fn not_opened(error: ConnectionError) -> TargetError {
    let message = connection::told(&error);
    match FailureKind::of_message(&message) {
        kind if kind.passes() => TargetError::Unavailable { message },
        _ => TargetError::Failed { doing: "opening the tenant's data".to_owned(), message },
    }
}
