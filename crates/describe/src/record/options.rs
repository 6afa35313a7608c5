//! What a parser is told, and what it answers.

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
    /// It cannot join the builder's batch, which is unchanged: its id is there already, or the model has a unique
    /// field and the record names other columns than those before it. Take the batch out, then parse the line
    /// again.
    NextBatch,
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
