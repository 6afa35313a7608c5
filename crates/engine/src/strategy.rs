//! The six strategies as a table: what happens to a model's records before and while its file is read.
//!
//! This module has no I/O and is the only place that knows strategies by name.

use std::fmt;

/// How a restore treats what is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// Empty each model that the archive has a file for, then insert.
    Replace,
    /// Update existing records, insert new ones.
    #[default]
    Upsert,
    /// Import records only into models that did not exist.
    Merge,
    /// Insert new records, log each existing one.
    Sync,
    /// Insert new records, pass over existing ones.
    Skip,
    /// Fail where any record exists.
    Error,
}

impl Strategy {
    /// Every strategy, in the order in which messages list them.
    pub const ALL: [Self; 6] =
        [Self::Replace, Self::Upsert, Self::Merge, Self::Sync, Self::Skip, Self::Error];

    /// The spelling in requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Upsert => "upsert",
            Self::Merge => "merge",
            Self::Sync => "sync",
            Self::Skip => "skip",
            Self::Error => "error",
        }
    }

    /// Reads the spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.as_str() == text)
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
