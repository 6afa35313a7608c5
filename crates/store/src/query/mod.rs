//! Reading records by a list query: the filter becomes SQL with bound values, each row one JSON object.
//!
//! The same code reads a tenant's models and the static tables of the control plane that the Data API shows as
//! models: what differs is the [`TableRef`].

mod array;
mod like;
mod predicate;
mod readable;
mod selection;

use std::cell::RefCell;
use std::collections::HashMap;

use reinstate_describe::ddl::{Dialect, column_name};
use reinstate_describe::record_json::write_record;
use reinstate_describe::system::position;
use reinstate_describe::{Caller, Column, Layout, ListQuery, ModelStatus, Order, Trashed};

use crate::database::Database;
use crate::database::kept::Kept;
use crate::error::StoreError;
use crate::row::DynamicRow;
use crate::statement::Statement;
use crate::tenant::push_ids;
use predicate::{push_filter, push_sort_key};
use readable::push_readable_by;
pub(crate) use selection::{selection_count, selection_read};

/// Bytes of records after which a page ends before its limit: an answer is held in memory, and records may be
/// megabytes each.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The table to read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableRef<'a> {
    /// Name of a table or a view, quoted already, that has a column for each of the layout's.
    pub table: &'a str,
    /// Shows only the rows that hold a value: the tenant's, in tables that all tenants share.
    pub only: Option<Only<'a>>,
}

/// A column that must hold a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Only<'a> {
    /// The column's name, quoted already.
    pub column: &'a str,
    /// The value, which is bound.
    pub value: &'a str,
}

/// What a statement that reads without a transaction relies on: the definitions that its SQL was made by. It reads
/// their version in the same look as the records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// Name of the table with the version, quoted already.
    pub(crate) catalog: &'a str,
    /// The version.
    pub(crate) version: i64,
    /// Which statements the connection keeps prepared.
    pub(crate) kept: &'a RefCell<Kept>,
}

/// One page of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordPage {
    /// The records, each as the text of a JSON object.
    pub records: Vec<String>,
    /// Whether there are more after these.
    pub has_more: bool,
    /// How many records match in all, where that was asked for.
    pub total: Option<u64>,
    /// The limit that was applied.
    pub limit: u32,
    /// How many matching records were passed over.
    pub offset: u64,
}

/// Reads one page. Rows that `caller` may not read are as if they were not there; without a caller none is
/// hidden. Run it in a transaction where page and total must agree.
///
/// # Errors
/// Where the database fails.
pub(crate) fn list(
    connection: &mut Database,
    table: TableRef<'_>,
    layout: &Layout,
    caller: Option<&Caller>,
    query: &ListQuery,
) -> Result<RecordPage, StoreError> {
    let mut page = page(connection, table, layout, caller, query, None)?.unwrap_or_default();
    if query.count {
        let mut count = Statement::once(format!("SELECT count(*) FROM {}", table.table));
        push_conditions(connection.dialect(), table, layout, caller, query, &mut count)?;
        let count =
            count.number(connection).map_err(|error| StoreError::from_diesel("counting records", error))?;
        page.total = Some(u64::try_from(count).unwrap_or_default());
    }
    Ok(page)
}

/// Reads one page without its total by a single statement, which needs no transaction; `None` where the definitions
/// are not the expected ones, or where no record tells.
///
/// # Errors
/// Where the database fails, which it does too where the definitions are other ones.
pub(crate) fn list_expecting(
    connection: &mut Database,
    table: TableRef<'_>,
    layout: &Layout,
    caller: Option<&Caller>,
    query: &ListQuery,
    expected: Expected<'_>,
) -> Result<Option<RecordPage>, StoreError> {
    page(connection, table, layout, caller, query, Some(expected))
}

fn page(
    connection: &mut Database,
    table: TableRef<'_>,
    layout: &Layout,
    caller: Option<&Caller>,
    query: &ListQuery,
    expected: Option<Expected<'_>>,
) -> Result<Option<RecordPage>, StoreError> {
    let dialect = connection.dialect();
    let columns = selected(layout, query.select.as_deref());
    let mut page = select(dialect, &columns, table, expected);
    push_conditions(dialect, table, layout, caller, query, &mut page)?;
    push_order(dialect, layout, &query.order, &mut page);
    // One more than asked for tells whether there are more.
    page.sql(" LIMIT ").int(i64::from(query.limit) + 1);
    page.sql(" OFFSET ").int(i64::try_from(query.offset).unwrap_or(i64::MAX));
    if let Some(expected) = expected {
        page.kept_by(expected.kept);
    }
    let (mut records, mut bytes, mut has_more) = (Vec::new(), 0, false);
    let mut is_as_expected = expected.is_none();
    page.each(connection, |row| {
        has_more = records.len() >= query.limit as usize || bytes >= PAGE_BYTES_MAX;
        if !has_more {
            is_as_expected = is_expected(expected, &columns, row);
            let record = record_text(&columns, row);
            bytes += record.len();
            records.push(record);
        }
        !has_more
    })
    .map_err(|error| StoreError::from_diesel("listing records", error))?;
    let page = RecordPage { records, has_more, total: None, limit: query.limit, offset: query.offset };
    Ok(is_as_expected.then_some(page))
}

/// Reads one record as the text of a JSON object; `None` where there is none that `caller` may read.
///
/// # Errors
/// Where the database fails.
pub(crate) fn get(
    connection: &mut Database,
    table: TableRef<'_>,
    layout: &Layout,
    caller: Option<&Caller>,
    id: &str,
    trashed: Trashed,
) -> Result<Option<String>, StoreError> {
    get_expecting(connection, table, layout, caller, (id, trashed), None)
}

/// [`get`] by a single statement, which needs no transaction where something is expected: `None` too where the
/// definitions are other ones.
///
/// # Errors
/// Where the database fails, which it does too where the definitions are other ones.
pub(crate) fn get_expecting(
    connection: &mut Database,
    table: TableRef<'_>,
    layout: &Layout,
    caller: Option<&Caller>,
    (id, trashed): (&str, Trashed),
    expected: Option<Expected<'_>>,
) -> Result<Option<String>, StoreError> {
    if id.contains('\0') {
        // No record has such an id, and PostgreSQL does not even take the question.
        return Ok(None);
    }
    let dialect = connection.dialect();
    let columns = selected(layout, None);
    let mut statement = select(dialect, &columns, table, expected);
    statement.sql(" WHERE \"id\" = ").text(id);
    push_visible(dialect, table, caller, trashed, &mut statement);
    if let Some(expected) = expected {
        statement.kept_by(expected.kept);
    }
    let rows =
        statement.rows(connection).map_err(|error| StoreError::from_diesel("reading a record", error))?;
    let row = rows.first().filter(|row| is_expected(expected, &columns, row));
    Ok(row.map(|row| record_text(&columns, row)))
}

/// Reads the records among `ids` that exist, by their ids. Rows that `caller` may not read are as if they were not
/// there; without a caller none is hidden. Where something is expected, the caller's transaction sees to it that it is
/// so.
///
/// # Errors
/// Where the database fails.
pub(crate) fn by_ids(
    connection: &mut Database,
    table: TableRef<'_>,
    layout: &Layout,
    (ids, trashed): (&[impl AsRef<str>], Trashed),
    caller: Option<&Caller>,
    expected: Option<Expected<'_>>,
) -> Result<HashMap<String, String>, StoreError> {
    let dialect = connection.dialect();
    let columns = selected(layout, None);
    let mut statement = select(dialect, &columns, table, expected);
    push_ids(dialect, ids.iter().map(AsRef::as_ref), &mut statement);
    push_visible(dialect, table, caller, trashed, &mut statement);
    if let Some(expected) = expected {
        statement.kept_by(expected.kept);
    }
    let rows =
        statement.rows(connection).map_err(|error| StoreError::from_diesel("reading records", error))?;
    let record = |row: &DynamicRow| Some((row.text(position::ID)?.to_owned(), record_text(&columns, row)));
    Ok(rows.iter().filter_map(record).collect())
}

fn selected<'a>(layout: &'a Layout, select: Option<&[usize]>) -> Vec<&'a Column> {
    match select {
        None => layout.columns().collect(),
        Some(positions) => positions.iter().filter_map(|position| layout.column(*position)).collect(),
    }
}

fn select(
    dialect: Dialect,
    columns: &[&Column],
    table: TableRef<'_>,
    expected: Option<Expected<'_>>,
) -> Statement {
    let mut statement = Statement::once("SELECT ");
    if let Some(Expected { version, .. }) = expected {
        // A statement that is kept belongs to the definitions that it was made by: by others, the columns of the same
        // names may have other types.
        statement.sql(&format!("/* {version} */ "));
    }
    for (index, column) in columns.iter().enumerate() {
        statement.sql(if index == 0 { "" } else { ", " }).sql(&column_name(dialect, &column.name));
    }
    if let Some(Expected { catalog, .. }) = expected {
        statement.sql(", (SELECT \"version\" FROM ").sql(catalog).sql(")");
    }
    statement.sql(" FROM ").sql(table.table);
    statement
}

/// Whether a row was read with the definitions that its statement was made by.
fn is_expected(expected: Option<Expected<'_>>, columns: &[&Column], row: &DynamicRow) -> bool {
    expected.is_none_or(|expected| row.int(columns.len()) == Some(expected.version))
}

fn push_conditions(
    dialect: Dialect,
    table: TableRef<'_>,
    layout: &Layout,
    caller: Option<&Caller>,
    query: &ListQuery,
    out: &mut Statement,
) -> Result<(), StoreError> {
    out.sql(" WHERE ");
    match &query.filter {
        None => {
            out.sql("TRUE");
        }
        Some(filter) => {
            out.sql("(");
            push_filter(dialect, filter, layout, out)?;
            out.sql(")");
        }
    }
    push_visible(dialect, table, caller, query.trashed, out);
    Ok(())
}

fn push_visible(
    dialect: Dialect,
    table: TableRef<'_>,
    caller: Option<&Caller>,
    trashed: Trashed,
    out: &mut Statement,
) {
    if let Some(only) = table.only {
        out.sql(" AND ").sql(only.column).sql(" = ").text(only.value);
    }
    out.sql(match trashed {
        Trashed::Exclude => " AND \"trashed_at\" IS NULL",
        Trashed::Include => "",
        Trashed::Only => " AND \"trashed_at\" IS NOT NULL",
    });
    if let Some(caller) = caller.filter(|caller| !caller.ignores_record_lists()) {
        out.sql(" AND ");
        push_readable_by(dialect, caller, out);
    }
}

fn push_order(dialect: Dialect, layout: &Layout, order: &[Order], out: &mut Statement) {
    let keys = order.iter().filter_map(|key| Some((layout.column(key.column)?, key.descending)));
    for (index, (column, descending)) in keys.enumerate() {
        out.sql(if index == 0 { " ORDER BY " } else { ", " });
        push_sort_key(dialect, column, out);
        // The list language counts nulls as less than everything, as SQLite does by itself.
        // Where there are none, asking for their place would only keep PostgreSQL from reading an index in order.
        out.sql(match (dialect, descending) {
            _ if is_never_null(layout, column) => {
                if descending {
                    " DESC"
                } else {
                    ""
                }
            }
            (Dialect::Sqlite, false) => "",
            (Dialect::Sqlite, true) => " DESC",
            (Dialect::Postgres, false) => " NULLS FIRST",
            (Dialect::Postgres, true) => " DESC NULLS LAST",
        });
    }
}

/// Whether every record has a value in a column: its id, and in our own tables its instants as well.
fn is_never_null(layout: &Layout, column: &Column) -> bool {
    let is_ours = layout.model().status == ModelStatus::System;
    let instants = ["created_at", "updated_at"];
    column.field.is_none()
        && (column.name.as_str() == "id" || is_ours && instants.contains(&column.name.as_str()))
}

fn record_text(columns: &[&Column], row: &DynamicRow) -> String {
    let mut text = String::new();
    let cells = columns.iter().enumerate().map(|(index, column)| (*column, row.value(index)));
    write_record(cells, &mut text);
    text
}
