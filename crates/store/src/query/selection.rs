//! The records of an extract as SQL: by the same conditions as lists, but all columns of all records, trashed ones
//! included, in the order of ids.

use reinstate_describe::ddl::{Dialect, table_name};
use reinstate_describe::{AccessLevel, Trashed};
use reinstate_engine::Selection;

use super::predicate::push_filter;
use super::{TableRef, push_visible, select, selected};
use crate::error::StoreError;
use crate::statement::Statement;

/// Reads every column of the selected records in the order of ids, which both backends compare byte by byte.
/// `condition`: one more, in SQL of our own.
///
/// # Errors
/// Where the filter names a column that the layout does not have.
pub(crate) fn selection_read(
    dialect: Dialect,
    selection: &Selection<'_>,
    condition: &str,
) -> Result<Statement, StoreError> {
    let columns = selected(selection.layout, None);
    let table = table_name(dialect, &selection.layout.model().name);
    let mut statement = select(dialect, &columns, TableRef { table: &table, only: None }, None);
    push_selection(dialect, selection, condition, &table, &mut statement)?;
    statement.sql(" ORDER BY \"id\"");
    Ok(statement)
}

/// Counts the selected records.
///
/// # Errors
/// As [`selection_read`].
pub(crate) fn selection_count(
    dialect: Dialect,
    selection: &Selection<'_>,
    condition: &str,
) -> Result<Statement, StoreError> {
    let table = table_name(dialect, &selection.layout.model().name);
    let mut statement = Statement::once(format!("SELECT count(*) FROM {table}"));
    push_selection(dialect, selection, condition, &table, &mut statement)?;
    Ok(statement)
}

fn push_selection(
    dialect: Dialect,
    selection: &Selection<'_>,
    condition: &str,
    table: &str,
    out: &mut Statement,
) -> Result<(), StoreError> {
    out.sql(" WHERE ").sql(condition);
    if selection.caller.level < AccessLevel::Read {
        out.sql(" AND FALSE");
    }
    if let Some(filter) = selection.filter {
        out.sql(" AND (");
        push_filter(dialect, filter, selection.layout, out)?;
        out.sql(")");
    }
    push_visible(dialect, TableRef { table, only: None }, Some(selection.caller), Trashed::Include, out);
    Ok(())
}
