//! Why an extract ended without an archive.

use std::error::Error;
use std::fmt::Write as _;

use reinstate_archive::ArchiveError;

use crate::error::{FailureKind, quoted, stop_sentence};
use crate::port::Stop;
use crate::source::SourceError;

/// An extract without an archive: why, and how far it had got.
#[derive(Debug)]
pub struct ExtractFailure {
    /// Why.
    pub error: Box<ExtractError>,
    /// Records that had been written; none of it was kept.
    pub records: u64,
    /// Models that had been written.
    pub models: u64,
}

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The request names models that the tenant does not have.
    #[error("the tenant has no model {}; correct 'models' or leave it out", quoted(.models))]
    ModelsUnknown {
        /// The names as requested.
        models: Vec<String>,
    },
    /// A model's filter cannot be used.
    #[error("the filter of model '{model}' cannot be used: {message}")]
    FilterInvalid {
        /// The model as the filter names it.
        model: String,
        /// What is wrong.
        message: String,
    },
    /// A record is longer than an archive's lines may be.
    #[error(
        "record '{id}' of model '{model}' takes more than {bytes_max} bytes as JSON, more than a line of an archive \
         may have; leave it out with a filter"
    )]
    RecordTooLong {
        /// The model.
        model: String,
        /// The record.
        id: String,
        /// What a line may have, in bytes.
        bytes_max: usize,
    },
    /// There is more than an archive may hold.
    #[error(
        "the archive would have more than {limit} {what}, which no archive may have; extract fewer models at once"
    )]
    TooLarge {
        /// What there is too much of, in words.
        what: &'static str,
        /// As much as there may be.
        limit: u64,
    },
    /// The tenant could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The archive could not be written to where it should go.
    #[error("the archive could not be stored: {0}")]
    Output(#[source] std::io::Error),
    /// The archive cannot hold what the tenant has.
    #[error("the archive could not be written: {0}")]
    Archive(#[source] Box<ArchiveError>),
    /// The run was asked to stop.
    #[error("{}", stop_sentence(*.0))]
    Stopped(Stop),
}

impl From<ArchiveError> for ExtractError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Io { source, .. } => Self::Output(source),
            error => Self::Archive(Box::new(error)),
        }
    }
}

impl ExtractError {
    /// What is to be done about it.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::ModelsUnknown { .. }
            | Self::FilterInvalid { .. }
            | Self::RecordTooLong { .. }
            | Self::TooLarge { .. } => FailureKind::Invalid,
            Self::Source(SourceError::Unavailable { .. }) | Self::Output(_) => FailureKind::Unavailable,
            Self::Source(SourceError::Failed { .. } | SourceError::Stopped) | Self::Archive(_) => {
                FailureKind::Internal
            }
            Self::Stopped(stop) => FailureKind::Stopped(*stop),
        }
    }

    /// A name for programs, in the manner of the API's error codes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ModelsUnknown { .. } => "MODEL_NOT_FOUND",
            Self::FilterInvalid { .. } => "FILTER_INVALID",
            Self::RecordTooLong { .. } | Self::TooLarge { .. } => "VALIDATION_ERROR",
            Self::Source(SourceError::Unavailable { .. }) => "SERVICE_UNAVAILABLE",
            Self::Output(_) => "STORAGE_UNAVAILABLE",
            Self::Source(_) | Self::Archive(_) => "INTERNAL_ERROR",
            Self::Stopped(Stop::Cancelled) => "CANCELLED",
            Self::Stopped(Stop::Shutdown | Stop::LeaseLost) => "INTERRUPTED",
        }
    }

    /// One sentence for a person: what went wrong, what to do, and that nothing was kept.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{self}. No archive was kept")
    }

    /// The facts: code and cause chain.
    #[must_use]
    pub fn detail(&self) -> String {
        let mut text = format!("code: {}\n{self}\n", self.code());
        let mut cause = self.source();
        while let Some(error) = cause {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "caused by: {error}");
            cause = error.source();
        }
        text
    }
}
