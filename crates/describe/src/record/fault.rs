//! What is wrong with a record.

use std::fmt;

/// The rule that a record breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// The line is no JSON, or has a key twice.
    JsonInvalid,
    /// The line is JSON, but no object.
    NotAnObject,
    /// `id` is missing where it is needed, no string, empty, too long or has control characters.
    IdInvalid,
    /// A key that is neither a field nor a system column.
    UnknownKey,
    /// The value does not fit the type.
    TypeMismatch,
    /// A required field has no value.
    Required,
    /// Less than the least value or length.
    Minimum,
    /// More than the greatest value or length.
    Maximum,
    /// The text does not match the pattern.
    Pattern,
    /// The value is not in the list.
    EnumValues,
    /// Another record has the value.
    Unique,
    /// An immutable field or record would be changed.
    Immutable,
    /// The caller may not change the record.
    Forbidden,
}

impl FaultCode {
    /// The rule's name in answers and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonInvalid => "json_invalid",
            Self::NotAnObject => "not_an_object",
            Self::IdInvalid => "id_invalid",
            Self::UnknownKey => "unknown_key",
            Self::TypeMismatch => "type_mismatch",
            Self::Required => "required",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::Pattern => "pattern",
            Self::EnumValues => "enum_values",
            Self::Unique => "unique",
            Self::Immutable => "immutable",
            Self::Forbidden => "forbidden",
        }
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One fault of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFault {
    /// Line of the file, or place in the request, as it was given to the parser.
    pub line: u64,
    /// The record's id, where it could be read.
    pub record_id: Option<String>,
    /// The key at fault, as the record spells it.
    pub field: Option<String>,
    /// The rule.
    pub code: FaultCode,
    /// One sentence for a person, without line and id; values are shortened in it.
    pub message: String,
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
