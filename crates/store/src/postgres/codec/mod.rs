//! Cells in PostgreSQL's binary formats.

use reinstate_describe::{BaseType, CellValue, ColumnType, Value};

/// Why bytes or a cell could not be translated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CodecError(pub(crate) &'static str);

/// The number of a type.
pub(crate) const fn element_oid(base: BaseType) -> u32 {
    match base {
        BaseType::Text => 25,
        BaseType::Integer => 20,
        BaseType::Decimal => 1700,
        BaseType::Boolean => 16,
        BaseType::Timestamp => 1184,
        BaseType::Date => 1082,
        BaseType::Uuid => 2950,
        BaseType::Json => 3802,
    }
}

/// The number of an array's type.
pub(crate) const fn array_oid(base: BaseType) -> u32 {
    match base {
        BaseType::Text => 1009,
        BaseType::Integer => 1016,
        BaseType::Decimal => 1231,
        BaseType::Boolean => 1000,
        BaseType::Timestamp => 1185,
        BaseType::Date => 1182,
        BaseType::Uuid => 2951,
        BaseType::Json => 3807,
    }
}

/// Appends a field: its length and its bytes.
pub(crate) fn encode(
    _column_type: ColumnType,
    _value: Value<'_>,
    _out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    Err(CodecError("under construction"))
}

/// Reads a field by the number of its type.
pub(crate) fn decode(_oid: u32, _bytes: &[u8]) -> Result<CellValue, CodecError> {
    Err(CodecError("under construction"))
}
