//! A tree of text with its lines: what YAML and JSON definitions have in common.

use serde_json::{Map, Number, Value as Json};

use crate::value::decimal;

/// Where something begins, both counted from 1; 0 where there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: NodeKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    Null,
    /// A boolean and how it was spelled.
    Bool(bool, Box<str>),
    /// A number as it was spelled.
    Number(Box<str>),
    Text(Box<str>),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) key: Box<str>,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        self.kind == NodeKind::Null
    }

    /// What the node is, in words.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            NodeKind::Null => "null".to_owned(),
            NodeKind::Bool(value, _) => format!("the boolean {value}"),
            NodeKind::Number(text) => format!("the number {}", crate::value::shorten(text)),
            NodeKind::Text(text) => format!("the string \"{}\"", crate::value::shorten(text)),
            NodeKind::List(_) => "a list".to_owned(),
            NodeKind::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The node as JSON. A number that JSON's numbers here cannot hold exactly becomes a string.
    pub(crate) fn to_json(&self) -> Json {
        match &self.kind {
            NodeKind::Null => Json::Null,
            NodeKind::Bool(value, _) => Json::Bool(*value),
            NodeKind::Number(text) => exact_number(text).map_or_else(|| Json::from(&**text), Json::Number),
            NodeKind::Text(text) => Json::from(&**text),
            NodeKind::List(items) => items.iter().map(Self::to_json).collect(),
            NodeKind::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.to_string(), entry.value.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// The node of a JSON value, without places. Whoever parsed the value bounded its depth.
    pub(crate) fn from_json(json: &Json) -> Self {
        let kind = match json {
            Json::Null => NodeKind::Null,
            Json::Bool(value) => NodeKind::Bool(*value, value.to_string().into()),
            Json::Number(number) => NodeKind::Number(number.to_string().into()),
            Json::String(text) => NodeKind::Text(text.as_str().into()),
            Json::Array(items) => NodeKind::List(items.iter().map(Self::from_json).collect()),
            Json::Object(entries) => NodeKind::Map(
                entries
                    .iter()
                    .map(|(key, value)| Entry {
                        place: Place::default(),
                        key: key.as_str().into(),
                        value: Self::from_json(value),
                    })
                    .collect(),
            ),
        };
        Self { place: Place::default(), kind }
    }
}

/// A number that keeps the value of its text; `None` where none does.
pub(crate) fn exact_number(text: &str) -> Option<Number> {
    let number = nearest_number(text)?;
    (decimal::canonical(&number.to_string()) == decimal::canonical(&plain_digits(text)?)).then_some(number)
}

/// The number nearest to a text; `None` where the text is no number or too large a one.
pub(crate) fn nearest_number(text: &str) -> Option<Number> {
    let digits = plain_digits(text)?;
    let canonical = decimal::canonical(&digits).ok()?;
    if let Ok(whole) = canonical.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = canonical.parse::<u64>() {
        return Some(whole.into());
    }
    Number::from_f64(canonical.parse().ok()?)
}

/// The decimal digits of a number that YAML may also spell in base 8 or 16.
fn plain_digits(text: &str) -> Option<String> {
    let whole = match text.split_at_checked(2) {
        Some(("0x", digits)) => u64::from_str_radix(digits, 16).ok()?,
        Some(("0o", digits)) => u64::from_str_radix(digits, 8).ok()?,
        _ => return Some(text.to_owned()),
    };
    Some(whole.to_string())
}
