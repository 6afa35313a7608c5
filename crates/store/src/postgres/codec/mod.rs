//! Cells in PostgreSQL's binary formats, both ways.
//!
//! The formats are those of the types' `send` and `recv` functions (see "Frontend/Backend Protocol" and `COPY` in
//! PostgreSQL's manual): a field is a length of four bytes, -1 for null, and its bytes, all numbers big-endian.
//!
//! | cell | column type | bytes |
//! | --- | --- | --- |
//! | integer | `int8` | eight |
//! | boolean | `bool` | one |
//! | timestamp | `timestamptz` | eight: microseconds since 2000 |
//! | date | `date` | four: days since 2000 |
//! | decimal | `numeric` | groups of four digits, see [`numeric`] |
//! | uuid | `uuid` | sixteen |
//! | JSON | `jsonb` | a version and the text |
//! | array | array | see [`array`] |

mod array;
mod json;
mod numeric;
mod uuid;

use reinstate_describe::record_json::{write_string, write_value};
use reinstate_describe::value::json_canonical;
use reinstate_describe::{BaseType, CellValue, ColumnType, RowsBuilder, Value};

/// Why bytes or a cell could not be translated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    /// A cell does not hold what its column's type says.
    #[error("a cell of a column of type {0} holds something else")]
    Cell(&'static str),
    /// Bytes from the server are no value of their type.
    #[error("the server sent a value of type {0} that is none")]
    Bytes(&'static str),
    /// A type that no column of ours has.
    #[error("the server sent a value of a type with the number {0}, which is unknown here")]
    Type(u32),
}

/// Days from 1970, where ours begin, to 2000, where PostgreSQL's do.
const EPOCH_DAYS: i64 = 10_957;

/// Microseconds from 1970 to 2000.
pub(crate) const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400 * 1_000_000;

/// What `jsonb` puts before its text.
pub(crate) const JSONB_VERSION: u8 = 1;

const BOOL: u32 = 16;
const NAME: u32 = 19;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const OID: u32 = 26;
const JSON: u32 = 114;
const BPCHAR: u32 = 1042;
const VARCHAR: u32 = 1043;
const DATE: u32 = 1082;
const TIMESTAMP: u32 = 1114;
const TIMESTAMPTZ: u32 = 1184;
const NUMERIC: u32 = 1700;
const UUID: u32 = 2950;
const JSONB: u32 = 3802;

/// The number of the type of a single value.
pub(crate) const fn element_oid(base: BaseType) -> u32 {
    match base {
        BaseType::Text => TEXT,
        BaseType::Integer => INT8,
        BaseType::Decimal => NUMERIC,
        BaseType::Boolean => BOOL,
        BaseType::Timestamp => TIMESTAMPTZ,
        BaseType::Date => DATE,
        BaseType::Uuid => UUID,
        BaseType::Json => JSONB,
    }
}

/// The number of the type of an array of a base type.
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

/// Every base type.
pub(crate) const BASE_TYPES: [BaseType; 8] = [
    BaseType::Text,
    BaseType::Integer,
    BaseType::Decimal,
    BaseType::Boolean,
    BaseType::Timestamp,
    BaseType::Date,
    BaseType::Uuid,
    BaseType::Json,
];

/// What begins a binary `COPY`: the signature, no flags, no extension.
pub(crate) const COPY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What ends a binary `COPY`.
pub(crate) const COPY_TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Begins a row of a binary `COPY`.
pub(crate) fn row_begin(columns: usize, out: &mut Vec<u8>) {
    // A table has 1,600 columns at most.
    out.extend_from_slice(&i16::try_from(columns).unwrap_or(i16::MAX).to_be_bytes());
}

/// Appends a field: its length and its bytes. An absent value is written as null.
///
/// # Errors
/// [`CodecError::Cell`] where the value is not of the type; `out` is as it was then.
pub(crate) fn encode(column_type: ColumnType, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
    if matches!(value, Value::Absent | Value::Null) {
        out.extend_from_slice(&(-1_i32).to_be_bytes());
        return Ok(());
    }
    let start = out.len();
    let encoded = with_length(out, |out| match (column_type.array, value) {
        (false, _) => encode_single(column_type.base, value, out),
        (true, Value::Text(text)) => array::encode(column_type.base, text, out),
        (true, _) => Err(CodecError::Cell("array")),
    });
    if encoded.is_err() {
        out.truncate(start);
    }
    encoded
}

/// Appends the length of what `write` appends, and that.
fn with_length(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let place = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let length = i32::try_from(out.len() - place - 4).map_err(|_| CodecError::Cell("any: it is too long"))?;
    if let Some(field) = out.get_mut(place..place + 4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

/// Appends the bytes of a single value.
fn encode_single(base: BaseType, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), CodecError> {
    match (base, value) {
        (BaseType::Text, Value::Text(text)) => out.extend_from_slice(text.as_bytes()),
        (BaseType::Integer, Value::Int(number)) => out.extend_from_slice(&number.to_be_bytes()),
        (BaseType::Boolean, Value::Int(number)) => out.push(u8::from(number != 0)),
        (BaseType::Timestamp, Value::Int(micros)) => {
            out.extend_from_slice(&micros.saturating_sub(EPOCH_MICROS).to_be_bytes());
        }
        (BaseType::Date, Value::Int(days)) => {
            let days = i32::try_from(days.saturating_sub(EPOCH_DAYS));
            out.extend_from_slice(&days.map_err(|_| CodecError::Cell("date"))?.to_be_bytes());
        }
        (BaseType::Decimal, Value::Text(text)) => numeric::encode(text, out)?,
        (BaseType::Uuid, Value::Text(text)) => uuid::encode(text, out)?,
        (BaseType::Json, Value::Text(text)) => {
            out.push(JSONB_VERSION);
            out.extend_from_slice(text.as_bytes());
        }
        _ => return Err(CodecError::Cell("a single value")),
    }
    Ok(())
}

/// Reads the bytes of a field by the number of its type.
///
/// # Errors
/// [`CodecError::Bytes`] where they are no value of the type, [`CodecError::Type`] for types that nothing of ours
/// has.
pub(crate) fn decode(oid: u32, bytes: &[u8]) -> Result<CellValue, CodecError> {
    if let Some(number) = decode_number(oid, bytes)? {
        return Ok(CellValue::Int(number));
    }
    let mut text = String::new();
    decode_text(oid, bytes, &mut text)?;
    Ok(CellValue::Text(text))
}

/// Reads the bytes of a field of a column whose type is known, none for null, and appends the value to a row.
///
/// # Errors
/// [`CodecError::Bytes`] where they are no value of the type.
pub(crate) fn decode_into(
    column_type: ColumnType,
    bytes: Option<&[u8]>,
    row: &mut RowsBuilder,
) -> Result<(), CodecError> {
    let Some(bytes) = bytes else {
        row.push(Value::Null);
        return Ok(());
    };
    let oid = if column_type.array { array_oid(column_type.base) } else { element_oid(column_type.base) };
    match decode_number(oid, bytes)? {
        Some(number) => {
            row.push(Value::Int(number));
            Ok(())
        }
        None => row.push_text_with(|arena| decode_text(oid, bytes, arena)),
    }
}

/// Reads the bytes of a field of a column whose type is known and appends the value as canonical JSON: what
/// [`decode_into`] makes a cell of, as `record_json::write_canonical_value` writes that.
///
/// # Errors
/// [`CodecError::Bytes`] where they are no value of the type; `out` then holds a part of one.
pub(crate) fn decode_json(column_type: ColumnType, bytes: &[u8], out: &mut String) -> Result<(), CodecError> {
    let base = column_type.base;
    if column_type.array {
        return array::decode_json(base, bytes, out);
    }
    match base {
        BaseType::Text => write_string(text(bytes)?, out),
        BaseType::Uuid => {
            out.push('"');
            uuid::decode(bytes, out)?;
            out.push('"');
        }
        BaseType::Decimal => numeric::decode(bytes, out)?,
        BaseType::Json => {
            let json = jsonb_text(bytes)?;
            if !json_canonical::try_canonical_into(json, out) {
                let mut compact = String::new();
                json::compact(json, &mut compact);
                json_canonical::canonical_into(&compact, out);
            }
        }
        BaseType::Integer | BaseType::Boolean | BaseType::Timestamp | BaseType::Date => {
            let number = decode_number(element_oid(base), bytes)?.ok_or(CodecError::Bytes("a number"))?;
            write_value(column_type, Value::Int(number), out);
        }
    }
    Ok(())
}

/// The text of a `jsonb`.
fn jsonb_text(bytes: &[u8]) -> Result<&str, CodecError> {
    match bytes {
        [JSONB_VERSION, json @ ..] => text(json),
        _ => Err(CodecError::Bytes("jsonb")),
    }
}

/// Reads the bytes of a field whose cell is a number; `None` where the cell is a text.
fn decode_number(oid: u32, bytes: &[u8]) -> Result<Option<i64>, CodecError> {
    Ok(Some(match oid {
        INT8 => i64::from_be_bytes(exactly(bytes, "int8")?),
        INT4 => i32::from_be_bytes(exactly(bytes, "int4")?).into(),
        INT2 => i16::from_be_bytes(exactly(bytes, "int2")?).into(),
        OID => u32::from_be_bytes(exactly(bytes, "oid")?).into(),
        BOOL => i64::from(exactly::<1>(bytes, "bool")? != [0]),
        TIMESTAMPTZ | TIMESTAMP => instant(bytes)?,
        DATE => day(bytes)?,
        _ => return Ok(None),
    }))
}

/// Reads the bytes of a field whose cell is a text, and appends that.
fn decode_text(oid: u32, bytes: &[u8], out: &mut String) -> Result<(), CodecError> {
    match oid {
        TEXT | VARCHAR | BPCHAR | NAME => out.push_str(text(bytes)?),
        NUMERIC => numeric::decode(bytes, out)?,
        UUID => uuid::decode(bytes, out)?,
        JSONB => json::compact(jsonb_text(bytes)?, out),
        JSON => json::compact(text(bytes)?, out),
        oid => {
            let base = BASE_TYPES.into_iter().find(|base| array_oid(*base) == oid);
            array::decode(base.ok_or(CodecError::Type(oid))?, bytes, out)?;
        }
    }
    Ok(())
}

/// Microseconds since 1970. The ends of the range stand for the infinities, which are no instants.
fn instant(bytes: &[u8]) -> Result<i64, CodecError> {
    let fault = CodecError::Bytes("timestamptz");
    match i64::from_be_bytes(exactly(bytes, "timestamptz")?) {
        i64::MIN | i64::MAX => Err(fault),
        micros => micros.checked_add(EPOCH_MICROS).ok_or(fault),
    }
}

/// Days since 1970. The ends of the range stand for the infinities, which are no days.
fn day(bytes: &[u8]) -> Result<i64, CodecError> {
    match i32::from_be_bytes(exactly(bytes, "date")?) {
        i32::MIN | i32::MAX => Err(CodecError::Bytes("date")),
        days => Ok(i64::from(days) + EPOCH_DAYS),
    }
}

fn text(bytes: &[u8]) -> Result<&str, CodecError> {
    std::str::from_utf8(bytes).map_err(|_| CodecError::Bytes("text"))
}

fn exactly<const LENGTH: usize>(bytes: &[u8], type_name: &'static str) -> Result<[u8; LENGTH], CodecError> {
    bytes.try_into().map_err(|_| CodecError::Bytes(type_name))
}

/// Takes a number of two or four bytes off the front.
fn take<const LENGTH: usize>(bytes: &mut &[u8], type_name: &'static str) -> Result<[u8; LENGTH], CodecError> {
    let (head, rest) = bytes.split_first_chunk::<LENGTH>().ok_or(CodecError::Bytes(type_name))?;
    *bytes = rest;
    Ok(*head)
}

#[cfg(test)]
mod tests;
