//! The types a field can have, and how each is kept.

use std::fmt;
use std::str::FromStr;

/// A field type as it is spelled in `describe.yaml` and in the Describe API. The spelling survives a round
/// trip; what is stored follows from [`FieldType::column_type`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// `text`
    Text,
    /// `integer`, 64 bits like its siblings
    Integer,
    /// `bigint`
    Bigint,
    /// `bigserial`
    Bigserial,
    /// `decimal`, exact
    Decimal,
    /// `numeric`, exact
    Numeric,
    /// `boolean`
    Boolean,
    /// `timestamp`, an instant in microseconds
    Timestamp,
    /// `date`
    Date,
    /// `uuid`
    Uuid,
    /// `jsonb`
    Jsonb,
    /// `json`
    Json,
    /// `text[]`
    TextArray,
    /// `integer[]`
    IntegerArray,
    /// `decimal[]`
    DecimalArray,
    /// `uuid[]`
    UuidArray,
}

/// What a value is, whatever its type is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BaseType {
    /// UTF-8 text without NUL.
    Text,
    /// A 64-bit signed integer.
    Integer,
    /// An exact decimal number of any precision.
    Decimal,
    /// True or false.
    Boolean,
    /// An instant: microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// A day: days since 1970-01-01.
    Date,
    /// A UUID.
    Uuid,
    /// Any JSON value.
    Json,
}

/// How a column is kept: a base type, or an array of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ColumnType {
    /// The type of the value, or of an element.
    pub base: BaseType,
    /// Whether the value is an array of `base`.
    pub array: bool,
}

impl FieldType {
    /// Every type, in the order in which messages list them.
    pub const ALL: [Self; 16] = [
        Self::Text,
        Self::Integer,
        Self::Bigint,
        Self::Bigserial,
        Self::Decimal,
        Self::Numeric,
        Self::Boolean,
        Self::Timestamp,
        Self::Date,
        Self::Uuid,
        Self::Jsonb,
        Self::Json,
        Self::TextArray,
        Self::IntegerArray,
        Self::DecimalArray,
        Self::UuidArray,
    ];

    /// The spelling in definitions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Bigint => "bigint",
            Self::Bigserial => "bigserial",
            Self::Decimal => "decimal",
            Self::Numeric => "numeric",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
            Self::Date => "date",
            Self::Uuid => "uuid",
            Self::Jsonb => "jsonb",
            Self::Json => "json",
            Self::TextArray => "text[]",
            Self::IntegerArray => "integer[]",
            Self::DecimalArray => "decimal[]",
            Self::UuidArray => "uuid[]",
        }
    }

    /// How a value of this type is kept; `is_array` is the field's own flag.
    #[must_use]
    pub const fn column_type(self, is_array: bool) -> ColumnType {
        let (base, array) = match self {
            Self::Text => (BaseType::Text, false),
            Self::Integer | Self::Bigint | Self::Bigserial => (BaseType::Integer, false),
            Self::Decimal | Self::Numeric => (BaseType::Decimal, false),
            Self::Boolean => (BaseType::Boolean, false),
            Self::Timestamp => (BaseType::Timestamp, false),
            Self::Date => (BaseType::Date, false),
            Self::Uuid => (BaseType::Uuid, false),
            Self::Jsonb | Self::Json => (BaseType::Json, false),
            Self::TextArray => (BaseType::Text, true),
            Self::IntegerArray => (BaseType::Integer, true),
            Self::DecimalArray => (BaseType::Decimal, true),
            Self::UuidArray => (BaseType::Uuid, true),
        };
        ColumnType { base, array: array || is_array }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FieldType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|t| t.as_str() == text).ok_or(())
    }
}
