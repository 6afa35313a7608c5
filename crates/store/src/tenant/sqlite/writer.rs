//! Writing a batch set-wise, inside the caller's transaction.
//!
//! Rows go in by the dozen a statement; the database itself decides conflicts and uniqueness. How many were
//! inserted is read off the growth of the row numbers: while a batch is written nothing is removed, and an
//! update takes no new number.

use std::collections::HashMap;

use super::super::by_id::{push_ids, rows_by_id};
use super::insert::{Insert, InsertText, OnId};
use crate::database::Database;
use crate::statement::Statement;
use diesel::connection::CacheSize;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::{Connection, QueryResult, RunQueryDsl};
use reinstate_describe::ddl::{Dialect, SEQUENCE_COLUMN, table_name};
use reinstate_describe::{Batch, Name, RowGroup, Value};
use reinstate_engine::{Conflict, ConflictRow, RefusedRow, WriteOutcome};

/// Rows of one statement at most: beyond, measured, nothing is gained.
const STATEMENT_ROWS_MAX: usize = 50;

/// Rows of one statement where fewer are left than [`STATEMENT_ROWS_MAX`]; the rest goes one by one. With three
/// sizes only, prepared statements come again.
const STATEMENT_ROWS_FEW: usize = 10;

/// Places for values that SQLite gives one statement.
const STATEMENT_PLACES_MAX: usize = 32_766;

/// Prepared inserts kept at most: records may come with any number of key sets.
const STATEMENTS_KEPT_MAX: usize = 32;

/// Writes batches on one connection.
#[derive(Debug, Default)]
pub(in crate::tenant) struct Writer {
    /// For each model the greatest row number when it was first written to.
    watermarks: HashMap<Name, i64>,
    /// The model and the key sets whose inserts are prepared.
    prepared: (Option<Name>, Vec<Vec<usize>>),
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
        let mut refused = Vec::new();
        for group in batch.groups() {
            self.keep_few_statements(connection, model, &group.columns);
            let text = InsertText::new(&table, batch, group, on_id);
            write_group(connection, batch, group, &text, &mut refused)?;
        }
        refused.sort_unstable_by_key(|refused: &RefusedRow| refused.row);
        let after = greatest_number(connection, &table)?;
        let inserted = u64::try_from(after - before).unwrap_or_default();
        let rest = (batch.rows_to_write() as u64).saturating_sub(inserted + refused.len() as u64);
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

fn write_group(
    connection: &mut Database,
    batch: &Batch,
    group: &RowGroup,
    text: &InsertText,
    refused: &mut Vec<RefusedRow>,
) -> QueryResult<()> {
    let columns = group.columns.len().max(1);
    let fits = (STATEMENT_PLACES_MAX / columns).max(1);
    let mut values = Vec::new();
    let mut rest = group.rows.as_slice();
    while !rest.is_empty() {
        let count = [STATEMENT_ROWS_MAX, STATEMENT_ROWS_FEW, 1]
            .into_iter()
            .map(|size| size.min(fits))
            .find(|size| rest.len() >= *size)
            .unwrap_or(1);
        let (chunk, after) = rest.split_at(count);
        write_rows(connection, batch, group, text, chunk, &mut values, refused)?;
        rest = after;
    }
    Ok(())
}

/// Writes some rows in one statement. Where a unique field refuses one of them the database stops there; halves
/// are then written, until the refused rows stand alone. Rows that were in already are met again as conflicts
/// of their own ids: they stay as they are or are updated to themselves, and add nothing to the row numbers.
fn write_rows<'a>(
    connection: &mut Database,
    batch: &'a Batch,
    group: &RowGroup,
    text: &InsertText,
    rows: &[u32],
    values: &mut Vec<Value<'a>>,
    refused: &mut Vec<RefusedRow>,
) -> QueryResult<()> {
    values.clear();
    for row in rows {
        values.extend(group.columns.iter().map(|column| batch.value(*row, *column)));
    }
    let insert = Insert::new(text, values, group.columns.len());
    let outcome = match connection {
        Database::Sqlite(connection) => RunQueryDsl::execute(insert, connection),
        Database::Postgres(_) => Err(DieselError::NotFound),
    };
    match (outcome, rows) {
        (Ok(_), _) => Ok(()),
        (Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)), [row]) => {
            let field = refusing_field(info.message())
                .ok_or_else(|| DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info))?;
            refused.push(RefusedRow { row: *row, field });
            Ok(())
        }
        (Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)), _) => {
            let (first, second) = rows.split_at(rows.len() / 2);
            write_rows(connection, batch, group, text, first, values, refused)?;
            write_rows(connection, batch, group, text, second, values, refused)
        }
        (Err(error), _) => Err(error),
    }
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
