//! Values: from JSON into the encoding of a cell, by the type of the column, and the order of equal-typed values.
//!
//! Every rule is the same for records, default values, filters and enumerations, because all of them come
//! through [`coerce`]. The table [`cases::CASES`] shows each rule; each store is tested against it.

pub mod cases;
pub mod date;
pub mod decimal;
pub mod timestamp;
pub mod uuid;

use crate::batch::Value;
use crate::field_type::ColumnType;

/// An owned value in the encoding of a cell (see [`crate::batch`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CellValue {
    /// No value.
    Null,
    /// A number; what it counts follows from the column's type.
    Int(i64),
    /// A text.
    Text(String),
}

impl CellValue {
    /// The same value, borrowed.
    #[must_use]
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
        }
    }
}

/// Why a value does not fit a column's type: a phrase like `is an integer; got the string "abc"`, to be put
/// after the name of the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueFault {
    /// The phrase; values are shortened in it.
    pub message: String,
}

/// Reads the text of one JSON value as a value of `column_type`. No digit is lost on the way.
///
/// # Errors
/// [`ValueFault`] where the value does not fit the type, or `raw` is no JSON value.
pub fn coerce(column_type: ColumnType, raw: &str) -> Result<CellValue, ValueFault> {
    let _ = (column_type, raw);
    todo!()
}

/// [`coerce`] for a value that was parsed already. Numbers have the digits that `serde_json` kept.
///
/// # Errors
/// As [`coerce`].
pub fn coerce_json(column_type: ColumnType, json: &serde_json::Value) -> Result<CellValue, ValueFault> {
    coerce(column_type, &json.to_string())
}
