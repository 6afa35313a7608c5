//! Failures of the store in the words of the engine's port of extracts.

use diesel::ConnectionError;
use diesel::result::Error as DieselError;
use reinstate_engine::{Cancellation, SourceError};

use crate::database::failure::is_refusal;
use crate::error::StoreError;
use crate::postgres::connection::told;

/// A failure of diesel's.
pub(super) fn failed(doing: &'static str, error: DieselError) -> SourceError {
    from_store(StoreError::from_diesel(doing, error))
}

/// A failure of the store.
pub(super) fn from_store(error: StoreError) -> SourceError {
    match error {
        StoreError::Unavailable { message } => SourceError::Unavailable { message },
        StoreError::Database { doing, source } => {
            SourceError::Failed { doing: doing.to_owned(), message: source.to_string() }
        }
        error => SourceError::Failed { doing: "reading records".to_owned(), message: error.to_string() },
    }
}

/// A connection that could not be opened.
pub(super) fn not_opened(error: ConnectionError) -> SourceError {
    const DOING: &str = "opening the tenant's data";
    match error {
        ConnectionError::CouldntSetupConfiguration(error) => failed(DOING, error),
        error => {
            let message = told(&error);
            // The tenant was opened before: what is short now may be had later, unless the server says no.
            if is_refusal(&message) {
                SourceError::Failed { doing: DOING.to_owned(), message }
            } else {
                SourceError::Unavailable { message }
            }
        }
    }
}

/// What failed because it was asked to stop was stopped.
pub(super) fn stopped_or<T>(
    cancellation: &Cancellation,
    outcome: Result<T, SourceError>,
) -> Result<T, SourceError> {
    outcome.map_err(|error| if cancellation.stopped().is_some() { SourceError::Stopped } else { error })
}
