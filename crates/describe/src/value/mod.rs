//! Values: from JSON into the encoding of a cell, by the type of the column, and the order of equal-typed values.
//!
//! Every rule is the same for records, default values, filters and enumerations, because all of them come
//! through one function. The table [`cases::CASES`] shows each rule; each store is tested against it.

mod calendar;
pub mod cases;
mod coercion;
pub mod date;
pub mod decimal;
mod fault;
pub mod json;
pub mod json_canonical;
mod json_equality;
pub mod timestamp;
pub mod uuid;

use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::batch::Value;
use crate::field_type::{BaseType, ColumnType};
use crate::model::Field;

pub(crate) use coercion::{Coerced, coerce_into, coerce_plain, string_into, text_into};
pub use fault::ValueFault;
pub(crate) use fault::{describe_raw, shorten};
pub use json_equality::is_same_json;

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

/// Bytes that the written form of an array or a JSON value may have beyond four times its length in the request:
/// numbers like `1e131071` stand for a hundred thousand digits each, and a short list of them must not fill the
/// memory.
const WRITTEN_GROWTH_BYTES_MAX: usize = 1024 * 1024;

/// Most bytes that `raw` may take when its numbers are written out.
fn written_bytes_max(raw: &str) -> usize {
    raw.len().saturating_mul(4).saturating_add(WRITTEN_GROWTH_BYTES_MAX)
}

/// Reads the text of one JSON value as a value of `column_type`. No digit is lost on the way.
///
/// # Errors
/// [`ValueFault`] where the value does not fit the type, or `raw` is no JSON value.
pub fn coerce(column_type: ColumnType, raw: &str) -> Result<CellValue, ValueFault> {
    let raw: &RawValue = serde_json::from_str(raw).map_err(|_| ValueFault::new("is no JSON value"))?;
    let mut text = String::new();
    let coerced = coerce_into(column_type, raw.get(), &mut text)?;
    Ok(coerced.into_cell_value(text))
}

/// [`coerce`] for a value that was parsed already. Numbers have the digits that `serde_json` kept.
///
/// # Errors
/// As [`coerce`].
pub fn coerce_json(column_type: ColumnType, json: &Json) -> Result<CellValue, ValueFault> {
    coerce(column_type, &json.to_string())
}

/// Reads a text that stands for a value of `column_type` without JSON around it, as queries and enumerations
/// spell them: numbers and booleans by their digits and names, everything else as in JSON strings; arrays and
/// JSON as JSON text.
///
/// # Errors
/// [`ValueFault`] where the text does not fit the type.
pub fn coerce_text(column_type: ColumnType, text: &str) -> Result<CellValue, ValueFault> {
    if column_type.array || column_type.base == BaseType::Json {
        return coerce(column_type, text);
    }
    let mut out = String::new();
    let coerced = coerce_plain(column_type.base, text, &mut out)?;
    Ok(coerced.into_cell_value(out))
}

/// The default value of a field in the encoding of a cell; `None` where it has none. A string may stand for a
/// value of any type, as archives of the original platform write it.
///
/// # Errors
/// [`ValueFault`] where the default value does not fit the type.
pub fn default_value(field: &Field) -> Result<Option<CellValue>, ValueFault> {
    let column_type = field.column_type();
    match &field.default_value {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => coerce_text(column_type, text)
            .or_else(|fault| match (column_type.base, column_type.array) {
                // A text that is no JSON is a string of its own.
                (BaseType::Json, false) => coerce(column_type, &Json::from(text.as_str()).to_string()),
                _ => Err(fault),
            })
            .map(Some),
        Some(json) => coerce_json(column_type, json).map(Some),
    }
}
