//! Failures of the store in the words of the engine's port.

use diesel::result::Error as DieselError;
use reinstate_engine::TargetError;

use crate::database::failure::FailureKind;
use crate::error::StoreError;

/// A failure of diesel's.
pub(super) fn failed(doing: &'static str, error: DieselError) -> TargetError {
    if FailureKind::of(&error) == FailureKind::TooLarge {
        return TargetError::Refused {
            message: format!("A record is larger than the database takes: {error}"),
        };
    }
    match StoreError::from_diesel(doing, error) {
        // Duplicates that the data can bring forth are told apart before; this one is a fault of ours.
        StoreError::Conflict { message } => TargetError::Failed { doing: doing.to_owned(), message },
        error => from_store(error),
    }
}

/// A failure of the store.
pub(super) fn from_store(error: StoreError) -> TargetError {
    match error {
        StoreError::Unavailable { message } => TargetError::Unavailable { message },
        StoreError::Database { doing, source } => {
            TargetError::Failed { doing: doing.to_owned(), message: source.to_string() }
        }
        StoreError::Conflict { message } => TargetError::Refused { message },
        StoreError::DefinitionInvalid(faults) => TargetError::Refused {
            message: faults.first().map(|fault| fault.message.clone()).unwrap_or_default(),
        },
        error => TargetError::Failed { doing: "changing a model".to_owned(), message: error.to_string() },
    }
}
