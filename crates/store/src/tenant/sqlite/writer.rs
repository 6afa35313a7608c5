//! Writing a batch set-wise, inside the caller's transaction.
//!
//! Each group of rows goes in by one statement that reads them from the batch; the database itself decides
//! conflicts and uniqueness. How many were inserted is read off the growth of the row numbers: while a batch is written nothing is removed, and an
//! update takes no new number.

use std::collections::HashMap;

use super::super::by_id::{push_ids, rows_by_id};
use super::insert::{Insert, OnId};
use crate::database::Database;
use crate::sqlite::row_table::{Rows, Stopped};
use crate::statement::Statement;
use diesel::connection::CacheSize;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{Connection, QueryResult};
use reinstate_describe::ddl::{Dialect, SEQUENCE_COLUMN, key_index_name, table_name};
use reinstate_describe::{Batch, Name, RowGroup};
use reinstate_engine::{Conflict, ConflictRow, RefusedRow, WriteOutcome};

/// Prepared inserts kept at most: records may come with any number of key sets.
const STATEMENTS_KEPT_MAX: usize = 32;

/// Writes batches on one connection.
#[derive(Debug, Default)]
pub(in crate::tenant) struct Writer {
    /// For each model the greatest row number when it was first written to.
    watermarks: HashMap<Name, i64>,
    /// The model and the key sets whose inserts are prepared.
    prepared: (Option<Name>, Vec<Vec<usize>>),
    /// Whether most ids of the last batch were there. The next batch mostly is like it.
    most_are_there: bool,
    /// Rows of a group in the order of their ids; kept for the next.
    order: Vec<u32>,
}

impl Writer {
    /// Forgets what was there before: the model was emptied, or is new.
    pub(super) fn model_emptied(&mut self, model: &Name) {
        self.watermarks.insert(model.clone(), 0);
    }

    /// Writes a batch's groups; rows that conflict or are refused are part of the outcome.
    pub(in crate::tenant) fn write(
        &mut self,
        connection: &mut Database,
        batch: &Batch,
        conflict: Conflict,
    ) -> QueryResult<WriteOutcome> {
        let model = &batch.layout().model().name;
        let table = table_name(Dialect::Sqlite, model);
        let before = greatest_number(connection, &table)?;
        let watermark = *self.watermarks.entry(model.clone()).or_insert(before);
        let on_id = match conflict {
            Conflict::Update => OnId::Update,
            Conflict::Ignore { .. } | Conflict::Fail => OnId::Nothing,
        };
        let most_are_there = self.most_are_there && on_id == OnId::Nothing;
        let mut refused = Vec::new();
        for group in batch.groups() {
            self.keep_few_statements(connection, model, &group.columns);
            let rows = self.ordered(connection, batch, group)?;
            if most_are_there && write_mostly_there(connection, &table, batch, group, rows)? {
                continue;
            }
            write_rows(connection, batch, &Insert::new(&table, batch, group, on_id), rows, &mut refused)?;
        }
        refused.sort_unstable_by_key(|refused: &RefusedRow| refused.row);
        let after = greatest_number(connection, &table)?;
        let inserted = u64::try_from(after - before).unwrap_or_default();
        let rest = (batch.rows_to_write() as u64).saturating_sub(inserted + refused.len() as u64);
        self.most_are_there = rest > inserted;
        let mut outcome = WriteOutcome { inserted, refused, ..WriteOutcome::default() };
        match conflict {
            Conflict::Update => outcome.updated = rest,
            Conflict::Ignore { report_max } => {
                outcome.skipped = rest;
                if rest > 0 && report_max > 0 {
                    outcome.conflicts = conflicts(connection, &table, batch, before, watermark)?;
                    outcome.conflicts.truncate(report_max);
                }
            }
            Conflict::Fail => {
                outcome.skipped = rest;
                if rest > 0 {
                    outcome.conflicts = conflicts(connection, &table, batch, before, watermark)?;
                }
            }
        }
        Ok(outcome)
    }

    /// Writes a batch of which surely nothing is there, into a table that has no key to ask.
    pub(super) fn write_unasked(
        &mut self,
        connection: &mut Database,
        batch: &Batch,
    ) -> QueryResult<WriteOutcome> {
        let model = &batch.layout().model().name;
        let table = table_name(Dialect::Sqlite, model);
        for group in batch.groups() {
            self.keep_few_statements(connection, model, &group.columns);
            let insert = Insert::new(&table, batch, group, OnId::Unasked);
            let written = insert.execute(connection, Rows { batch, numbers: &group.rows });
            written.map_err(|stopped| stopped.error)?;
        }
        self.most_are_there = false;
        Ok(WriteOutcome { inserted: batch.rows_to_write() as u64, ..WriteOutcome::default() })
    }

    /// The rows of a group in the order in which they are best written: neighbours in the index of ids one after
    /// the other. Where a field is unique the order of lines decides whether a value is free, so it stays.
    fn ordered<'a>(
        &'a mut self,
        connection: &mut Database,
        batch: &Batch,
        group: &'a RowGroup,
    ) -> QueryResult<&'a [u32]> {
        let model = &batch.layout().model().name;
        if group.rows.is_sorted_by_key(|row| batch.id(*row)) || has_unique_field(connection, model)? {
            return Ok(&group.rows);
        }
        self.order.clear();
        self.order.extend(&group.rows);
        self.order.sort_unstable_by_key(|row| batch.id(*row));
        Ok(&self.order)
    }

    /// Throws prepared statements away with the model that they were for, and when there are many.
    fn keep_few_statements(&mut self, connection: &mut Database, model: &Name, columns: &[usize]) {
        let (of_model, key_sets) = &mut self.prepared;
        let is_same = of_model.as_ref() == Some(model);
        if is_same && key_sets.iter().any(|known| known == columns) {
            return;
        }
        if !is_same || key_sets.len() >= STATEMENTS_KEPT_MAX {
            // Changing the size is diesel's only way to empty its cache.
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            connection.set_prepared_statement_cache_size(CacheSize::Unbounded);
            *of_model = Some(model.clone());
            key_sets.clear();
        }
        key_sets.push(columns.to_vec());
    }
}

fn greatest_number(connection: &mut Database, table: &str) -> QueryResult<i64> {
    Statement::new(format!("SELECT max({SEQUENCE_COLUMN}) FROM {table}")).number(connection)
}

/// Whether the table refuses rows for more than their ids.
fn has_unique_field(connection: &mut Database, model: &Name) -> QueryResult<bool> {
    let table = table_name(Dialect::Sqlite, model);
    let mut statement = Statement::new("SELECT EXISTS (SELECT 1 FROM pragma_index_list(");
    // A key that is part of the table itself has another origin.
    statement.text(table.trim_matches('"')).sql(") WHERE \"unique\" AND \"origin\" = 'c' AND \"name\" <> ");
    statement.text(key_index_name(model).trim_matches('"')).sql(")");
    Ok(statement.number(connection)? != 0)
}

/// Writes the rows of a group of which most are there, unless a unique field refuses one: false then. Which one
/// cannot be told here, because SQLite reads all rows before it writes any of them.
fn write_mostly_there(
    connection: &mut Database,
    table: &str,
    batch: &Batch,
    group: &RowGroup,
    rows: &[u32],
) -> QueryResult<bool> {
    let insert = Insert::new(table, batch, group, OnId::NothingMostly);
    match insert.execute(connection, Rows { batch, numbers: rows }) {
        Ok(()) => Ok(true),
        Err(Stopped { error: DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _), .. }) => {
            Ok(false)
        }
        Err(Stopped { error, .. }) => Err(error),
    }
}

/// Writes the rows of a group. Where a unique field refuses one of them the statement stops there; those before it
/// are then written again, since an update takes the whole statement back and an insert does not, and those after
/// it follow. Rows that were in already are met as conflicts of their own ids: they stay as they are or are updated
/// to themselves, and add nothing to the row numbers.
fn write_rows(
    connection: &mut Database,
    batch: &Batch,
    insert: &Insert,
    mut rows: &[u32],
    refused: &mut Vec<RefusedRow>,
) -> QueryResult<()> {
    while !rows.is_empty() {
        let outcome = insert.execute(connection, Rows { batch, numbers: rows });
        let Err(Stopped { error, at }) = outcome else { return Ok(()) };
        let DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) = &error else {
            return Err(error);
        };
        let (before, from) = rows.split_at(at.min(rows.len() - 1));
        write_rows(connection, batch, insert, before, refused)?;
        rows = from;
        if let (true, Some((row, after))) = (before.is_empty(), from.split_first()) {
            let Some(field) = refusing_field(info.message()) else { return Err(error) };
            refused.push(RefusedRow { row: *row, field });
            rows = after;
        }
    }
    Ok(())
}

/// The field in SQLite's `UNIQUE constraint failed: TABLE.FIELD`.
fn refusing_field(message: &str) -> Option<Name> {
    let (_, field) = message.rsplit_once('.')?;
    Name::new(field.trim()).ok()
}

/// The rows of a batch whose records were there before it, in the batch's order.
fn conflicts(
    connection: &mut Database,
    table: &str,
    batch: &Batch,
    before: i64,
    watermark: i64,
) -> QueryResult<Vec<ConflictRow>> {
    let rows = rows_by_id(batch);
    let mut statement = Statement::new(format!("SELECT \"id\", {SEQUENCE_COLUMN} FROM {table}"));
    push_ids(Dialect::Sqlite, rows.keys().copied(), &mut statement);
    statement.sql(&format!(" AND {SEQUENCE_COLUMN} <= ")).int(before);
    let found = statement.rows(connection)?;
    let conflict = found.iter().filter_map(|record| {
        let row = *rows.get(record.text(0)?)?;
        Some(ConflictRow { row, existed_before: record.int(1)? <= watermark })
    });
    let mut conflicts: Vec<_> = conflict.collect();
    conflicts.sort_unstable_by_key(|conflict| conflict.row);
    Ok(conflicts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusing_field_is_read_from_the_message() {
        let field = refusing_field("UNIQUE constraint failed: orders.number");
        assert_eq!(field, Some(Name::new("number").unwrap()));
        assert_eq!(refusing_field("disk I/O error"), None);
    }
}
