//! The parser of records, made once for a model.

use std::sync::Arc;

use super::{BatchBuilder, RecordFault};
use crate::layout::Layout;

/// What to make of a record's own access lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessListMode {
    /// Write them as the record has them.
    Keep,
    /// Do as if the record did not have them.
    Ignore,
}

/// What to make of a record without `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdMode {
    /// Give it one.
    GenerateWhereAbsent,
    /// Refuse it.
    Required,
}

/// How records are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseOptions {
    /// The time for `created_at` and `updated_at` of records that have none, in microseconds.
    pub now_micros: i64,
    /// See [`AccessListMode`].
    pub access_lists: AccessListMode,
    /// See [`IdMode`].
    pub id: IdMode,
}

/// What became of a record without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// It is in the builder.
    Added {
        /// It came without `id` and was given one.
        generated_id: bool,
    },
    /// Its id is in the builder already, which is unchanged: take the batch out, then parse the line again.
    DuplicateInBatch,
}

/// Why no parser can be made for a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParserError {
    /// The default value of a field does not fit its type.
    #[error("default value of field '{field}' {message}")]
    DefaultValue {
        /// The field.
        field: String,
        /// What the type is and what the value is.
        message: String,
    },
}

/// Reads records of one model.
#[derive(Debug)]
pub struct RecordParser {
    layout: Arc<Layout>,
    options: ParseOptions,
}

impl RecordParser {
    /// A parser for records of the model behind `layout`. Patterns that cannot be compiled are not enforced
    /// (`yaml::parse_describe` warns of them).
    ///
    /// # Errors
    /// [`ParserError`] where the model's own definition does not hold together.
    pub fn new(layout: Arc<Layout>, options: ParseOptions) -> Result<Self, ParserError> {
        Ok(Self { layout, options })
    }

    /// Reads one record from the text of a JSON object and adds it to `out`, which must have been made for
    /// the same layout. `line_number` goes into the row and into faults; `ids` is asked for an id where the
    /// record has none.
    ///
    /// # Errors
    /// Every fault of the record; `out` is unchanged then. A syntax error comes alone.
    pub fn parse(
        &mut self,
        line: &str,
        line_number: u64,
        ids: &dyn Fn() -> String,
        out: &mut BatchBuilder,
    ) -> Result<Parsed, Vec<RecordFault>> {
        let _ = (line, line_number, ids, out, &self.layout, &self.options);
        todo!()
    }
}
