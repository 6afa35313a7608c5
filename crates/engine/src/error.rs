//! Why a restore ended without being applied.

use std::error::Error;
use std::fmt::Write as _;

use reinstate_archive::ArchiveError;
use reinstate_describe::record::RecordFault;
use reinstate_describe::yaml::DescribeFault;

use crate::counters::Counters;
use crate::port::{Stop, TargetError};

/// How many faults of one kind a sentence or a detail spells out; the rest is a number.
const FAULTS_SHOWN_MAX: usize = 100;

/// A restore that was not applied: why, and how far it had got.
#[derive(Debug)]
pub struct RestoreFailure {
    /// Why.
    pub error: Box<RestoreError>,
    /// How far it had got; none of it was kept.
    pub counters: Counters,
}

/// A field whose type in the archive is not the one that the tenant has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeConflict {
    /// The model.
    pub model: String,
    /// The field.
    pub field: String,
    /// The tenant's type.
    pub existing: String,
    /// The archive's type.
    pub described: String,
}

/// Why a restore was not applied.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The archive is damaged, hostile or not what its manifest says.
    #[error("the archive was refused: {0}")]
    Archive(#[source] Box<ArchiveError>),
    /// `describe.yaml` has faults; all of them are here.
    #[error("describe.yaml has {} fault{}; the first: {}", .0.len(), plural(.0.len()), first(.0))]
    Describe(Vec<DescribeFault>),
    /// The tenant's own definition of a model does not hold together.
    #[error("model '{model}' cannot take records: {message}; correct its definition")]
    Definition {
        /// The model.
        model: String,
        /// What is wrong.
        message: String,
    },
    /// The request names models that the archive does not hold.
    #[error("the archive holds no {what} of model {}; correct 'models' or leave it out", quoted(.models))]
    ModelsNotInArchive {
        /// The names as requested.
        models: Vec<String>,
        /// What was looked for.
        what: &'static str,
    },
    /// A model would have to be created, which the request forbids.
    #[error("Model '{model}' does not exist (set create_models: true to allow creating it)")]
    ModelMissing {
        /// The model.
        model: String,
    },
    /// A data file has no model: the tenant lacks it and no definition is being imported.
    #[error("Model '{model}' does not exist and '{file}' needs it: {hint}")]
    ModelUndefined {
        /// The model.
        model: String,
        /// The data file.
        file: String,
        /// What would help.
        hint: &'static str,
    },
    /// Fields have other types in the archive than in the tenant.
    #[error("{}", type_conflicts(.0))]
    TypeConflict(Vec<TypeConflict>),
    /// The run would write to a frozen model.
    #[error(
        "Model '{model}' is frozen: no record of it may be written; leave it out with 'models' or unfreeze it"
    )]
    ModelProtected {
        /// The model.
        model: String,
    },
    /// The caller may not do this.
    #[error("{cause}; this needs access level 'full'")]
    Forbidden {
        /// What the run would have done.
        cause: String,
    },
    /// A record does not fit.
    #[error("{file} line {}: {}", .fault.line, .fault.message)]
    Record {
        /// The data file.
        file: String,
        /// The model.
        model: String,
        /// What is wrong with the record.
        fault: Box<RecordFault>,
        /// How many other faults the same line or batch had.
        more: usize,
    },
    /// Records exist that must not (`error` strategy).
    #[error(
        "Model '{model}' already has record '{id}' ({file} line {line}); {count} record{} of the file exist{} already",
        plural(usize::try_from(*.count).unwrap_or(usize::MAX)), if *.count == 1 { "s" } else { "" }
    )]
    Conflict {
        /// The model.
        model: String,
        /// The data file.
        file: String,
        /// The first record that exists.
        id: String,
        /// Its line.
        line: u64,
        /// How many lines of the file name an existing record.
        count: u64,
    },
    /// An id stands twice in one file.
    #[error("{file} line {line}: record '{id}' of model '{model}' stands in the file twice")]
    Repeated {
        /// The model.
        model: String,
        /// The data file.
        file: String,
        /// The id.
        id: String,
        /// The later line.
        line: u64,
    },
    /// The tenant's data could not be read or written.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The run was asked to stop.
    #[error("{}", stop_sentence(*.0))]
    Stopped(Stop),
}

/// What is to be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The archive or the request must change first.
    Invalid,
    /// The caller may not.
    Forbidden,
    /// A model takes no writes.
    ModelProtected,
    /// Trying again later can help.
    Unavailable,
    /// The run was applied before; it only remains to be marked as completed.
    AlreadyApplied,
    /// It was asked to stop.
    Stopped(Stop),
    /// The database failed.
    Internal,
}

impl From<ArchiveError> for RestoreError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(Box::new(error))
    }
}

impl RestoreError {
    /// What is to be done about it.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::Archive(_)
            | Self::Describe(_)
            | Self::Definition { .. }
            | Self::ModelsNotInArchive { .. }
            | Self::ModelMissing { .. }
            | Self::ModelUndefined { .. }
            | Self::TypeConflict(_)
            | Self::Record { .. }
            | Self::Conflict { .. }
            | Self::Repeated { .. }
            | Self::Target(TargetError::Refused { .. }) => FailureKind::Invalid,
            Self::ModelProtected { .. } => FailureKind::ModelProtected,
            Self::Forbidden { .. } => FailureKind::Forbidden,
            Self::Target(TargetError::AlreadyApplied) => FailureKind::AlreadyApplied,
            Self::Target(TargetError::Fenced) => FailureKind::Stopped(Stop::LeaseLost),
            Self::Target(TargetError::Unavailable { .. }) => FailureKind::Unavailable,
            Self::Target(TargetError::Failed { .. } | TargetError::Stopped) => FailureKind::Internal,
            Self::Stopped(stop) => FailureKind::Stopped(*stop),
        }
    }

    /// A name for programs, in the manner of the API's error codes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Archive(_) => "ARCHIVE_INVALID",
            Self::Describe(_) | Self::Definition { .. } => "DESCRIBE_INVALID",
            Self::ModelsNotInArchive { .. } | Self::ModelMissing { .. } | Self::ModelUndefined { .. } => {
                "MODEL_NOT_FOUND"
            }
            Self::TypeConflict(_) => "FIELD_TYPE_CONFLICT",
            Self::ModelProtected { .. } => "MODEL_PROTECTED",
            Self::Forbidden { .. } => "FORBIDDEN",
            Self::Record { .. } => "VALIDATION_ERROR",
            Self::Conflict { .. } => "CONFLICT",
            Self::Repeated { .. } => "DUPLICATE_ID",
            Self::Target(TargetError::Unavailable { .. }) => "SERVICE_UNAVAILABLE",
            Self::Target(TargetError::Refused { .. }) => "VALIDATION_ERROR",
            Self::Target(_) => "INTERNAL_ERROR",
            Self::Stopped(Stop::Cancelled) => "CANCELLED",
            Self::Stopped(Stop::Shutdown | Stop::LeaseLost) => "INTERRUPTED",
        }
    }

    /// One sentence for a person: what went wrong, what to do, and that nothing was applied.
    #[must_use]
    pub fn sentence(&self) -> String {
        let advice = match self {
            Self::Record { more: 0, .. } | Self::Repeated { .. } => {
                ". Correct the line and import the archive again"
            }
            Self::Record { .. } => {
                " (and more faults beside it). Correct the line and import the archive again"
            }
            _ => "",
        };
        format!("{self}{advice}. Nothing was applied")
    }

    /// The facts: code, cause chain, and file, line, model, record and field where there is one.
    #[must_use]
    pub fn detail(&self) -> String {
        let mut text = format!("code: {}\n{self}\n", self.code());
        let mut cause = self.source();
        while let Some(error) = cause {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "caused by: {error}");
            cause = error.source();
        }
        self.facts(&mut text);
        text
    }

    fn facts(&self, text: &mut String) {
        let mut fact = |name: &str, value: &str| {
            let _ = writeln!(text, "{name}: {value}");
        };
        match self {
            Self::Record { file, model, fault, more } => {
                fact("file", file);
                fact("line", &fault.line.to_string());
                fact("model", model);
                if let Some(id) = &fault.record_id {
                    fact("record", id);
                }
                if let Some(field) = &fault.field {
                    fact("field", field);
                }
                fact("rule", fault.code.as_str());
                fact("further faults", &more.to_string());
            }
            Self::Conflict { model, file, id, line, .. } | Self::Repeated { model, file, id, line } => {
                fact("file", file);
                fact("line", &line.to_string());
                fact("model", model);
                fact("record", id);
            }
            Self::Describe(faults) => {
                for fault in faults.iter().take(FAULTS_SHOWN_MAX) {
                    fact("fault", &fault.to_string());
                }
                fact("faults in all", &faults.len().to_string());
            }
            Self::Definition { model, .. }
            | Self::ModelMissing { model }
            | Self::ModelProtected { model } => {
                fact("model", model);
            }
            Self::ModelUndefined { model, file, .. } => {
                fact("model", model);
                fact("file", file);
            }
            Self::Archive(_)
            | Self::ModelsNotInArchive { .. }
            | Self::TypeConflict(_)
            | Self::Forbidden { .. }
            | Self::Target(_)
            | Self::Stopped(_) => {}
        }
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn first(faults: &[DescribeFault]) -> String {
    faults.first().map(ToString::to_string).unwrap_or_default()
}

pub(crate) fn quoted(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().take(FAULTS_SHOWN_MAX).map(|name| format!("'{name}'")).collect();
    shown.join(", ")
}

fn type_conflicts(conflicts: &[TypeConflict]) -> String {
    let one = |c: &TypeConflict| {
        format!(
            "field '{}' of model '{}' is {} here and {} in the archive",
            c.field, c.model, c.existing, c.described
        )
    };
    let shown: Vec<_> = conflicts.iter().take(FAULTS_SHOWN_MAX).map(one).collect();
    shown.join("; ")
}

pub(crate) fn stop_sentence(stop: Stop) -> &'static str {
    match stop {
        Stop::Cancelled => "the run was cancelled",
        Stop::Shutdown => "the server is shutting down",
        Stop::LeaseLost => "another worker took over the run",
    }
}
