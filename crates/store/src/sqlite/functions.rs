//! What we add to SQLite's own functions: patterns over Unicode and questions to arrays.
//!
//! Each answers false for null, never null, so that `NOT` may stand before it.

use std::collections::HashSet;

use diesel::sql_types::{Nullable, Text};
use diesel::{QueryResult, SqliteConnection, declare_sql_function};
use serde_json::value::RawValue;

#[declare_sql_function]
extern "SQL" {
    fn reinstate_like(text: Nullable<Text>, pattern: Text) -> diesel::sql_types::Bool;
    fn reinstate_ilike(text: Nullable<Text>, pattern: Text) -> diesel::sql_types::Bool;
    fn reinstate_has_any(array: Nullable<Text>, elements: Text) -> diesel::sql_types::Bool;
    fn reinstate_has_all(array: Nullable<Text>, elements: Text) -> diesel::sql_types::Bool;
}

/// Registers the functions on a connection.
pub(crate) fn register(connection: &mut SqliteConnection) -> QueryResult<()> {
    reinstate_like_utils::register_impl(connection, |text: Option<String>, pattern: String| {
        text.is_some_and(|text| is_like(&text, &pattern))
    })?;
    reinstate_ilike_utils::register_impl(connection, |text: Option<String>, pattern: String| {
        text.is_some_and(|text| is_like(&text.to_lowercase(), &pattern.to_lowercase()))
    })?;
    reinstate_has_any_utils::register_impl(connection, |array: Option<String>, elements: String| {
        array.is_some_and(|array| {
            let array: HashSet<_> = element_texts(&array).into_iter().collect();
            element_texts(&elements).iter().any(|element| array.contains(element))
        })
    })?;
    reinstate_has_all_utils::register_impl(connection, |array: Option<String>, elements: String| {
        array.is_some_and(|array| {
            let array: HashSet<_> = element_texts(&array).into_iter().collect();
            element_texts(&elements).iter().all(|element| array.contains(element))
        })
    })
}

/// The elements of a JSON array as they are written: cells hold equal elements as equal texts, and no number
/// loses a digit by being read.
fn element_texts(array: &str) -> Vec<&str> {
    serde_json::from_str::<Vec<&RawValue>>(array)
        .map(|elements| elements.into_iter().map(RawValue::get).collect())
        .unwrap_or_default()
}

/// Whether a text has the form of a pattern: `%` any text, `_` one character, `\` the next one as it is.
fn is_like(text: &str, pattern: &str) -> bool {
    let pattern = tokens(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut t, mut p) = (0, 0);
    // Where the last `%` stood, and how much of the text it has taken so far: the only place to go back to.
    let mut back: Option<(usize, usize)> = None;
    while let Some(&current) = text.get(t) {
        match pattern.get(p) {
            Some(Token::Any) => {
                back = Some((p, t));
                p += 1;
            }
            Some(Token::One) => (t, p) = (t + 1, p + 1),
            Some(Token::Exactly(wanted)) if *wanted == current => (t, p) = (t + 1, p + 1),
            _ => match back {
                None => return false,
                Some((star, taken)) => {
                    back = Some((star, taken + 1));
                    (t, p) = (taken + 1, star + 1);
                }
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|token| matches!(token, Token::Any)))
}

enum Token {
    Any,
    One,
    Exactly(char),
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(current) = chars.next() {
        tokens.push(match current {
            '%' => Token::Any,
            '_' => Token::One,
            // A lone one at the end stands for itself.
            '\\' => Token::Exactly(chars.next().unwrap_or('\\')),
            other => Token::Exactly(other),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_like_does() {
        for (text, pattern, expected) in [
            ("", "", true),
            ("", "%", true),
            ("a", "", false),
            ("abc", "a%", true),
            ("abc", "%b%", true),
            ("abc", "a_c", true),
            ("äbc", "_bc", true),
            ("abc", "a_", false),
            ("a%c", r"a\%c", true),
            ("abc", r"a\%c", false),
            ("aXbXc", "%X_", true),
            ("mississippi", "%iss%ip%", true),
            ("mississippi", "%iss%ix%", false),
            (r"a\", r"a\", true),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{text:?} like {pattern:?}");
        }
    }

    #[test]
    fn elements_are_compared_as_written() {
        assert_eq!(
            element_texts(r#"[1, 12345678901234567890.5,"a",null]"#),
            ["1", "12345678901234567890.5", "\"a\"", "null"]
        );
    }
}
