//! What we add to SQLite's own functions: patterns over Unicode and questions to arrays.
//!
//! Each answers false for null, never null, so that `NOT` may stand before it.

use std::collections::HashSet;

use diesel::sql_types::{Nullable, Text};
use diesel::{QueryResult, SqliteConnection, declare_sql_function};
use reinstate_describe::filter::like;
use reinstate_describe::value::is_same_json;
use serde_json::value::RawValue;

#[declare_sql_function]
extern "SQL" {
    fn reinstate_like(text: Nullable<Text>, pattern: Text) -> diesel::sql_types::Bool;
    fn reinstate_ilike(text: Nullable<Text>, pattern: Text) -> diesel::sql_types::Bool;
    fn reinstate_has_any(array: Nullable<Text>, elements: Text) -> diesel::sql_types::Bool;
    fn reinstate_has_all(array: Nullable<Text>, elements: Text) -> diesel::sql_types::Bool;
    fn reinstate_has_any_json(array: Nullable<Text>, elements: Text) -> diesel::sql_types::Bool;
    fn reinstate_has_all_json(array: Nullable<Text>, elements: Text) -> diesel::sql_types::Bool;
    fn reinstate_same_json(left: Nullable<Text>, right: Text) -> diesel::sql_types::Bool;
}

/// Registers the functions on a connection.
pub(crate) fn register(connection: &mut SqliteConnection) -> QueryResult<()> {
    reinstate_like_utils::register_impl(connection, |text: Option<String>, pattern: String| {
        text.is_some_and(|text| like(&pattern, &text, false))
    })?;
    reinstate_ilike_utils::register_impl(connection, |text: Option<String>, pattern: String| {
        text.is_some_and(|text| like(&pattern, &text, true))
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
    })?;
    register_for_json(connection)
}

/// Values of JSON are equal in many spellings.
fn register_for_json(connection: &mut SqliteConnection) -> QueryResult<()> {
    let has = |array: &[&str], element: &str| array.iter().any(|other| is_same_json(other, element));
    reinstate_has_any_json_utils::register_impl(
        connection,
        move |array: Option<String>, elements: String| {
            array.is_some_and(|array| {
                let array = element_texts(&array);
                element_texts(&elements).iter().any(|element| has(&array, element))
            })
        },
    )?;
    reinstate_has_all_json_utils::register_impl(
        connection,
        move |array: Option<String>, elements: String| {
            array.is_some_and(|array| {
                let array = element_texts(&array);
                element_texts(&elements).iter().all(|element| has(&array, element))
            })
        },
    )?;
    reinstate_same_json_utils::register_impl(connection, |left: Option<String>, right: String| {
        left.is_some_and(|left| is_same_json(&left, &right))
    })
}

/// The elements of a JSON array as they are written: cells hold equal elements as equal texts, and no number
/// loses a digit by being read.
fn element_texts(array: &str) -> Vec<&str> {
    serde_json::from_str::<Vec<&RawValue>>(array)
        .map(|elements| elements.into_iter().map(RawValue::get).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_compared_as_written() {
        assert_eq!(
            element_texts(r#"[1, 12345678901234567890.5,"a",null]"#),
            ["1", "12345678901234567890.5", "\"a\"", "null"]
        );
    }
}
