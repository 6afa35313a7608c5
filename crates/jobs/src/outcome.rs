//! What became of one start of a run.

use reinstate_engine::{Cancellation, Counters, LogPhase, RestoreError, Stop};
use reinstate_store::StoreError;

/// What became of one start of a run.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Everything was applied.
    Completed(Counters),
    /// An earlier start had applied everything.
    AlreadyApplied,
    /// Nothing was applied, and trying again would not help.
    Failed(Box<Failure>),
    /// It was asked to stop; nothing was applied.
    Stopped(Stop, Counters),
    /// The storage of the archive does not answer; it is known that no start of the run was applied.
    StorageAway {
        /// What it said, or did not.
        message: String,
    },
    /// Something is missing that may come back.
    Unavailable {
        /// What.
        message: String,
        /// It is known that no start of the run was applied.
        nothing_applied: bool,
    },
}

/// Why a run failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// One sentence for a person that says that nothing was applied.
    pub(crate) sentence: String,
    /// Code, causes and places for who looks closer.
    pub(crate) detail: String,
    /// How far the run got.
    pub(crate) counters: Counters,
    /// The part of the run that failed, where the error tells.
    pub(crate) phase: Option<LogPhase>,
    /// The model that it failed at.
    pub(crate) model: Option<String>,
    /// The record that it failed at.
    pub(crate) record_id: Option<String>,
}

impl Outcome {
    /// Something is missing, and nothing is known about earlier starts.
    pub(crate) fn unavailable(message: String) -> Self {
        Self::Unavailable { message, nothing_applied: false }
    }

    /// It stopped as it was asked to.
    pub(crate) fn stopped(cancellation: &Cancellation, counters: Counters) -> Self {
        // Without a wish nothing stops; taking the run up again is right whatever happened.
        Self::Stopped(cancellation.stopped().unwrap_or(Stop::Shutdown), counters)
    }

    /// The store failed before the engine began.
    pub(crate) fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable { message } => Self::unavailable(message.clone()),
            error => Self::Failed(Box::new(Failure::internal(&chain(error)))),
        }
    }
}

impl Failure {
    /// The engine says why.
    pub(crate) fn of_error(error: &RestoreError, counters: Counters) -> Self {
        let (model, record_id) = place(error);
        Self {
            sentence: error.sentence(),
            detail: error.detail(),
            counters,
            phase: phase(error),
            model,
            record_id,
        }
    }

    /// A mistake of ours.
    pub(crate) fn internal(what: &str) -> Self {
        Self::plain("The run failed because of an internal error", "INTERNAL_ERROR", what)
    }

    /// The archive is missing.
    pub(crate) fn source(what: &str) -> Self {
        Self::plain(
            "The archive of the run is no longer there; upload it, or run the extract that made it, again",
            "SOURCE_NOT_FOUND",
            what,
        )
    }

    /// The archive is missing on a server that is one of many.
    pub(crate) fn source_not_shared(what: &str) -> Self {
        Self::plain(
            "The archive of the run is not in the storage folder of the server that took the run up; let all servers \
             of one database use the same storage folder, or upload it again",
            "SOURCE_NOT_FOUND",
            what,
        )
    }

    /// The storage lets nobody in.
    pub(crate) fn storage_denied(what: &str) -> Self {
        Self::plain(
            "The storage refused the archive of the run: its credentials are not accepted there, or there is no such \
             bucket. Have the server's storage settings looked at, then run it again",
            "STORAGE_DENIED",
            what,
        )
    }

    /// The storage could not do what it was asked.
    pub(crate) fn storage_failed(what: &str) -> Self {
        Self::plain(
            "The archive of the run could not be read from the storage; the log of the server says why",
            "STORAGE_FAILED",
            what,
        )
    }

    /// The storage did not come back.
    pub(crate) fn storage_unavailable(what: &str) -> Self {
        Self::plain(
            "The storage of the archive did not answer each time the run was tried; run it again later",
            "STORAGE_UNAVAILABLE",
            what,
        )
    }

    /// Workers were lost over it too often.
    pub(crate) fn interrupted(attempts: i32) -> Self {
        let sentence = format!("The run was interrupted {attempts} times and is given up");
        Self::plain(&sentence, "INTERRUPTED", "each worker ended before the run did")
    }

    /// What was missing did not come back.
    pub(crate) fn unavailable(what: &str) -> Self {
        Self::plain(
            "The tenant's data stayed unavailable for too long; try again later",
            "SERVICE_UNAVAILABLE",
            what,
        )
    }

    fn plain(sentence: &str, code: &str, what: &str) -> Self {
        Self {
            sentence: format!("{sentence}. Nothing was applied"),
            detail: format!("code: {code}\n{what}\n"),
            counters: Counters::default(),
            phase: None,
            model: None,
            record_id: None,
        }
    }
}

/// An error and its causes, a line each.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str("\ncaused by: ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn phase(error: &RestoreError) -> Option<LogPhase> {
    match error {
        RestoreError::Archive(_) | RestoreError::Describe(_) | RestoreError::ModelsNotInArchive { .. } => {
            Some(LogPhase::Validation)
        }
        RestoreError::ModelMissing { .. } | RestoreError::TypeConflict(_) => Some(LogPhase::DescribeImport),
        RestoreError::Record { .. } | RestoreError::Conflict { .. } | RestoreError::Repeated { .. } => {
            Some(LogPhase::DataImport)
        }
        _ => None,
    }
}

fn place(error: &RestoreError) -> (Option<String>, Option<String>) {
    match error {
        RestoreError::Record { model, fault, .. } => (Some(model.clone()), fault.record_id.clone()),
        RestoreError::Conflict { model, id, .. } | RestoreError::Repeated { model, id, .. } => {
            (Some(model.clone()), Some(id.clone()))
        }
        RestoreError::Definition { model, .. }
        | RestoreError::ModelMissing { model }
        | RestoreError::ModelUndefined { model, .. }
        | RestoreError::ModelProtected { model } => (Some(model.clone()), None),
        _ => (None, None),
    }
}
