//! Models into the text of `describe.yaml`.
//!
//! Every text is a double-quoted scalar, which is the one style that holds any text and means the same to
//! every reader; lists and unknown keys are written as JSON, which is YAML too.

use std::fmt::Write as _;

use indexmap::IndexMap;
use serde_json::{Number, Value as Json};

use crate::definition::node::nearest_number;
use crate::definition::{field_attributes, model_attributes};
use crate::model::Model;

/// Appends one model.
pub(super) fn write_model(model: &Model, out: &mut String) {
    // A name is a plain scalar, but for those that YAML reads as something else.
    push_key(0, model.name.as_str(), out);
    out.push('\n');
    for (key, value) in model_attributes(model) {
        push_attribute(2, key, &value, out);
    }
    push_extra(2, &model.extra, out);
    if model.fields.is_empty() {
        out.push_str("  fields: {}\n");
        return;
    }
    out.push_str("  fields:\n");
    for field in model.fields.values() {
        push_key(4, field.name.as_str(), out);
        out.push('\n');
        for (key, value) in field_attributes(field) {
            push_attribute(6, key, &value, out);
        }
        push_extra(6, &field.extra, out);
    }
}

/// Appends keys that are not known, by their names: a catalog does not keep their order.
fn push_extra(indent: usize, extra: &IndexMap<String, Json>, out: &mut String) {
    let mut entries: Vec<_> = extra.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    for (key, value) in entries {
        push_attribute(indent, key, value, out);
    }
}

fn push_attribute(indent: usize, key: &str, value: &Json, out: &mut String) {
    push_key(indent, key, out);
    out.push(' ');
    push_json(value, out);
    out.push('\n');
}

fn push_key(indent: usize, key: &str, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
    let is_plain = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && !matches!(key, "" | "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n");
    if is_plain {
        out.push_str(key);
    } else {
        push_text(key, out);
    }
    out.push(':');
}

/// Appends a number as it will be written again once it was read: a whole one without an exponent, for one.
fn push_number(number: &Number, out: &mut String) {
    let text = number.to_string();
    let read = nearest_number(&text).unwrap_or_else(|| number.clone());
    let _ = write!(out, "{read}");
}

fn push_json(value: &Json, out: &mut String) {
    match value {
        Json::String(text) => push_text(text, out),
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                push_json(item, out);
            }
            out.push(']');
        }
        Json::Object(entries) => {
            out.push('{');
            for (at, (key, item)) in entries.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                push_text(key, out);
                out.push_str(": ");
                push_json(item, out);
            }
            out.push('}');
        }
        Json::Number(number) => push_number(number, out),
        Json::Null | Json::Bool(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

/// Appends a double-quoted scalar.
fn push_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // What YAML does not count as printable, and what it may take for a line break or a byte-order mark.
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{a0}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}
