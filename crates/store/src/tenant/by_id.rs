//! Records read by their ids, in the form in which the rules of writing want them.
//!
//! Whoever reads them so decides a write by them, so nobody else may change them before the transaction ends.
//! SQLite has one writer at a time anyway; PostgreSQL is asked to lock them.

use std::collections::HashMap;

use diesel::QueryResult;
use reinstate_describe::ddl::{self, Dialect, Stage, column_name};
use reinstate_describe::{BaseType, Batch, CellValue, ColumnType, Layout};
use reinstate_engine::Existing;

use crate::database::Database;
use crate::statement::Statement;

/// Reads columns of the existing records that a batch's rows name by id.
pub(super) fn records_find(
    connection: &mut Database,
    batch: &Batch,
    columns: &[usize],
) -> QueryResult<Existing> {
    records_find_at(connection, batch, columns, Stage::Live)
}

/// [`records_find`] in the model's table at a stage.
pub(super) fn records_find_at(
    connection: &mut Database,
    batch: &Batch,
    columns: &[usize],
    stage: Stage,
) -> QueryResult<Existing> {
    let rows = rows_by_id(batch);
    let table = ddl::table_name_at(connection.dialect(), &batch.layout().model().name, stage);
    let found = cells_in(connection, &table, batch.layout(), rows.keys().copied(), columns)?;
    Ok(found.into_iter().filter_map(|(id, cells)| Some((*rows.get(id.as_str())?, cells))).collect())
}

/// Reads columns (positions in the layout) of the records among `ids` that exist.
pub(super) fn cells_by_id<'a>(
    connection: &mut Database,
    layout: &Layout,
    ids: impl Iterator<Item = &'a str>,
    columns: &[usize],
) -> QueryResult<HashMap<String, Vec<CellValue>>> {
    let table = ddl::table_name(connection.dialect(), &layout.model().name);
    cells_in(connection, &table, layout, ids, columns)
}

fn cells_in<'a>(
    connection: &mut Database,
    table: &str,
    layout: &Layout,
    ids: impl Iterator<Item = &'a str>,
    columns: &[usize],
) -> QueryResult<HashMap<String, Vec<CellValue>>> {
    let dialect = connection.dialect();
    let mut statement = Statement::new("SELECT \"id\"");
    for column in columns.iter().filter_map(|position| layout.column(*position)) {
        statement.sql(", ").sql(&column_name(dialect, &column.name));
    }
    statement.sql(" FROM ").sql(table);
    push_ids(dialect, ids, &mut statement);
    if dialect == Dialect::Postgres {
        // In the order of ids, so that two writers of the same records wait for each other and never in a circle.
        statement.sql(" ORDER BY \"id\" FOR UPDATE");
    }
    let found = statement.rows(connection)?.into_iter().filter_map(|row| {
        let mut cells = row.into_values().into_iter();
        match cells.next() {
            Some(CellValue::Text(id)) => Some((id, cells.collect())),
            _ => None,
        }
    });
    Ok(found.collect())
}

/// Adds the condition that a record's id is one of `ids`, all of which go in as one value.
pub(crate) fn push_ids<'a>(dialect: Dialect, ids: impl Iterator<Item = &'a str>, out: &mut Statement) {
    // No record has a NUL in its id, and PostgreSQL takes none in a text.
    let ids = serde_json::Value::from_iter(ids.filter(|id| !id.contains('\0'))).to_string();
    match dialect {
        Dialect::Sqlite => {
            out.sql(" WHERE \"id\" IN (SELECT value FROM json_each(").text(ids).sql("))");
        }
        Dialect::Postgres => {
            let texts = ColumnType { base: BaseType::Text, array: true };
            out.sql(" WHERE \"id\" = ANY(").bind_as(texts, CellValue::Text(ids)).sql(")");
        }
    }
}

/// The rows of a batch by the ids of their records.
pub(super) fn rows_by_id(batch: &Batch) -> HashMap<&str, u32> {
    let rows = batch.groups().iter().flat_map(|group| group.rows.iter());
    rows.map(|row| (batch.id(*row), *row)).collect()
}
