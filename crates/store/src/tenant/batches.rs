//! Handing the rows of an extract on in batches, whichever the backend.

use std::ops::ControlFlow;
use std::sync::Arc;

use diesel::QueryResult;
use reinstate_describe::{Batch, RowsBuilder};
use reinstate_engine::{Cancellation, Selection, SourceError};

use super::source_error::{failed, stopped_or};

/// Bytes of a batch before it is handed on: enough that handing on costs nothing, little beside what a server takes.
const BATCH_BYTES: usize = 512 * 1024;

/// Rows on their way to whoever takes them.
pub(super) struct Batches<'a> {
    /// The rows of the next batch.
    pub(super) rows: RowsBuilder,
    take: &'a mut dyn FnMut(Batch) -> ControlFlow<()>,
    cancellation: &'a Cancellation,
}

impl<'a> Batches<'a> {
    /// Begins with the first batch.
    pub(super) fn new(
        selection: &Selection<'_>,
        take: &'a mut dyn FnMut(Batch) -> ControlFlow<()>,
        cancellation: &'a Cancellation,
    ) -> Self {
        Self { rows: RowsBuilder::new(Arc::clone(selection.layout)), take, cancellation }
    }

    /// Hands the batch on where it is large enough, and says whether more is wanted.
    pub(super) fn go_on(&mut self) -> ControlFlow<()> {
        if self.rows.bytes() < BATCH_BYTES {
            return ControlFlow::Continue(());
        }
        let wanted = (self.take)(self.rows.take());
        if self.cancellation.stopped().is_some() { ControlFlow::Break(()) } else { wanted }
    }

    /// Hands the last batch on, and says how reading ended. `read`: whether it came to the end of the rows.
    pub(super) fn finish(mut self, read: QueryResult<ControlFlow<()>>) -> Result<(), SourceError> {
        let read = read.map_err(|error| failed("reading records", error));
        let end = stopped_or(self.cancellation, read)?;
        if self.cancellation.stopped().is_some() {
            return Err(SourceError::Stopped);
        }
        if end.is_continue() && !self.rows.is_empty() {
            // Nothing comes after it, whatever the answer is.
            let _ = (self.take)(self.rows.take());
        }
        Ok(())
    }
}
