//! A row whose columns are known only at run time.

use diesel::deserialize::{self, QueryableByName};
use diesel::pg::Pg;
use diesel::row::{Field, NamedRow, Row};
use diesel::sqlite::{Sqlite, SqliteType};
use reinstate_describe::{CellValue, Value};

use crate::postgres::codec;

/// A row read by position, each value as a cell: alike on both backends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DynamicRow {
    values: Vec<CellValue>,
}

impl DynamicRow {
    /// The number at a position.
    pub(crate) fn int(&self, index: usize) -> Option<i64> {
        match self.values.get(index) {
            Some(CellValue::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// The text at a position.
    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        match self.values.get(index) {
            Some(CellValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The value at a position, as a cell's; [`Value::Absent`] beyond the last.
    pub(crate) fn value(&self, index: usize) -> Value<'_> {
        self.values.get(index).map_or(Value::Absent, CellValue::as_value)
    }

    /// The values in order.
    pub(crate) fn values(&self) -> &[CellValue] {
        &self.values
    }

    /// The values in order, the row taken apart.
    pub(crate) fn into_values(self) -> Vec<CellValue> {
        self.values
    }
}

impl QueryableByName<Sqlite> for DynamicRow {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        let mut values = Vec::with_capacity(row.field_count());
        for index in 0..row.field_count() {
            let field = Row::get(row, index).ok_or("a row ended too early")?;
            values.push(match field.value() {
                None => CellValue::Null,
                Some(mut value) => match value.value_type() {
                    None => CellValue::Null,
                    Some(SqliteType::Text) => CellValue::Text(value.read_text().to_owned()),
                    Some(SqliteType::SmallInt | SqliteType::Integer | SqliteType::Long) => {
                        CellValue::Int(value.read_long())
                    }
                    // We never write these two.
                    Some(SqliteType::Float | SqliteType::Double) => {
                        return Err("a floating-point value".into());
                    }
                    Some(SqliteType::Binary) => return Err("a binary value".into()),
                },
            });
        }
        Ok(Self { values })
    }
}

impl QueryableByName<Pg> for DynamicRow {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        let mut values = Vec::with_capacity(row.field_count());
        for index in 0..row.field_count() {
            let field = Row::get(row, index).ok_or("a row ended too early")?;
            values.push(match field.value() {
                None => CellValue::Null,
                Some(value) => codec::decode(value.get_oid().get(), value.as_bytes())?,
            });
        }
        Ok(Self { values })
    }
}
