//! A filter before it is checked: the tree that both spellings share.
//!
//! Numbers of the JSON spelling stay text, so that no digit is lost.

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::FilterFault;

/// Deepest nesting of a filter.
pub const DEPTH_MAX: usize = 32;

/// A value, an operator's operand, or a whole condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    /// One JSON value that is neither list nor object.
    Json(String),
    /// A text from the query: what it is follows from the column's type.
    Plain(String),
    List(Vec<Term>),
    Map(IndexMap<String, Term>),
}

impl Term {
    /// Reads the JSON spelling.
    pub(super) fn from_json(text: &str) -> Result<Self, FilterFault> {
        let raw: &RawValue = serde_json::from_str(text)
            .map_err(|error| FilterFault::new(format!("the filter is not valid JSON: {error}")))?;
        Self::from_raw(raw.get(), 0)
    }

    fn from_raw(raw: &str, depth: usize) -> Result<Self, FilterFault> {
        check_depth(depth)?;
        // The text was checked as a whole, so that only what a text holds can still be wrong.
        let broken =
            |error: serde_json::Error| FilterFault::new(format!("the filter is not valid JSON: {error}"));
        match raw.as_bytes().first() {
            Some(b'{') => {
                let entries: IndexMap<String, &RawValue> = serde_json::from_str(raw).map_err(broken)?;
                let entries =
                    entries.into_iter().map(|(key, raw)| Ok((key, Self::from_raw(raw.get(), depth + 1)?)));
                entries.collect::<Result<_, _>>().map(Self::Map)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(broken)?;
                items
                    .iter()
                    .map(|raw| Self::from_raw(raw.get(), depth + 1))
                    .collect::<Result<_, _>>()
                    .map(Self::List)
            }
            _ => Ok(Self::Json(raw.to_owned())),
        }
    }

    pub(super) fn empty_map() -> Self {
        Self::Map(IndexMap::new())
    }

    /// Puts a value of the bracket spelling where its path leads. An empty segment, `[]`, adds to a list.
    pub(super) fn insert(&mut self, path: &[&str], value: &str) -> Result<(), FilterFault> {
        let Some((segment, rest)) = path.split_first() else {
            return Err(FilterFault::new(format!(
                "the filter gives a value twice ('{}')",
                crate::value::shorten(value)
            )));
        };
        if segment.is_empty() {
            return self.append(rest, value);
        }
        let Self::Map(entries) = self else {
            return Err(FilterFault::new(format!(
                "the filter has both a value and conditions at '[{segment}]'"
            )));
        };
        if let Some(existing) = entries.get_mut(*segment) {
            return existing.insert(rest, value);
        }
        entries.insert((*segment).to_owned(), Self::leaf(rest, value)?);
        Ok(())
    }

    fn append(&mut self, rest: &[&str], value: &str) -> Result<(), FilterFault> {
        match self {
            Self::List(items) => items.push(Self::leaf(rest, value)?),
            Self::Map(entries) if entries.is_empty() => *self = Self::List(vec![Self::leaf(rest, value)?]),
            _ => {
                return Err(FilterFault::new(
                    "the filter has both a list ('[]') and something else in one place",
                ));
            }
        }
        Ok(())
    }

    fn leaf(path: &[&str], value: &str) -> Result<Self, FilterFault> {
        if path.is_empty() {
            return Ok(Self::Plain(value.to_owned()));
        }
        let mut term = Self::empty_map();
        term.insert(path, value)?;
        Ok(term)
    }

    /// The items of a list; a mapping whose keys are all numbers (`[0]`, `[1]`) is one too.
    pub(super) fn items(&self) -> Option<Vec<&Self>> {
        match self {
            Self::List(items) => Some(items.iter().collect()),
            Self::Map(entries) if !entries.is_empty() && entries.keys().all(|key| is_index(key)) => {
                Some(entries.values().collect())
            }
            _ => None,
        }
    }

    /// What the term is, in words.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Json(raw) => crate::value::describe_raw(raw),
            Self::Plain(text) => format!("'{}'", crate::value::shorten(text)),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "an object".to_owned(),
        }
    }
}

fn is_index(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_depth(depth: usize) -> Result<(), FilterFault> {
    if depth > DEPTH_MAX {
        return Err(FilterFault::new(format!("the filter is nested deeper than {DEPTH_MAX}")));
    }
    Ok(())
}

/// The segments of a bracketed name: `filter[where][a]` gives `filter`, `where`, `a`.
pub(super) fn segments(name: &str) -> Result<Vec<&str>, FilterFault> {
    let broken = || FilterFault::new(format!("'{}' has unpaired brackets", crate::value::shorten(name)));
    let Some((head, tail)) = name.split_once('[') else { return Ok(vec![name]) };
    let inner = tail.strip_suffix(']').ok_or_else(broken)?;
    let mut segments = vec![head];
    segments.extend(inner.split("]["));
    if segments.iter().any(|segment| segment.contains(['[', ']'])) {
        return Err(broken());
    }
    check_depth(segments.len())?;
    Ok(segments)
}
