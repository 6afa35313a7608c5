//! The table of accepted and refused values that every store is tested against.

use crate::field_type::FieldType;

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// The type of the field.
    pub field_type: FieldType,
    /// The field's own array flag.
    pub is_array: bool,
    /// The value as JSON text in a record.
    pub input: &'static str,
    /// The value as JSON text when the record is read back; `None` where it is refused. JSON columns may come
    /// back with other spacing, key order and number spelling, so compare those as JSON values.
    pub output: Option<&'static str>,
}

/// Every rule of the value table at least once.
pub const CASES: &[Case] = &[];
