//! What can go wrong in the store, named by what failed.

use diesel::result::Error as DieselError;
use reinstate_describe::definition::DefinitionFault;
use reinstate_describe::{FilterFault, RecordFault};

use crate::database::failure::FailureKind;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such thing, or none that the caller may know of.
    #[error("{what} '{id}' not found")]
    NotFound {
        /// What was looked for: "record", "run", …
        what: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// The tenant has no such model.
    #[error("model '{model}' not found")]
    ModelNotFound {
        /// The name that was asked for.
        model: String,
    },
    /// The model has no such field.
    #[error("model '{model}' has no field '{field}'")]
    FieldNotFound {
        /// The model.
        model: String,
        /// The name that was asked for.
        field: String,
    },
    /// What is there stands against it: a duplicate id or unique value, a name that is taken, a run under way.
    #[error("{message}")]
    Conflict {
        /// One sentence naming both sides.
        message: String,
    },
    /// The model takes no such write from anybody.
    #[error("model '{model}' is protected: {why}")]
    ModelProtected {
        /// The model.
        model: String,
        /// Why: "it is frozen", "it is kept by the platform", …
        why: &'static str,
    },
    /// The caller may see it but not do this.
    #[error("{message}")]
    Forbidden {
        /// One sentence naming what was refused.
        message: String,
    },
    /// Records or values that do not fit their model: every fault found.
    #[error("{} fault(s) in the given records", .0.len())]
    Invalid(Vec<RecordFault>),
    /// A definition that cannot be, or cannot follow the one that is there: every fault found.
    #[error("{} fault(s) in the given definition", .0.len())]
    DefinitionInvalid(Vec<DefinitionFault>),
    /// A list query that does not fit its model.
    #[error(transparent)]
    Filter(#[from] FilterFault),
    /// Another writer holds the data, every connection is busy, or the server is away; trying again later can help.
    #[error("the database is busy: {message}")]
    Unavailable {
        /// What the database said.
        message: String,
    },
    /// The database refused or failed; trying again will not help.
    #[error("the database failed while {doing}")]
    Database {
        /// What was being done: "reading a record", …
        doing: &'static str,
        /// What the database said; not for callers from outside.
        #[source]
        source: DatabaseFailure,
    },
}

/// What the database said, kept inside.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DatabaseFailure(pub String);

impl StoreError {
    /// A failure of the database that no later try will mend.
    pub fn failed(doing: &'static str, message: impl Into<String>) -> Self {
        Self::Database { doing, source: DatabaseFailure(message.into()) }
    }

    /// Sorts a failure of diesel's: what passes by itself becomes [`StoreError::Unavailable`], a unique violation
    /// that nobody foresaw and a record that no table or index takes [`StoreError::Conflict`], all else [`StoreError::Database`].
    pub fn from_diesel(doing: &'static str, error: DieselError) -> Self {
        match (FailureKind::of(&error), error) {
            (FailureKind::Unique, DieselError::DatabaseError(_, info)) => {
                Self::Conflict { message: format!("the value is there already ({})", info.message()) }
            }
            (FailureKind::TooLarge, error) => {
                Self::Conflict { message: format!("a record is larger than the database takes ({error})") }
            }
            (kind, error) if kind.passes() => Self::Unavailable { message: error.to_string() },
            (_, error) => Self::failed(doing, error.to_string()),
        }
    }

    /// No record of that id, or none that the caller may know of.
    #[must_use]
    pub fn record_not_found(id: impl Into<String>) -> Self {
        Self::NotFound { what: "record", id: id.into() }
    }
}

/// Whether the database did not get a lock in time.
pub(crate) fn is_busy(error: &DieselError) -> bool {
    FailureKind::of(error) == FailureKind::Busy
}

/// Where diesel itself ends a transaction, its failures have no better name than this.
impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        Self::from_diesel("ending a transaction", error)
    }
}
