//! Writing a batch set-wise, inside the caller's transaction.
//!
//! Three ways, the quickest that a batch allows:
//! - straight into a table that holds nothing but what the run wrote: rows are copied, without a savepoint where
//!   nothing can stand against them;
//! - through a stage: rows are copied into a temporary table and inserted from there in one statement, which decides
//!   conflicts and says what became of them. Where records that are there stay as they are, only their ids are sent;
//! - as values in the statement: for the few records of a request, for which a temporary table would be dear, and
//!   for rows among which a unique field refuses one.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::SimpleConnection as _;
use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use reinstate_describe::ddl::{self, Dialect, Stage, column_name};
use reinstate_describe::record::BATCH_BYTES_MAX;
use reinstate_describe::{Batch, CellValue, Layout, Model, Name, RowGroup, Value};
use reinstate_engine::{Conflict, ConflictRow, RefusedRow, WriteOutcome};

use super::super::by_id::{push_ids, rows_by_id};
use super::block::{self, Destination, Unwritten};
use super::feed::Feed;
use crate::database::Database;
use crate::postgres::codec;
use crate::statement::Statement;

/// Rows that go as values into one statement at most.
const STATEMENT_ROWS_MAX: usize = 500;

/// Places for values that the protocol gives one statement.
const STATEMENT_PLACES_MAX: usize = 65_535;

/// Fewest rows that are worth a copy: below, its round trips cost more than the values.
const COPY_ROWS_MIN: usize = 20;

/// The temporary table of a run; it goes with its transaction.
const STAGE: &str = "pg_temp.\"$stage\"";

/// Writes batches on one connection.
#[derive(Debug, Default)]
pub(in crate::tenant) struct Writer {
    /// Whether there may be a stage: temporary tables pay off for the length of a run only.
    stages: bool,
    /// Models whose table holds nothing but what the run wrote.
    emptied: HashSet<Name>,
    /// Models that are written into a fresh table.
    fresh: HashSet<Name>,
    /// Those of them whose fresh table began with all records of the old one.
    filled: HashSet<Name>,
    /// The model that the stage was made for.
    staged: Option<Name>,
    /// The models of the run as the database knows them.
    models: HashMap<Name, Arc<Model>>,
    /// What was copied of the records of one layout, so that records with less of it need no copy of their own.
    copied: Option<(Arc<Layout>, BTreeSet<usize>)>,
}

/// What a statement that writes rows says about them.
struct Written {
    inserted: u64,
    /// Ids that were inserted, where that was asked for.
    ids: HashSet<String>,
}

/// What goes in, and where.
struct Rows<'a> {
    batch: &'a Batch,
    group: &'a RowGroup,
    rows: &'a [u32],
    table: &'a str,
    conflict: Conflict,
    /// The model as the database knows it.
    model: &'a Model,
}

impl Writer {
    /// A writer for the length of a run.
    pub(super) fn of_run() -> Self {
        Self { stages: true, ..Self::default() }
    }

    /// The model is new, or its table was emptied.
    pub(super) fn model_emptied(&mut self, model: &Name) {
        self.emptied.insert(model.clone());
        self.filled.remove(model);
    }

    /// The model is written into a fresh table from now on, which has the records of the old one unless
    /// [`Writer::model_emptied`] tells otherwise.
    pub(super) fn model_is_fresh(&mut self, model: &Name) {
        if self.fresh.insert(model.clone()) {
            self.filled.insert(model.clone());
        }
        if self.staged.as_ref() == Some(model) {
            self.staged = None;
        }
    }

    /// Whether [`Writer::model_is`] told of the model.
    pub(super) fn knows(&self, model: &Name) -> bool {
        self.models.contains_key(model)
    }

    /// The model as it is defined now.
    pub(super) fn model_is(&mut self, model: &Model) {
        self.models.insert(model.name.clone(), Arc::new(model.clone()));
    }

    /// Where the model is written.
    pub(super) fn stage_of(&self, model: &Name) -> Stage {
        if self.fresh.contains(model) { Stage::Fresh } else { Stage::Live }
    }

    /// Writes a batch's groups; rows that conflict or are refused are part of the outcome.
    pub(in crate::tenant) fn write(
        &mut self,
        connection: &mut Database,
        batch: &Batch,
        conflict: Conflict,
    ) -> QueryResult<WriteOutcome> {
        let described = batch.layout().model();
        let known = self.models.get(&described.name).cloned();
        let model = known.as_deref().unwrap_or(described);
        let table = ddl::table_name_at(Dialect::Postgres, &model.name, self.stage_of(&model.name));
        let mut outcome = WriteOutcome::default();
        let mut inserted_ids = HashSet::new();
        for group in batch.groups() {
            let rows = Rows { batch, group, rows: &group.rows, table: &table, conflict, model };
            let written = self.write_group(connection, &rows, &mut outcome.refused)?;
            outcome.inserted += written.inserted;
            inserted_ids.extend(written.ids);
        }
        outcome.refused.sort_unstable_by_key(|refused| refused.row);
        let done = outcome.inserted + outcome.refused.len() as u64;
        let rest = (batch.rows_to_write() as u64).saturating_sub(done);
        if conflict == Conflict::Update {
            outcome.updated = rest;
            return Ok(outcome);
        }
        outcome.skipped = rest;
        let report_max = match conflict {
            Conflict::Ignore { report_max } => report_max,
            _ => usize::MAX,
        };
        if rest > 0 && report_max > 0 {
            let existed = self.existed(&model.name);
            outcome.conflicts =
                conflicts(connection, &table, &existed, batch, &inserted_ids, &outcome.refused)?;
            if conflict == Conflict::Fail && (outcome.conflicts.len() as u64) < rest {
                return Err(record_went());
            }
            outcome.conflicts.truncate(report_max);
        }
        Ok(outcome)
    }

    /// The condition, on a row of the table that a model is written to, that its record was there before the run.
    fn existed(&self, model: &Name) -> String {
        if self.filled.contains(model) {
            // The run wrote all rows of this table itself. The old one stays as it is until the end.
            let old = ddl::table_name_at(Dialect::Postgres, model, Stage::Live);
            return format!(
                "EXISTS (SELECT 1 FROM {old} AS \"$old\" WHERE \"$old\".\"id\" = \"$now\".\"id\")"
            );
        }
        // What the transaction wrote itself is the one thing that it sees although it has not ended. That is asked of
        // what is as young as the transaction, or younger: savepoints have numbers of their own, and so have others.
        "CASE WHEN age(\"$now\".xmin) > age((pg_current_xact_id())::pg_catalog.xid) THEN true \
         ELSE pg_xact_status((pg_current_xact_id()::pg_catalog.text::pg_catalog.int8 \
         + age((pg_current_xact_id())::pg_catalog.xid) - age(\"$now\".xmin))::pg_catalog.text::pg_catalog.xid8) \
         <> 'in progress' END"
            .to_owned()
    }

    /// Takes a batch for a table in which nothing of it is there. Its rows may be on their way for long.
    pub(super) fn append(&mut self, feed: &mut Feed, batch: &Batch) -> Result<(), Unwritten> {
        let described = batch.layout().model();
        let known = self.models.get(&described.name).cloned();
        let model = known.as_deref().unwrap_or(described);
        let table = &ddl::table_name_at(Dialect::Postgres, &model.name, self.stage_of(&model.name));
        let columns = self.columns_to_copy(batch);
        let to = Destination::new(table, &column_names(batch, &columns));
        for group in batch.groups() {
            feed.add(&to, batch, |bytes| encode_rows(batch, &group.rows, &columns, bytes))?;
        }
        Ok(())
    }

    /// Positions of all columns that a batch or one before it has. A column that a record lacks is null in a new one.
    fn columns_to_copy(&mut self, batch: &Batch) -> Vec<usize> {
        let layout = batch.layout();
        let mut columns = match self.copied.take() {
            Some((of, columns)) if Arc::ptr_eq(&of, layout) => columns,
            _ => BTreeSet::new(),
        };
        columns.extend(batch.groups().iter().flat_map(|group| &group.columns));
        let (_, columns) = self.copied.insert((Arc::clone(layout), columns));
        columns.iter().copied().collect()
    }

    fn write_group(
        &mut self,
        connection: &mut Database,
        rows: &Rows<'_>,
        refused: &mut Vec<RefusedRow>,
    ) -> QueryResult<Written> {
        let model = &rows.model.name;
        if rows.rows.len() >= COPY_ROWS_MIN && self.stages {
            if self.emptied.contains(model) {
                if let Some(written) = tried(connection, |connection| copy_straight(connection, rows))? {
                    return Ok(written);
                }
                // Where one value came twice others will; to try in vain costs more than the stage.
                self.emptied.remove(model);
            }
            if rows.conflict != Conflict::Update {
                // Records that stay as they are need not travel: their ids are enough.
                let new = rows_not_there(connection, rows)?;
                return self.write_by_stage(connection, &Rows { rows: &new, ..*rows }, refused);
            }
            return self.write_by_stage(connection, rows, refused);
        }
        write_values(connection, rows, rows.rows, refused)
    }

    fn write_by_stage(
        &mut self,
        connection: &mut Database,
        rows: &Rows<'_>,
        refused: &mut Vec<RefusedRow>,
    ) -> QueryResult<Written> {
        if rows.rows.len() >= COPY_ROWS_MIN {
            self.make_stage(connection, &rows.model.name, rows.table)?;
            copy(connection, STAGE, rows)?;
            let write = |connection: &mut Database| insert_from_stage(connection, rows);
            // Only a unique field can refuse; where there is none, the savepoint is saved.
            let written =
                if has_unique(rows.model) { tried(connection, write)? } else { Some(write(connection)?) };
            if let Some(written) = written {
                return Ok(written);
            }
        }
        write_values(connection, rows, rows.rows, refused)
    }

    fn make_stage(&mut self, connection: &mut Database, model: &Name, table: &str) -> QueryResult<()> {
        if self.staged.as_ref() == Some(model) {
            return connection.batch_execute(&format!("TRUNCATE {STAGE}"));
        }
        connection.batch_execute(&format!(
            "DROP TABLE IF EXISTS {STAGE}; CREATE TEMPORARY TABLE \"$stage\" (LIKE {table}) ON COMMIT DROP"
        ))?;
        self.staged = Some(model.clone());
        Ok(())
    }
}

fn has_unique(model: &Model) -> bool {
    model.fields.values().any(|field| field.unique)
}

/// Runs `work` in a savepoint; `None` where a unique value stood against it, and nothing was done.
fn tried<T>(
    connection: &mut Database,
    work: impl FnOnce(&mut Database) -> QueryResult<T>,
) -> QueryResult<Option<T>> {
    match in_savepoint(connection, work) {
        Ok(done) => Ok(Some(done)),
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn in_savepoint<T>(
    connection: &mut Database,
    work: impl FnOnce(&mut Database) -> QueryResult<T>,
) -> QueryResult<T> {
    connection.batch_execute("SAVEPOINT rows")?;
    match work(connection) {
        Ok(done) => connection.batch_execute("RELEASE SAVEPOINT rows").map(|()| done),
        Err(error) => {
            // Where the connection is gone this fails as well; the first error says why.
            let _ = connection.batch_execute("ROLLBACK TO SAVEPOINT rows; RELEASE SAVEPOINT rows");
            Err(error)
        }
    }
}

fn copy_straight(connection: &mut Database, rows: &Rows<'_>) -> QueryResult<Written> {
    copy(connection, rows.table, rows)?;
    let ids = rows.rows.iter().map(|row| rows.batch.id(*row).to_owned());
    // Nobody asks for the ids of a batch without conflicts, unless another group of it has some.
    let ids = if rows.batch.groups().len() > 1 { ids.collect() } else { HashSet::new() };
    Ok(Written { inserted: rows.rows.len() as u64, ids })
}

/// The rows whose records are not there now. Somebody else may still make one of them.
fn rows_not_there(connection: &mut Database, rows: &Rows<'_>) -> QueryResult<Vec<u32>> {
    let mut ask = |what: &str| {
        let mut statement = Statement::once(format!("SELECT {what} FROM {}", rows.table));
        push_ids(Dialect::Postgres, rows.rows.iter().map(|row| rows.batch.id(*row)), &mut statement);
        statement.rows(connection)
    };
    // Mostly all are there, or none: then a number says it.
    let count = ask("pg_catalog.count(*)")?.first().and_then(|row| row.int(0)).unwrap_or_default();
    if count == 0 {
        return Ok(rows.rows.to_vec());
    }
    if usize::try_from(count).is_ok_and(|count| count == rows.rows.len()) {
        return Ok(Vec::new());
    }
    let found = ask("\"id\"")?;
    let found: HashSet<&str> = found.iter().filter_map(|row| row.text(0)).collect();
    Ok(rows.rows.iter().copied().filter(|row| !found.contains(rows.batch.id(*row))).collect())
}

/// Copies rows into a table.
fn copy(connection: &mut Database, table: &str, rows: &Rows<'_>) -> QueryResult<()> {
    let mut bytes = Vec::with_capacity(BATCH_BYTES_MAX);
    encode_rows(rows.batch, rows.rows, &rows.group.columns, &mut bytes)?;
    block::copy(connection, &Destination::new(table, &columns(rows)), |out| block::write(&bytes, out))
}

fn encode_rows(batch: &Batch, rows: &[u32], columns: &[usize], out: &mut Vec<u8>) -> QueryResult<()> {
    let layout = batch.layout();
    let typed = |position: &usize| Some((*position, layout.column(*position)?.column_type));
    let types: Vec<_> = columns.iter().filter_map(typed).collect();
    for row in rows {
        codec::row_begin(types.len(), out);
        for (position, column_type) in &types {
            codec::encode(*column_type, batch.value(*row, *position), out)
                .map_err(|error| DieselError::SerializationError(Box::new(error)))?;
        }
    }
    Ok(())
}

fn columns(rows: &Rows<'_>) -> Vec<String> {
    column_names(rows.batch, &rows.group.columns)
}

fn column_names(batch: &Batch, columns: &[usize]) -> Vec<String> {
    let columns = columns.iter().filter_map(|position| batch.layout().column(*position));
    columns.map(|column| column_name(Dialect::Postgres, &column.name)).collect()
}

fn insert_from_stage(connection: &mut Database, rows: &Rows<'_>) -> QueryResult<Written> {
    let columns = columns(rows).join(", ");
    let insert = format!("{}({columns}) SELECT {columns} FROM {STAGE}", insert_head(rows));
    let mut statement = Statement::once(insert);
    finish_insert(connection, rows, &mut statement)
}

/// Writes rows as values, many a statement. Where a unique field refuses one of them, halves are written, until the
/// refused rows stand alone: rows before them in the batch go first.
fn write_values(
    connection: &mut Database,
    rows: &Rows<'_>,
    some: &[u32],
    refused: &mut Vec<RefusedRow>,
) -> QueryResult<Written> {
    let places = rows.group.columns.len().max(1);
    let most = STATEMENT_ROWS_MAX.min(STATEMENT_PLACES_MAX / places).max(1);
    let mut all = Written { inserted: 0, ids: HashSet::new() };
    for chunk in some.chunks(most) {
        let written = write_chunk(connection, rows, chunk, refused)?;
        all.inserted += written.inserted;
        all.ids.extend(written.ids);
    }
    Ok(all)
}

fn write_chunk(
    connection: &mut Database,
    rows: &Rows<'_>,
    chunk: &[u32],
    refused: &mut Vec<RefusedRow>,
) -> QueryResult<Written> {
    let insert = |connection: &mut Database| insert_values(connection, rows, chunk);
    let outcome = if has_unique(rows.model) { in_savepoint(connection, insert) } else { insert(connection) };
    match (outcome, chunk) {
        (Ok(written), _) => Ok(written),
        (Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)), [row]) => {
            let field = refusing_field(rows.model, info.as_ref())
                .ok_or_else(|| DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info))?;
            refused.push(RefusedRow { row: *row, field });
            Ok(Written { inserted: 0, ids: HashSet::new() })
        }
        (Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)), _) => {
            let (first, second) = chunk.split_at(chunk.len() / 2);
            let mut all = write_chunk(connection, rows, first, refused)?;
            let more = write_chunk(connection, rows, second, refused)?;
            all.inserted += more.inserted;
            all.ids.extend(more.ids);
            Ok(all)
        }
        (Err(error), _) => Err(error),
    }
}

fn refusing_field(model: &Model, info: &dyn DatabaseErrorInformation) -> Option<Name> {
    ddl::field_of_unique_index(model, info.constraint_name()?).cloned()
}

fn insert_values(connection: &mut Database, rows: &Rows<'_>, chunk: &[u32]) -> QueryResult<Written> {
    let layout = rows.batch.layout();
    let head = format!("{}({}) VALUES ", insert_head(rows), columns(rows).join(", "));
    let mut statement = Statement::once(head);
    for (index, row) in chunk.iter().enumerate() {
        statement.sql(if index == 0 { "(" } else { ", (" });
        for (place, position) in rows.group.columns.iter().enumerate() {
            statement.sql(if place == 0 { "" } else { ", " });
            if let Some(column) = layout.column(*position) {
                statement.bind_as(column.column_type, owned(rows.batch.value(*row, *position)));
            }
        }
        statement.sql(")");
    }
    finish_insert(connection, rows, &mut statement)
}

fn owned(value: Value<'_>) -> CellValue {
    match value {
        Value::Absent | Value::Null => CellValue::Null,
        Value::Int(number) => CellValue::Int(number),
        Value::Text(text) => CellValue::Text(text.to_owned()),
    }
}

/// What an insert begins with, as [`finish_insert`] ends it.
fn insert_head(rows: &Rows<'_>) -> String {
    let counted = if rows.conflict == Conflict::Update { "WITH \"$written\" AS (" } else { "" };
    format!("{counted}INSERT INTO {} ", rows.table)
}

/// Adds what happens on conflicts, runs the statement and reads what became of the rows.
fn finish_insert(
    connection: &mut Database,
    rows: &Rows<'_>,
    statement: &mut Statement,
) -> QueryResult<Written> {
    let mut written = Written { inserted: 0, ids: HashSet::new() };
    match rows.conflict {
        Conflict::Update => {
            statement.sql(" ON CONFLICT (\"id\") DO UPDATE SET ").sql(&updates(rows));
            // A row that was updated was locked before, which its `xmax` shows. One number travels, not one a row.
            statement.sql(" RETURNING (xmax = 0) AS \"$is_new\")");
            statement.sql(" SELECT pg_catalog.count(*) FILTER (WHERE \"$is_new\") FROM \"$written\"");
            written.inserted = u64::try_from(statement.number(connection)?).unwrap_or_default();
        }
        Conflict::Ignore { report_max: 0 } => {
            statement.sql(" ON CONFLICT (\"id\") DO NOTHING");
            written.inserted = statement.run(connection)? as u64;
        }
        Conflict::Ignore { .. } | Conflict::Fail => {
            statement.sql(" ON CONFLICT (\"id\") DO NOTHING RETURNING \"id\"");
            statement.each(connection, |row| {
                written.inserted += 1;
                written.ids.extend(row.text(0).map(str::to_owned));
                true
            })?;
        }
    }
    Ok(written)
}

fn updates(rows: &Rows<'_>) -> String {
    let layout = rows.batch.layout();
    let columns = rows.group.updates.iter().filter_map(|position| layout.column(*position));
    let set: Vec<_> = columns
        .map(|column| column_name(Dialect::Postgres, &column.name))
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    // SQL wants at least one assignment; this one changes nothing and still counts as an update.
    if set.is_empty() { "\"id\" = excluded.\"id\"".to_owned() } else { set.join(", ") }
}

/// A record that a row met was removed by somebody else before it could be looked at. Done again, the row goes in.
fn record_went() -> DieselError {
    let message = "could not serialize access: a record that was met is gone".to_owned();
    DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, Box::new(message))
}

/// The rows of a batch whose records were there before it, in the batch's order; `existed` says which of them were
/// there before the run.
fn conflicts(
    connection: &mut Database,
    table: &str,
    existed: &str,
    batch: &Batch,
    inserted: &HashSet<String>,
    refused: &[RefusedRow],
) -> QueryResult<Vec<ConflictRow>> {
    let rows: HashMap<&str, u32> = rows_by_id(batch);
    let is_refused: HashSet<u32> = refused.iter().map(|refused| refused.row).collect();
    let met = rows.iter().filter(|(id, row)| !inserted.contains(**id) && !is_refused.contains(row));
    let mut statement = Statement::once(format!("SELECT \"id\", {existed} FROM {table} AS \"$now\""));
    push_ids(Dialect::Postgres, met.map(|(id, _)| *id), &mut statement);
    let found = statement.rows(connection)?;
    let conflict = found.iter().filter_map(|record| {
        let row = *rows.get(record.text(0)?)?;
        Some(ConflictRow { row, existed_before: record.int(1)? != 0 })
    });
    let mut conflicts: Vec<_> = conflict.collect();
    conflicts.sort_unstable_by_key(|conflict| conflict.row);
    Ok(conflicts)
}
