//! The port of extracts: one tenant's data, read in one state.

use std::ops::ControlFlow;
use std::sync::Arc;

use reinstate_describe::{Batch, Caller, Catalog, Filter, Layout, Lines, LinesBuilder};

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

    /// Reads the same records in the same order as [`records_read`](Self::records_read), as lines of canonical JSON in
    /// pieces of a few hundred kilobytes. A database that can write lines without making rows of them first does.
    ///
    /// # Errors
    /// As [`records_read`](Self::records_read).
    fn lines_read(
        &mut self,
        selection: &Selection<'_>,
        take: &mut dyn FnMut(Lines) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let mut lines = LinesBuilder::new(selection.layout);
        self.records_read(selection, &mut |batch| {
            for row in (0..).take(batch.len()) {
                (0..selection.layout.len()).for_each(|column| lines.push(batch.value(row, column)));
                lines.end_record();
            }
            take(lines.take())
        })
    }

    /// About how many records a selection holds, where that is cheaper than to count them: for telling how far an
    /// extract is.
    ///
    /// # Errors
    /// As [`records_count`](Self::records_count).
    fn records_estimate(&mut self, selection: &Selection<'_>) -> Result<u64, SourceError> {
        self.records_count(selection)
    }
}
