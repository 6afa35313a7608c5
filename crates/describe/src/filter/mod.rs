//! The list language of the Data API, checked against a model.
//!
//! # Logic
//! Every test is true or false, never unknown: a null makes every test false but [`Test::IsNull`],
//! [`Test::NotEqual`] and [`Test::NotIn`]; these two are the exact negation of [`Test::Equal`] and [`Test::In`].
//! [`Filter::Not`] turns true and false round. SQL must be written so that it says the same.

mod compile;
mod matching;
mod query;
mod term;

use crate::layout::Layout;
use crate::value::CellValue;
use compile::Compiler;
use term::Term;

pub use compile::{LIST_VALUES_MAX, TESTS_MAX, VALUES_MAX};
pub use matching::like;
pub use query::{LIMIT_DEFAULT, LIMIT_MAX, ListQuery, Order, Trashed, parse_list_query};
pub use term::DEPTH_MAX;

/// A condition on records.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them; true where there is none.
    And(Vec<Filter>),
    /// One of them; false where there is none.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A test of one column.
    Compare {
        /// Position of the column in the layout.
        column: usize,
        /// The test.
        test: Test,
    },
}

/// A test of one value. Values are in the encoding of the column's cells, never null. Decimals compare as
/// numbers (`value::decimal::compare`), JSON by its value however it is spelled (`value::is_same_json`), everything
/// else as its cell does; texts by their bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The same value.
    Equal(CellValue),
    /// Another value, or none.
    NotEqual(CellValue),
    /// A greater value.
    Greater(CellValue),
    /// The same value or a greater one.
    GreaterOrEqual(CellValue),
    /// A lesser value.
    Less(CellValue),
    /// The same value or a lesser one.
    LessOrEqual(CellValue),
    /// One of the values.
    In(Vec<CellValue>),
    /// None of the values, or no value.
    NotIn(Vec<CellValue>),
    /// Within both bounds, which count too.
    Between(CellValue, CellValue),
    /// The text has the form of the pattern: `%` is any text, `_` any one character, `\` takes the next
    /// character as it is.
    Like {
        /// The pattern.
        pattern: String,
        /// Upper and lower case are the same.
        ignores_case: bool,
    },
    /// There is no value.
    IsNull,
    /// There is a value.
    IsNotNull,
    /// The array has at least one of the elements. Elements are JSON texts in the form that an array cell has.
    Any(Vec<String>),
    /// The array has every one of the elements.
    All(Vec<String>),
    /// The array has this many elements.
    Size(u64),
}

/// Why a list request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterFault {
    /// One sentence for a person that names the setting, field, operator or value.
    pub message: String,
}

impl FilterFault {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Reads a filter in its JSON form (`{"field": value, "field": {"$op": value}, "$or": […]}`).
///
/// # Errors
/// [`FilterFault`] for the first thing that is wrong.
pub fn filter_from_json(json: &serde_json::Value, layout: &Layout) -> Result<Filter, FilterFault> {
    let term = Term::from_json(&json.to_string())?;
    Compiler::new(layout).condition(&term)
}
