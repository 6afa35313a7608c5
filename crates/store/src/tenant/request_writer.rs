//! Writing the records of one request on PostgreSQL, inside the caller's transaction.
//!
//! A request has few records, and one that is refused ends it. So the rows go into their table by plain statements,
//! many rows each, and nothing is made beside the table.

use std::collections::HashMap;

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use reinstate_describe::ddl::{self, Dialect, column_name};
use reinstate_describe::{Batch, CellValue, RowGroup, Value};
use reinstate_engine::{Conflict, ConflictRow, RefusedRow, WriteOutcome};

use crate::database::Database;
use crate::statement::Statement;

/// Values of one statement at most: PostgreSQL counts its places with 16 bits.
const STATEMENT_PLACES_MAX: usize = 60_000;

/// Rows of one statement at most: beyond, nothing is gained, and the text grows.
const STATEMENT_ROWS_MAX: usize = 1_000;

/// Writes a batch's groups. The first row that is refused ends it: what follows is neither written nor counted.
pub(super) fn write(
    connection: &mut Database,
    batch: &Batch,
    conflict: Conflict,
) -> QueryResult<WriteOutcome> {
    let mut outcome = WriteOutcome::default();
    for group in batch.groups() {
        let columns = group.columns.len().max(1);
        for rows in group.rows.chunks((STATEMENT_PLACES_MAX / columns).clamp(1, STATEMENT_ROWS_MAX)) {
            write_rows(connection, batch, group, rows, conflict, &mut outcome)?;
            if !outcome.refused.is_empty() {
                return Ok(outcome);
            }
        }
    }
    outcome.conflicts.sort_unstable_by_key(|conflict| conflict.row);
    if let Conflict::Ignore { report_max } = conflict {
        outcome.conflicts.truncate(report_max);
    }
    Ok(outcome)
}

/// Writes some rows in one statement. Where a unique field refuses one of them nothing of the statement stays; halves
/// are then written, until the refused row stands alone.
fn write_rows(
    connection: &mut Database,
    batch: &Batch,
    group: &RowGroup,
    rows: &[u32],
    conflict: Conflict,
    outcome: &mut WriteOutcome,
) -> QueryResult<()> {
    let model = batch.layout().model();
    let may_be_refused = rows.len() > 1 && model.fields.values().any(|field| field.unique);
    if may_be_refused {
        connection.batch_execute("SAVEPOINT rows_of_request")?;
    }
    match insert(batch, group, rows, conflict).rows(connection) {
        Ok(written) => {
            let written = written.iter().filter_map(|row| Some((row.text(0)?, row.int(1)? != 0)));
            count(batch, rows, &written.collect(), conflict, outcome);
            if may_be_refused {
                connection.batch_execute("RELEASE SAVEPOINT rows_of_request")
            } else {
                Ok(())
            }
        }
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)) => match rows {
            [row] => {
                let index = info.constraint_name().unwrap_or_default();
                let field = ddl::field_of_unique_index(model, index).cloned();
                let unknown = || DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info);
                outcome.refused.push(RefusedRow { row: *row, field: field.ok_or_else(unknown)? });
                Ok(())
            }
            _ => {
                connection.batch_execute("ROLLBACK TO SAVEPOINT rows_of_request")?;
                let (first, second) = rows.split_at(rows.len() / 2);
                write_rows(connection, batch, group, first, conflict, outcome)?;
                if outcome.refused.is_empty() {
                    write_rows(connection, batch, group, second, conflict, outcome)?;
                }
                Ok(())
            }
        },
        Err(error) => Err(error),
    }
}

/// The statement for some rows; it answers the ids that it wrote and whether they are new.
fn insert(batch: &Batch, group: &RowGroup, rows: &[u32], conflict: Conflict) -> Statement {
    let layout = batch.layout();
    let columns: Vec<_> = group.columns.iter().filter_map(|at| Some((*at, layout.column(*at)?))).collect();
    let quoted = |name| column_name(Dialect::Postgres, name);
    let names: Vec<_> = columns.iter().map(|(_, column)| quoted(&column.name)).collect();
    let table = ddl::table_name(Dialect::Postgres, &layout.model().name);
    let mut statement =
        Statement::once(format!("INSERT INTO {table} AS \"$t\" ({}) VALUES ", names.join(", ")));
    for (index, row) in rows.iter().enumerate() {
        statement.sql(if index == 0 { "(" } else { ", (" });
        for (place, (at, column)) in columns.iter().enumerate() {
            statement.sql(if place == 0 { "" } else { ", " });
            statement.bind_as(column.column_type, owned(batch.value(*row, *at)));
        }
        statement.sql(")");
    }
    statement.sql(" ON CONFLICT (\"id\") DO ");
    match conflict {
        Conflict::Ignore { .. } | Conflict::Fail => statement.sql("NOTHING"),
        Conflict::Update => {
            let updates = group.updates.iter().filter_map(|at| layout.column(*at));
            let mut updates: Vec<_> = updates
                .map(|column| quoted(&column.name))
                .map(|name| format!("{name} = excluded.{name}"))
                .collect();
            if updates.is_empty() {
                // SQL wants at least one assignment; this one changes nothing and still counts as an update.
                updates.push("\"id\" = excluded.\"id\"".to_owned());
            }
            statement.sql("UPDATE SET ").sql(&updates.join(", "))
        }
    };
    // A row that nobody has locked or changed since is one that was just made.
    statement.sql(" RETURNING \"id\", (\"$t\".xmax = 0)");
    statement
}

fn owned(value: Value<'_>) -> CellValue {
    match value {
        Value::Absent | Value::Null => CellValue::Null,
        Value::Int(number) => CellValue::Int(number),
        Value::Text(text) => CellValue::Text(text.to_owned()),
    }
}

/// Adds what became of some rows. `written`: the ids that were written, and whether they are new.
fn count(
    batch: &Batch,
    rows: &[u32],
    written: &HashMap<&str, bool>,
    conflict: Conflict,
    outcome: &mut WriteOutcome,
) {
    let inserted = written.values().filter(|is_new| **is_new).count() as u64;
    outcome.inserted += inserted;
    outcome.updated += written.len() as u64 - inserted;
    outcome.skipped += (rows.len() - written.len().min(rows.len())) as u64;
    if conflict != Conflict::Update {
        let left_out = rows.iter().filter(|row| !written.contains_key(batch.id(**row)));
        outcome.conflicts.extend(left_out.map(|row| ConflictRow { row: *row, existed_before: true }));
    }
}
