//! Why a value does not fit.

use crate::field_type::{BaseType, ColumnType};

/// Characters of a value that a message shows.
const SHOWN_CHARS_MAX: usize = 40;

/// Why a value does not fit a column's type: a phrase like `is an integer; got the string "abc"`, to be put
/// after the name of the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueFault {
    /// The phrase; values are shortened in it.
    pub message: String,
}

impl ValueFault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// The value takes more than `bytes_max` where its numbers are written out.
    pub(crate) fn too_large_written(bytes_max: usize) -> Self {
        Self::new(format!("has more than {bytes_max} bytes when its numbers are written out"))
    }

    /// The value `raw` (JSON text) is not of the type.
    pub(crate) fn mismatch(column_type: ColumnType, raw: &str) -> Self {
        Self::new(format!("{}; got {}", expectation(column_type), describe_raw(raw)))
    }

    /// The element `raw` (JSON text) of an array is not of the base type.
    pub(crate) fn element(column_type: ColumnType, raw: &str) -> Self {
        Self::new(format!("{}; got {} in it", expectation(column_type), describe_raw(raw)))
    }
}

/// What a column holds, as a phrase behind its name.
const fn expectation(column_type: ColumnType) -> &'static str {
    match (column_type.base, column_type.array) {
        (BaseType::Text, false) => "is a text",
        (BaseType::Integer, false) => "is an integer of 64 bits",
        (BaseType::Decimal, false) => "is a decimal number",
        (BaseType::Boolean, false) => "is a boolean",
        (BaseType::Timestamp, false) => "is a timestamp (like 2025-01-19T10:00:00Z)",
        (BaseType::Date, false) => "is a date (like 2025-01-19)",
        (BaseType::Uuid, false) => "is a UUID",
        (BaseType::Json, false) => "is a JSON value",
        (BaseType::Text, true) => "is an array of texts",
        (BaseType::Integer, true) => "is an array of integers of 64 bits",
        (BaseType::Decimal, true) => "is an array of decimal numbers",
        (BaseType::Boolean, true) => "is an array of booleans",
        (BaseType::Timestamp, true) => "is an array of timestamps",
        (BaseType::Date, true) => "is an array of dates",
        (BaseType::Uuid, true) => "is an array of UUIDs",
        (BaseType::Json, true) => "is an array of JSON values",
    }
}

/// A JSON value in words, shortened: `the string "abc"`, `the number 1.5`, `an object`.
pub(crate) fn describe_raw(raw: &str) -> String {
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
            format!("the string \"{}\"", shorten(text))
        }
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "an array".to_owned(),
        Some(b'n') => "null".to_owned(),
        Some(b't' | b'f') => format!("the boolean {raw}"),
        _ => format!("the number {}", shorten(raw)),
    }
}

/// The first characters of a text, with an ellipsis where more follow.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
