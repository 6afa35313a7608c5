//! One JSON value into one cell.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{CellValue, ValueFault, date, decimal, json, timestamp, uuid, written_bytes_max};
use crate::batch::Value;
use crate::field_type::{BaseType, ColumnType};
use crate::record_json::write_value;

/// A coerced value; a text has been appended to the text that the caller gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coerced {
    Null,
    Int(i64),
    Text,
}

impl Coerced {
    /// The value with `text`, which holds nothing else, as its text.
    pub(super) fn into_cell_value(self, text: String) -> CellValue {
        match self {
            Self::Null => CellValue::Null,
            Self::Int(number) => CellValue::Int(number),
            Self::Text => CellValue::Text(text),
        }
    }
}

/// Coerces `raw`, which must be one valid JSON value without blanks around it. Texts are appended to `out`;
/// on a fault something may have been appended too.
pub(crate) fn coerce_into(
    column_type: ColumnType,
    raw: &str,
    out: &mut String,
) -> Result<Coerced, ValueFault> {
    if raw == "null" {
        return Ok(Coerced::Null);
    }
    if column_type.array {
        return array_into(column_type, raw, out).map(|()| Coerced::Text);
    }
    if column_type.base == BaseType::Json {
        return json::compact_into(raw, out).map(|()| Coerced::Text);
    }
    scalar_into(column_type.base, raw, out)?.ok_or_else(|| ValueFault::mismatch(column_type, raw))
}

/// Coerces one value of a base type other than JSON; `None` where it is not of the type.
fn scalar_into(base: BaseType, raw: &str, out: &mut String) -> Result<Option<Coerced>, ValueFault> {
    let is_string = raw.starts_with('"');
    if !is_string {
        return Ok(match base {
            BaseType::Integer => integer(raw).map(Coerced::Int),
            BaseType::Decimal if is_number(raw) => {
                decimal::canonical_into(raw, out)?;
                Some(Coerced::Text)
            }
            BaseType::Boolean => boolean(raw).or(match raw {
                "1" => Some(Coerced::Int(1)),
                "0" => Some(Coerced::Int(0)),
                _ => None,
            }),
            _ => None,
        });
    }
    if base == BaseType::Text {
        text_into(raw, out)?;
        return Ok(Some(Coerced::Text));
    }
    if raw.contains('\\') {
        let mut text = String::new();
        text_into(raw, &mut text)?;
        return string_into(base, &text, out);
    }
    string_into(base, raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default(), out)
}

/// Coerces the text of a JSON string to a base type other than text and JSON.
pub(crate) fn string_into(
    base: BaseType,
    text: &str,
    out: &mut String,
) -> Result<Option<Coerced>, ValueFault> {
    Ok(match base {
        BaseType::Integer => integer(text).map(Coerced::Int),
        BaseType::Decimal => {
            let start = out.len();
            match decimal::canonical_into(text, out) {
                Ok(()) => Some(Coerced::Text),
                Err(fault) if fault.message.starts_with("has more") => return Err(fault),
                Err(_) => {
                    out.truncate(start);
                    None
                }
            }
        }
        BaseType::Boolean => boolean(text),
        BaseType::Timestamp => timestamp::parse(text).map(Coerced::Int),
        BaseType::Date => date::parse(text).map(Coerced::Int),
        BaseType::Uuid => uuid::canonical_into(text, out).then_some(Coerced::Text),
        BaseType::Text | BaseType::Json => None,
    })
}

/// Coerces a text without quotes, as queries and enumerations spell values.
pub(crate) fn coerce_plain(base: BaseType, text: &str, out: &mut String) -> Result<Coerced, ValueFault> {
    let coerced = match base {
        BaseType::Text if text.contains('\0') => return Err(json::nul()),
        BaseType::Text => {
            out.push_str(text);
            Some(Coerced::Text)
        }
        BaseType::Boolean => match text {
            "1" => Some(Coerced::Int(1)),
            "0" => Some(Coerced::Int(0)),
            _ => boolean(text),
        },
        _ => string_into(base, text, out)?,
    };
    coerced.ok_or_else(|| {
        let raw = serde_json::Value::from(text).to_string();
        ValueFault::mismatch(ColumnType { base, array: false }, &raw)
    })
}

fn is_number(raw: &str) -> bool {
    matches!(raw.as_bytes().first(), Some(b'-' | b'0'..=b'9'))
}

fn boolean(text: &str) -> Option<Coerced> {
    match text {
        "true" => Some(Coerced::Int(1)),
        "false" => Some(Coerced::Int(0)),
        _ => None,
    }
}

/// A whole number within 64 bits, in any spelling of a decimal.
fn integer(text: &str) -> Option<i64> {
    if !text.starts_with('+')
        && let Ok(number) = text.parse()
    {
        return Some(number);
    }
    // More digits than this cannot be a whole number of 64 bits, unless they are zeros of no use.
    decimal::canonical(text).ok()?.parse().ok()
}

/// Appends the text of a JSON string.
pub(crate) fn text_into(raw: &str, out: &mut String) -> Result<(), ValueFault> {
    if !raw.contains('\\') {
        out.push_str(raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default());
        return Ok(());
    }
    let text: String = serde_json::from_str(raw)
        .map_err(|_| ValueFault::new("has an escape sequence that stands for no character"))?;
    if text.contains('\0') {
        return Err(json::nul());
    }
    out.push_str(&text);
    Ok(())
}

/// Appends a JSON array with each element in the JSON form of its base type.
fn array_into(column_type: ColumnType, raw: &str, out: &mut String) -> Result<(), ValueFault> {
    if raw == "[]" {
        out.push_str(raw);
        return Ok(());
    }
    if !raw.starts_with('[') {
        return Err(ValueFault::mismatch(column_type, raw));
    }
    let mut fault = None;
    let elements = Elements { column_type, out, bytes_max: written_bytes_max(raw), fault: &mut fault };
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    let outcome = elements.deserialize(&mut deserializer);
    match (fault, outcome) {
        (Some(fault), _) => Err(fault),
        (None, Err(_)) => Err(ValueFault::new("is no JSON value")),
        (None, Ok(())) => Ok(()),
    }
}

/// Walks over the elements of an array without keeping them.
struct Elements<'a> {
    column_type: ColumnType,
    out: &'a mut String,
    bytes_max: usize,
    fault: &'a mut Option<ValueFault>,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut scratch = String::new();
        let start = self.out.len();
        self.out.push('[');
        let mut is_first = true;
        while let Some(raw) = elements.next_element::<&RawValue>()? {
            if !is_first {
                self.out.push(',');
            }
            is_first = false;
            scratch.clear();
            if self.out.len() - start > self.bytes_max {
                self.fault.get_or_insert(ValueFault::too_large_written(self.bytes_max));
            }
            if self.fault.is_some() {
                continue;
            }
            if let Err(fault) = element_into(self.column_type, raw.get(), &mut scratch, self.out) {
                self.fault.get_or_insert(fault);
            }
        }
        self.out.push(']');
        Ok(())
    }
}

fn element_into(
    column_type: ColumnType,
    raw: &str,
    scratch: &mut String,
    out: &mut String,
) -> Result<(), ValueFault> {
    let base = ColumnType { base: column_type.base, array: false };
    let coerced = if raw == "null" {
        Coerced::Null
    } else if base.base == BaseType::Json {
        json::compact_into(raw, scratch)?;
        Coerced::Text
    } else {
        scalar_into(base.base, raw, scratch)?.ok_or_else(|| ValueFault::element(column_type, raw))?
    };
    let value = match coerced {
        Coerced::Null => Value::Null,
        Coerced::Int(number) => Value::Int(number),
        Coerced::Text => Value::Text(scratch),
    };
    write_value(base, value, out);
    Ok(())
}
