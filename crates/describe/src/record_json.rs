//! Rows back into JSON text.

use std::fmt::Write as _;

use crate::batch::Value;
use crate::field_type::{BaseType, ColumnType};
use crate::layout::Column;
use crate::value::{date, json_canonical, timestamp};

/// Writes one JSON object with the columns in the given order; absent ones are left out.
pub fn write_record<'a>(columns: impl IntoIterator<Item = (&'a Column, Value<'a>)>, out: &mut String) {
    write_columns(columns, write_value, out);
}

/// As [`write_record`], with JSON in its canonical spelling: then equal records have equal texts, whatever store they
/// come out of.
pub fn write_canonical_record<'a>(
    columns: impl IntoIterator<Item = (&'a Column, Value<'a>)>,
    out: &mut String,
) {
    write_columns(columns, write_canonical_value, out);
}

fn write_columns<'a>(
    columns: impl IntoIterator<Item = (&'a Column, Value<'a>)>,
    write: fn(ColumnType, Value<'_>, &mut String),
    out: &mut String,
) {
    out.push('{');
    let mut is_first = true;
    for (column, value) in columns {
        if value == Value::Absent {
            continue;
        }
        if !is_first {
            out.push(',');
        }
        is_first = false;
        // A name needs no escape.
        out.push('"');
        out.push_str(column.name.as_str());
        out.push_str("\":");
        write(column.column_type, value, out);
    }
    out.push('}');
}

/// As [`write_value`], with JSON in its canonical spelling.
pub fn write_canonical_value(column_type: ColumnType, value: Value<'_>, out: &mut String) {
    match (column_type.base, value) {
        (BaseType::Json, Value::Text(text)) => json_canonical::canonical_into(text, out),
        _ => write_value(column_type, value, out),
    }
}

/// Writes one value in its JSON form: decimals as bare numbers with all their digits, instants and days as
/// strings, JSON and arrays as they are; `null` for a missing value, and for one that is not of the type.
pub fn write_value(column_type: ColumnType, value: Value<'_>, out: &mut String) {
    if column_type.array {
        return match value {
            Value::Text(text) => out.push_str(text),
            _ => out.push_str("null"),
        };
    }
    match (column_type.base, value) {
        (BaseType::Text | BaseType::Uuid, Value::Text(text)) => write_string(text, out),
        (BaseType::Decimal | BaseType::Json, Value::Text(text)) => out.push_str(text),
        (BaseType::Integer, Value::Int(number)) => write_integer(number, out),
        (BaseType::Boolean, Value::Int(number)) => out.push_str(if number == 0 { "false" } else { "true" }),
        (BaseType::Timestamp, Value::Int(micros)) => {
            out.push('"');
            timestamp::format_into(micros, out);
            out.push('"');
        }
        (BaseType::Date, Value::Int(days)) => {
            out.push('"');
            date::format_into(days, out);
            out.push('"');
        }
        _ => out.push_str("null"),
    }
}

fn write_integer(number: i64, out: &mut String) {
    // Writing to a text cannot fail.
    let _ = write!(out, "{number}");
}

/// Writes a JSON string.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some((plain, special, behind)) = split_at_special(rest) {
        out.push_str(plain);
        match special {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    out.push('"');
}

/// The text before the first character that JSON escapes, that character, and what is behind it.
fn split_at_special(text: &str) -> Option<(&str, u8, &str)> {
    let at = special_position(text.as_bytes())?;
    let (plain, behind) = text.split_at_checked(at)?;
    Some((plain, *behind.as_bytes().first()?, behind.get(1..)?))
}

/// Where the first byte is that JSON escapes: all of them are characters of their own.
fn special_position(bytes: &[u8]) -> Option<usize> {
    /// Bytes that are looked at together: the compiler makes one comparison of them.
    const TOGETHER: usize = 16;
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    let mut passed = 0;
    let mut blocks = bytes.chunks_exact(TOGETHER);
    for block in blocks.by_ref() {
        if block.iter().fold(false, |found, byte| found | is_special(byte)) {
            return block.iter().position(is_special).map(|at| passed + at);
        }
        passed += TOGETHER;
    }
    blocks.remainder().iter().position(is_special).map(|at| passed + at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::field_type::FieldType;
    use crate::layout::Layout;
    use crate::model::{Field, Model};
    use crate::name::Name;

    proptest! {
        #[test]
        fn a_written_string_is_read_back_by_any_json_reader(text: String) {
            let mut out = String::new();
            write_string(&text, &mut out);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn absent_columns_are_left_out_and_digits_stay() {
        let field = Field::new(Name::new("price").unwrap(), FieldType::Decimal);
        let layout = Layout::new(Model::new(Name::new("m").unwrap()).with_field(field));
        let values = [
            (layout.column(0).unwrap(), Value::Text("a")),
            (layout.column(1).unwrap(), Value::Absent),
            (layout.column(5).unwrap(), Value::Int(0)),
            (layout.column(7).unwrap(), Value::Null),
            (layout.column(9).unwrap(), Value::Text("12345678901234567890.123456789")),
        ];
        let mut out = String::new();
        write_record(values, &mut out);
        assert_eq!(
            out,
            "{\"id\":\"a\",\"created_at\":\"1970-01-01T00:00:00.000Z\",\"trashed_at\":null,\"price\":12345678901234567890.123456789}"
        );
    }
}
