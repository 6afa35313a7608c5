//! Statements that make and unmake the tables of models, as text for a dialect.
//!
//! Nothing but checked names gets into them: rules on values live in the record parser, so no literal is ever
//! written. Internal names hold a `$`, which no name of a model or field can.

use crate::field_type::ColumnType;
use crate::model::{Field, Model};
use crate::name::Name;

/// The SQL that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3
    Sqlite,
}

/// The column of rows' internal number, in the order of insertion.
pub const SEQUENCE_COLUMN: &str = "\"$seq\"";

/// A name in double quotes. A [`Name`] holds no quote, so that nothing needs escaping.
#[must_use]
pub fn quote(name: &Name) -> String {
    format!("\"{name}\"")
}

/// The quoted table of a model.
#[must_use]
pub fn table_name(dialect: Dialect, model: &Name) -> String {
    let _ = (dialect, model);
    todo!()
}

/// The type of a column in `CREATE TABLE`.
#[must_use]
pub const fn column_type_name(dialect: Dialect, column_type: ColumnType) -> &'static str {
    let _ = (dialect, column_type);
    todo!()
}

/// Creates the table of a model, without its indexes.
#[must_use]
pub fn create_table(dialect: Dialect, model: &Model) -> String {
    let _ = (dialect, model);
    todo!()
}

/// The statements for the indexes of a whole model, unique ones included.
#[must_use]
pub fn create_indexes(dialect: Dialect, model: &Model) -> Vec<String> {
    let _ = (dialect, model);
    todo!()
}

/// Adds the column of a field, without its indexes.
#[must_use]
pub fn add_column(dialect: Dialect, model: &Name, field: &Field) -> String {
    let _ = (dialect, model, field);
    todo!()
}

/// The quoted name of the unique index of a field.
#[must_use]
pub fn unique_index_name(model: &Name, field: &Name) -> String {
    format!("\"$u${model}${field}\"")
}

/// The quoted name of the plain index of a field.
#[must_use]
pub fn index_name(model: &Name, field: &Name) -> String {
    format!("\"$i${model}${field}\"")
}

/// The statements for the indexes of one field: a unique one, else a plain one, else none.
#[must_use]
pub fn create_index(dialect: Dialect, model: &Name, field: &Field) -> Vec<String> {
    let _ = (dialect, model, field);
    todo!()
}

/// Drops both indexes of a field, where they are.
#[must_use]
pub fn drop_indexes(dialect: Dialect, model: &Name, field: &Name) -> Vec<String> {
    let _ = (dialect, model, field);
    todo!()
}

/// Drops the table of a model with its indexes.
#[must_use]
pub fn drop_table(dialect: Dialect, model: &Name) -> String {
    let _ = (dialect, model);
    todo!()
}

/// Drops the column of a field; its indexes must be dropped before.
#[must_use]
pub fn drop_column(dialect: Dialect, model: &Name, field: &Name) -> String {
    let _ = (dialect, model, field);
    todo!()
}
