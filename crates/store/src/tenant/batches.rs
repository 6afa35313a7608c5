//! Handing the records of an extract on in batches, whichever the backend.

use std::ops::ControlFlow;

use diesel::QueryResult;
use reinstate_describe::{Batch, Lines, LinesBuilder, RowsBuilder, Value};
use reinstate_engine::{Cancellation, SourceError};

use super::source_error::{failed, stopped_or};

/// What records are gathered in, value by value.
pub(super) trait Gather {
    /// What is handed on.
    type Batch;

    /// Bytes of a batch before it is handed on: enough that handing on costs nothing, little beside what a server
    /// takes.
    const BATCH_BYTES: usize;

    /// How many columns a record has.
    fn columns_len(&self) -> usize;

    /// Appends the value of the next column.
    fn value(&mut self, value: Value<'_>);

    /// Ends the record.
    fn record_ends(&mut self);

    /// Bytes that were gathered.
    fn gathered_bytes(&self) -> usize;

    /// What was gathered, `None` for nothing.
    fn gathered(&mut self) -> Option<Self::Batch>;
}

impl Gather for RowsBuilder {
    type Batch = Batch;

    const BATCH_BYTES: usize = 512 * 1024;

    fn columns_len(&self) -> usize {
        self.layout().len()
    }

    fn value(&mut self, value: Value<'_>) {
        self.push(value);
    }

    fn record_ends(&mut self) {
        self.end_row();
    }

    fn gathered_bytes(&self) -> usize {
        self.bytes()
    }

    fn gathered(&mut self) -> Option<Batch> {
        (!self.is_empty()).then(|| self.take())
    }
}

impl Gather for LinesBuilder {
    type Batch = Lines;

    /// A little less than the power of two that the room for a batch grows to.
    const BATCH_BYTES: usize = 240 * 1024;

    fn columns_len(&self) -> usize {
        Self::columns_len(self)
    }

    fn value(&mut self, value: Value<'_>) {
        self.push(value);
    }

    fn record_ends(&mut self) {
        self.end_record();
    }

    fn gathered_bytes(&self) -> usize {
        self.bytes()
    }

    fn gathered(&mut self) -> Option<Lines> {
        (!self.is_empty()).then(|| self.take())
    }
}

/// Records on their way to whoever takes them.
pub(super) struct Batches<'a, G: Gather> {
    /// The records of the next batch.
    pub(super) records: G,
    take: &'a mut dyn FnMut(G::Batch) -> ControlFlow<()>,
    cancellation: &'a Cancellation,
}

impl<'a, G: Gather> Batches<'a, G> {
    /// Begins with the first batch.
    pub(super) fn new(
        records: G,
        take: &'a mut dyn FnMut(G::Batch) -> ControlFlow<()>,
        cancellation: &'a Cancellation,
    ) -> Self {
        Self { records, take, cancellation }
    }

    /// Hands the batch on where it is large enough, and says whether more is wanted.
    pub(super) fn go_on(&mut self) -> ControlFlow<()> {
        if self.records.gathered_bytes() < G::BATCH_BYTES {
            return ControlFlow::Continue(());
        }
        let wanted = self.records.gathered().map_or(ControlFlow::Continue(()), &mut *self.take);
        if self.cancellation.stopped().is_some() { ControlFlow::Break(()) } else { wanted }
    }

    /// Hands the last batch on, and says how reading ended. `read`: whether it came to the end of the records.
    pub(super) fn finish(mut self, read: QueryResult<ControlFlow<()>>) -> Result<(), SourceError> {
        let read = read.map_err(|error| failed("reading records", error));
        let end = stopped_or(self.cancellation, read)?;
        if self.cancellation.stopped().is_some() {
            return Err(SourceError::Stopped);
        }
        if end.is_continue()
            && let Some(batch) = self.records.gathered()
        {
            // Nothing comes after it, whatever the answer is.
            let _ = (self.take)(batch);
        }
        Ok(())
    }
}
