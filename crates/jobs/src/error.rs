//! What can go wrong behind the API, named by what the caller can do about it.

use std::fmt;

use reinstate_archive::ArchiveError;
use reinstate_store::StoreError;

/// One thing that is wrong with a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// The key.
    pub field: String,
    /// The rule that it breaks, in snake case.
    pub rule: &'static str,
    /// One sentence.
    pub message: String,
}

/// What kind of failure of the object storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageFault {
    /// It does not answer, or says that it cannot at the moment: trying again later may help.
    Unavailable,
    /// It refuses the credentials, or there is no such bucket: only an operator can help.
    Denied,
    /// Anything else.
    Failed,
}

impl fmt::Display for StorageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "did not answer",
            Self::Denied => "refused access, or has no such bucket,",
            Self::Failed => "failed",
        })
    }
}

/// Why a use case was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// The request cannot be understood or names something that cannot be.
    #[error("{message}")]
    BadRequest {
        /// One sentence that says what would be right.
        message: String,
    },
    /// The file that was sent is no archive that could be restored.
    #[error("the file is not a usable archive: {0}")]
    ArchiveRefused(#[source] Box<ArchiveError>),
    /// The body has faults; all of them are here.
    #[error("{} fault(s) in the body", .0.len())]
    Validation(Vec<FieldFault>),
    /// The caller's level does not reach.
    #[error("{message}")]
    Forbidden {
        /// One sentence naming what was refused and which level it needs.
        message: String,
    },
    /// What is there stands against it.
    #[error("{message}")]
    Conflict {
        /// One sentence.
        message: String,
    },
    /// No such thing, or none that the caller may know of.
    #[error("{message}")]
    NotFound {
        /// One sentence naming what was looked for.
        message: String,
    },
    /// It was there, and its time is over.
    #[error("{message}")]
    Gone {
        /// One sentence that says what to do.
        message: String,
    },
    /// As much as may be is under way already; later there is room again.
    #[error("{message}")]
    Busy {
        /// One sentence that says of what.
        message: String,
    },
    /// More bytes were sent than an upload may have.
    #[error("the upload is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// Another process works on the same data folder.
    #[error("another server already uses the data folder {dir}; stop it first or choose another folder")]
    DataDirBusy {
        /// The folder.
        dir: String,
    },
    /// Another process keeps its uploads in the same folder.
    #[error(
        "another server already keeps its uploads in {dir}; a server removes what it does not know there, so give \
         each a storage folder of its own"
    )]
    StorageDirBusy {
        /// The folder.
        dir: String,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object storage failed.
    #[error("the object storage {kind} while {doing}")]
    Storage {
        /// Whether it would help to try again.
        kind: StorageFault,
        /// What was being done.
        doing: &'static str,
        /// What the storage said; not for callers from outside.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl JobsError {
    /// A failure of the file system, or of something as close.
    pub(crate) fn storage(
        doing: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Storage { kind: StorageFault::Failed, doing, source: source.into() }
    }

    /// The error with its causes, for logs: a bucket's name and address may be among them.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(self)
    }

    /// The error with what the operating system said, where that is behind it: a full disk, say. Names no place.
    pub(crate) fn with_system_cause(&self) -> String {
        let chain = self.chain();
        match chain.split(": ").find(|said| said.contains(SYSTEM_ERROR)) {
            Some(said) => format!("{self}: {said}"),
            None => self.to_string(),
        }
    }
}

/// What errors of the operating system have at their end.
const SYSTEM_ERROR: &str = "(os error ";

/// An error with its causes, in one line. Many an error repeats its cause in its own words; that is left out.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_word_is_told_and_no_place() {
        let error = JobsError::storage(
            "writing an object",
            "Unable to copy data to file /data/objects/x: No space left on device (os error 28)",
        );
        assert!(
            error.with_system_cause().ends_with("writing an object: No space left on device (os error 28)")
        );
        let error = JobsError::storage("writing an object", "https://bucket.example/x refused");
        assert!(!error.with_system_cause().contains("example"));
    }
}
