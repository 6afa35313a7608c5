//! Arrays of one dimension: the number of dimensions, whether there are nulls, the elements' type, the length,
//! the first index, and the elements as fields.
//!
//! A cell holds an array as compact JSON of its elements' JSON forms.

use std::borrow::Cow;

use reinstate_describe::record_json::{write_string, write_value};
use reinstate_describe::value::{date, json_canonical, timestamp};
use reinstate_describe::{BaseType, ColumnType, Value};
use serde_json::value::RawValue;

use super::{
    CodecError, decode as decode_field, element_oid, encode_single, take, text as text_of, with_length,
};

/// Appends an array.
pub(super) fn encode(base: BaseType, text: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let fault = CodecError::Cell("array");
    let elements: Vec<&RawValue> = match text {
        // Most access lists are empty.
        "[]" => Vec::new(),
        text => serde_json::from_str(text).map_err(|_| fault.clone())?,
    };
    let has_null = elements.iter().any(|element| is_null(base, element));
    let dimensions = i32::from(!elements.is_empty());
    out.extend_from_slice(&dimensions.to_be_bytes());
    out.extend_from_slice(&i32::from(has_null).to_be_bytes());
    out.extend_from_slice(&element_oid(base).to_be_bytes());
    if elements.is_empty() {
        return Ok(());
    }
    out.extend_from_slice(&i32::try_from(elements.len()).map_err(|_| fault)?.to_be_bytes());
    out.extend_from_slice(&1_i32.to_be_bytes());
    for element in elements {
        if is_null(base, element) {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
        } else {
            with_length(out, |out| encode_element(base, element.get(), out))?;
        }
    }
    Ok(())
}

/// A JSON null is a value of its own where the elements are JSON, and none elsewhere.
fn is_null(base: BaseType, element: &RawValue) -> bool {
    base != BaseType::Json && element.get() == "null"
}

fn encode_element(base: BaseType, json: &str, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let fault = || CodecError::Cell("array");
    let string = || string_of(json).ok_or_else(fault);
    match base {
        BaseType::Text | BaseType::Uuid => encode_single(base, Value::Text(&string()?), out),
        BaseType::Integer => encode_single(base, Value::Int(json.parse().map_err(|_| fault())?), out),
        BaseType::Boolean => {
            let is_true = json.parse::<bool>().map_err(|_| fault())?;
            encode_single(base, Value::Int(i64::from(is_true)), out)
        }
        BaseType::Timestamp => {
            let micros = timestamp::parse(&string()?).ok_or_else(fault)?;
            encode_single(base, Value::Int(micros), out)
        }
        BaseType::Date => {
            let days = date::parse(&string()?).ok_or_else(fault)?;
            encode_single(base, Value::Int(days), out)
        }
        BaseType::Decimal | BaseType::Json => encode_single(base, Value::Text(json), out),
    }
}

/// The text of a JSON string.
fn string_of(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Reads an array and appends the text of its cell.
pub(super) fn decode(base: BaseType, mut bytes: &[u8], text: &mut String) -> Result<(), CodecError> {
    const ARRAY: &str = "array";
    let fault = || CodecError::Bytes(ARRAY);
    let dimensions = i32::from_be_bytes(take(&mut bytes, ARRAY)?);
    // Whether there are nulls, the elements show themselves.
    take::<4>(&mut bytes, ARRAY)?;
    let oid = u32::from_be_bytes(take(&mut bytes, ARRAY)?);
    if oid != element_oid(base) || !(0..=1).contains(&dimensions) {
        return Err(fault());
    }
    text.push('[');
    if dimensions == 1 {
        let count = i32::from_be_bytes(take(&mut bytes, ARRAY)?);
        take::<4>(&mut bytes, ARRAY)?;
        if count < 0 {
            return Err(fault());
        }
        for index in 0..count {
            if index > 0 {
                text.push(',');
            }
            decode_element(base, &mut bytes, text)?;
        }
    }
    text.push(']');
    if bytes.is_empty() { Ok(()) } else { Err(fault()) }
}

/// Reads an array and appends it as canonical JSON.
pub(super) fn decode_json(base: BaseType, bytes: &[u8], out: &mut String) -> Result<(), CodecError> {
    if base != BaseType::Json {
        return decode(base, bytes, out);
    }
    let mut text = String::new();
    decode(base, bytes, &mut text)?;
    json_canonical::canonical_into(&text, out);
    Ok(())
}

/// Takes an element off the front and appends its JSON form.
fn decode_element(base: BaseType, bytes: &mut &[u8], text: &mut String) -> Result<(), CodecError> {
    let length = i32::from_be_bytes(take(bytes, "array")?);
    if length == -1 {
        text.push_str("null");
        return Ok(());
    }
    let split = usize::try_from(length).ok().and_then(|length| bytes.split_at_checked(length));
    let (element, rest) = split.ok_or(CodecError::Bytes("array"))?;
    *bytes = rest;
    if base == BaseType::Text {
        write_string(text_of(element)?, text);
    } else {
        let value = decode_field(element_oid(base), element)?;
        write_value(ColumnType { base, array: false }, value.as_value(), text);
    }
    Ok(())
}
