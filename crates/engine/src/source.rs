//! The port of extracts: one tenant's data, read in one state.

use std::ops::ControlFlow;
use std::sync::Arc;

use reinstate_describe::{Batch, Caller, Catalog, Filter, Layout};

/// Which records of a model are read.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// The model's columns, as the source's own catalog has them.
    pub layout: &'a Arc<Layout>,
    /// The condition; `None` for all records.
    pub filter: Option<&'a Filter>,
    /// Who reads: records that the caller may not read are as if they were not there.
    pub caller: &'a Caller,
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The database stopped reading because the run was asked to stop.
    #[error("the run was stopped")]
    Stopped,
    /// The connection is gone, or the server; trying again later can help.
    #[error("the tenant's data is not available: {message}")]
    Unavailable {
        /// What the database said.
        message: String,
    },
    /// The database refused or failed; trying again will not help.
    #[error("the database failed while {doing}: {message}")]
    Failed {
        /// What was being done.
        doing: String,
        /// What the database said.
        message: String,
    },
}

/// One tenant's data as it was when the source was opened: whatever is written meanwhile, every call sees that one
/// state.
pub trait Source {
    /// The models.
    ///
    /// # Errors
    /// Where the database fails.
    fn catalog(&mut self) -> Result<Catalog, SourceError>;

    /// How many records a selection holds, trashed ones included.
    ///
    /// # Errors
    /// Where the database fails.
    fn records_count(&mut self, selection: &Selection<'_>) -> Result<u64, SourceError>;

    /// Reads the records of a selection, trashed ones included, in the order of their ids by bytes, and hands them to
    /// `take` in batches of a few hundred kilobytes until it says that it has enough.
    ///
    /// # Errors
    /// Where the database fails. Asking it to have enough is no error.
    fn records_read(
        &mut self,
        selection: &Selection<'_>,
        take: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<(), SourceError>;
}
