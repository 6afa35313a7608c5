//! What became of one start of an extract run.

use reinstate_engine::{ExtractError, ExtractFailure, Extracted, FailureKind, SourceError, Stop};
use reinstate_store::StoreError;
use reinstate_store::control::ExtractObject;

use crate::error::{JobsError, StorageFault};
use crate::settlement::{POSTPONED_MAX, STORAGE_POSTPONED_MAX};

/// How a start of a run ended.
pub(super) enum Ending {
    /// The archive is stored whole.
    Completed { extracted: Extracted, object: ExtractObject },
    /// There is no archive, and trying again would not help.
    Failed(Failure),
    /// It was asked to stop.
    Stopped(Stop, Figures),
    /// Something is missing that may come back; tried so many times at most.
    Unavailable { failure: Failure, postponed_max: i64 },
}

/// How far a run got.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    pub(super) records: u64,
    pub(super) models: u64,
}

/// Why there is no archive.
pub(super) struct Failure {
    pub(super) sentence: String,
    pub(super) detail: String,
    pub(super) figures: Figures,
}

impl Failure {
    /// A sentence for a person, with a code and what was met for who looks closer.
    pub(super) fn plain(sentence: &str, code: &str, what: &str) -> Self {
        Self {
            sentence: format!("{sentence}. No archive was kept"),
            detail: format!("code: {code}\n{what}\n"),
            figures: Figures::default(),
        }
    }

    /// What was missing did not come back.
    pub(super) fn unavailable(what: &str) -> Self {
        let sentence = "The tenant's data stayed unavailable for too long; try again later";
        Self::plain(sentence, "SERVICE_UNAVAILABLE", what)
    }

    /// A mistake of ours.
    pub(super) fn internal(what: &str) -> Self {
        Self::plain("The extract failed because of an internal error", "INTERNAL_ERROR", what)
    }
}

impl Ending {
    /// The tenant or the control plane is missing.
    pub(super) fn without_database(message: &str) -> Self {
        Self::Unavailable { failure: Failure::unavailable(message), postponed_max: POSTPONED_MAX }
    }

    /// The store failed before the engine began.
    pub(super) fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable { message } => Self::without_database(message),
            error => Self::Failed(Failure::internal(&error.to_string())),
        }
    }

    /// The storage failed. The run's record is its tenant's to read, and says nothing of where the storage is.
    pub(super) fn of_storage(error: &JobsError) -> Self {
        tracing::warn!(error = error.chain(), "the storage does not take the archive of an extract");
        let detail = error.with_system_cause();
        match error {
            JobsError::Storage { kind: StorageFault::Denied, .. } => {
                let sentence = "The storage of archives refused the extract: the server's credentials are not \
                                accepted there, or there is no such bucket. Have its storage settings looked at, then \
                                run it again";
                return Self::Failed(Failure::plain(sentence, "STORAGE_DENIED", &detail));
            }
            JobsError::TooLarge { bytes_max } => {
                let sentence = "The archive is larger than the storage takes in one object; extract fewer models \
                                at a time";
                let detail = format!("an object of the bucket has {bytes_max} bytes at most");
                return Self::Failed(Failure::plain(sentence, "ARCHIVE_TOO_LARGE", &detail));
            }
            _ => {}
        }
        if let JobsError::Storage { kind: StorageFault::Failed, .. } = error {
            let sentence = "The archive could not be stored; the log of the server says why";
            return Self::Failed(Failure::plain(sentence, "STORAGE_FAILED", &detail));
        }
        let sentence =
            "The storage of archives did not answer each time the extract was tried; run it again later";
        let failure = Failure::plain(sentence, "STORAGE_UNAVAILABLE", &detail);
        Self::Unavailable { failure, postponed_max: STORAGE_POSTPONED_MAX }
    }

    /// The engine says why.
    pub(super) fn of_failure(failure: ExtractFailure) -> Self {
        let ExtractFailure { error, records, models } = failure;
        let figures = Figures { records, models };
        match *error {
            ExtractError::Stopped(stop) => Self::Stopped(stop, figures),
            ExtractError::Source(SourceError::Unavailable { message }) => Self::without_database(&message),
            ExtractError::Output(error) => match error.downcast::<JobsError>() {
                Ok(error) => Self::of_storage(&error),
                Err(error) => Self::of_storage(&JobsError::storage("storing an archive", error)),
            },
            error => {
                if error.kind() == FailureKind::Internal {
                    tracing::error!(%error, "an extract failed");
                }
                Self::Failed(Failure { sentence: error.sentence(), detail: error.detail(), figures })
            }
        }
    }
}
