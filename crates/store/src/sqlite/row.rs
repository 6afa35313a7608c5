//! A row whose columns are known only at run time.

use diesel::deserialize::{self, QueryableByName};
use diesel::row::{Field, NamedRow, Row};
use diesel::sqlite::{Sqlite, SqliteType};
use reinstate_describe::Value;

use super::statement::Bind;

/// A row read by position: each value as SQLite holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DynamicRow {
    values: Vec<Bind>,
}

impl DynamicRow {
    /// The number at a position.
    pub(crate) fn int(&self, index: usize) -> Option<i64> {
        match self.values.get(index) {
            Some(Bind::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// The text at a position.
    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        match self.values.get(index) {
            Some(Bind::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The value at a position, as a cell's; [`Value::Absent`] beyond the last.
    pub(crate) fn value(&self, index: usize) -> Value<'_> {
        match self.values.get(index) {
            None => Value::Absent,
            Some(Bind::Null) => Value::Null,
            Some(Bind::Int(number)) => Value::Int(*number),
            Some(Bind::Text(text)) => Value::Text(text),
        }
    }

    /// The values in order.
    pub(crate) fn values(&self) -> &[Bind] {
        &self.values
    }

    /// The values in order, the row taken apart.
    pub(crate) fn into_values(self) -> Vec<Bind> {
        self.values
    }
}

impl QueryableByName<Sqlite> for DynamicRow {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        let mut values = Vec::with_capacity(row.field_count());
        for index in 0..row.field_count() {
            let field = Row::get(row, index).ok_or("a row ended too early")?;
            values.push(match field.value() {
                None => Bind::Null,
                Some(mut value) => match value.value_type() {
                    None => Bind::Null,
                    Some(SqliteType::Text) => Bind::Text(value.read_text().to_owned()),
                    Some(SqliteType::SmallInt | SqliteType::Integer | SqliteType::Long) => Bind::Int(value.read_long()),
                    // We never write these two.
                    Some(SqliteType::Float | SqliteType::Double) => return Err("a floating-point value".into()),
                    Some(SqliteType::Binary) => return Err("a binary value".into()),
                },
            });
        }
        Ok(Self { values })
    }
}
