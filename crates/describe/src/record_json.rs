//! Rows back into JSON text.

use crate::batch::Value;
use crate::field_type::ColumnType;
use crate::layout::Column;

/// Writes one JSON object with the columns in the given order; absent ones are left out.
pub fn write_record<'a>(columns: impl IntoIterator<Item = (&'a Column, Value<'a>)>, out: &mut String) {
    let _ = (columns.into_iter(), out);
    todo!()
}

/// Writes one value in its JSON form: decimals as bare numbers with all their digits, instants and days as
/// strings, JSON and arrays as they are; `null` for a missing value, and for one that is not of the type.
pub fn write_value(column_type: ColumnType, value: Value<'_>, out: &mut String) {
    let _ = (column_type, value, out);
    todo!()
}
