//! Filters applied in memory: the meaning that SQL must have too.

use std::cmp::Ordering;

use serde_json::value::RawValue;

use super::{Filter, Test};
use crate::batch::Value;
use crate::field_type::{BaseType, ColumnType};
use crate::layout::Layout;
use crate::value::{CellValue, decimal, is_same_json};

impl Filter {
    /// Whether a record passes; `row` gives the value at a position of `layout`.
    #[must_use]
    pub fn matches<'r>(&self, layout: &Layout, row: &dyn Fn(usize) -> Value<'r>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|filter| filter.matches(layout, row)),
            Self::Or(any) => any.iter().any(|filter| filter.matches(layout, row)),
            Self::Not(filter) => !filter.matches(layout, row),
            Self::Compare { column, test } => layout
                .column(*column)
                .is_some_and(|definition| test.holds(definition.column_type, row(*column))),
        }
    }
}

impl Test {
    /// Whether a value of a column passes.
    #[must_use]
    pub fn holds(&self, column_type: ColumnType, value: Value<'_>) -> bool {
        let is_null = matches!(value, Value::Null | Value::Absent);
        let order = |other: &CellValue| compare(column_type, value, other.as_value());
        match self {
            Self::IsNull => is_null,
            Self::IsNotNull => !is_null,
            Self::NotEqual(other) => is_null || order(other) != Some(Ordering::Equal),
            Self::NotIn(others) => {
                is_null || !others.iter().any(|other| order(other) == Some(Ordering::Equal))
            }
            _ if is_null => false,
            Self::Equal(other) => order(other) == Some(Ordering::Equal),
            Self::Greater(other) => order(other).is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual(other) => order(other).is_some_and(Ordering::is_ge),
            Self::Less(other) => order(other).is_some_and(Ordering::is_lt),
            Self::LessOrEqual(other) => order(other).is_some_and(Ordering::is_le),
            Self::In(others) => others.iter().any(|other| order(other) == Some(Ordering::Equal)),
            Self::Between(least, greatest) => {
                order(least).is_some_and(Ordering::is_ge) && order(greatest).is_some_and(Ordering::is_le)
            }
            Self::Like { pattern, ignores_case } => match value {
                Value::Text(text) => like(pattern, text, *ignores_case),
                _ => false,
            },
            Self::Any(wanted) => {
                let is_in = |has: &[&str], wanted: &str| has_element(column_type.base, has, wanted);
                elements(value).is_some_and(|has| wanted.iter().any(|wanted| is_in(&has, wanted)))
            }
            Self::All(wanted) => {
                let is_in = |has: &[&str], wanted: &str| has_element(column_type.base, has, wanted);
                elements(value).is_some_and(|has| wanted.iter().all(|wanted| is_in(&has, wanted)))
            }
            Self::Size(size) => elements(value).is_some_and(|has| u64::try_from(has.len()) == Ok(*size)),
        }
    }
}

fn compare(column_type: ColumnType, left: Value<'_>, right: Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(&right)),
        (Value::Text(left), Value::Text(right))
            if column_type.base == BaseType::Decimal && !column_type.array =>
        {
            Some(decimal::compare(left, right))
        }
        // JSON has no order, but many spellings of one value.
        (Value::Text(left), Value::Text(right))
            if column_type.base == BaseType::Json && is_same_json(left, right) =>
        {
            Some(Ordering::Equal)
        }
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Whether an element, as JSON, is among those of an array. But for JSON, equal ones are equal as texts.
fn has_element(base: BaseType, elements: &[&str], wanted: &str) -> bool {
    match base {
        BaseType::Json => elements.iter().any(|element| is_same_json(element, wanted)),
        _ => elements.contains(&wanted),
    }
}

fn elements(value: Value<'_>) -> Option<Vec<&str>> {
    let Value::Text(text) = value else { return None };
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// Whether a text has the form of a pattern: `%` is any text, `_` any one character, `\` takes the next
/// character as it is. Takes time in proportion to the product of both lengths at worst.
#[must_use]
pub fn like(pattern: &str, text: &str, ignores_case: bool) -> bool {
    if ignores_case {
        return like(&pattern.to_lowercase(), &text.to_lowercase(), false);
    }
    let tokens = tokens(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut token, mut at) = (0, 0);
    // Where to go on when a guess turns out wrong: the last `%` takes one more character.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(character) = text.get(at) {
        match tokens.get(token) {
            Some(Token::AnyText) => {
                retry = Some((token, at));
                token += 1;
                continue;
            }
            Some(Token::AnyCharacter) => {
                token += 1;
                at += 1;
                continue;
            }
            Some(Token::Character(wanted)) if wanted == character => {
                token += 1;
                at += 1;
                continue;
            }
            _ => {}
        }
        let Some((any, taken)) = retry else { return false };
        retry = Some((any, taken + 1));
        (token, at) = (any + 1, taken + 1);
    }
    tokens.iter().skip(token).all(|token| *token == Token::AnyText)
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    AnyText,
    AnyCharacter,
    Character(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '%' => Token::AnyText,
            '_' => Token::AnyCharacter,
            '\\' => Token::Character(characters.next().unwrap_or('\\')),
            _ => Token::Character(character),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("%", "", true),
            ("a%", "abc", true),
            ("%c", "abc", true),
            ("%b%", "abc", true),
            ("a_c", "abc", true),
            ("a_c", "aüc", true),
            ("a", "abc", false),
            ("a%b%c%", "axxbxxbxc", true),
            ("a\\%", "a%", true),
            ("a\\%", "ab", false),
            ("\\\\", "\\", true),
            ("A%", "abc", false),
        ] {
            assert_eq!(like(pattern, text, false), expected, "{pattern} {text}");
        }
        assert!(like("ÄB%", "äbc", true));
        assert!(!like(&"%a".repeat(50), &"b".repeat(10_000), false));
    }
}
