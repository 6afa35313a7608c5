//! A batch in the making.

use std::sync::Arc;

use crate::batch::Batch;
use crate::layout::Layout;

/// Rows at which a batch counts as full: enough that the cost of a batch no longer shows.
pub const BATCH_ROWS_MAX: usize = 2048;
/// Bytes at which a batch counts as full; one record may go beyond it.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Collects rows until they are a [`Batch`]; filled by [`super::RecordParser`].
#[derive(Debug)]
pub struct BatchBuilder {
    layout: Arc<Layout>,
}

impl BatchBuilder {
    /// An empty builder for rows of `layout`.
    #[must_use]
    pub fn new(layout: Arc<Layout>) -> Self {
        Self { layout }
    }

    /// The layout of the rows.
    #[must_use]
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory that the rows take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        todo!()
    }

    /// Whether [`BATCH_ROWS_MAX`] or [`BATCH_BYTES_MAX`] is reached.
    #[must_use]
    pub fn is_full(&self) -> bool {
        todo!()
    }

    /// Takes the rows out as a batch; the builder is empty afterwards and can be filled again.
    pub fn finish(&mut self) -> Batch {
        todo!()
    }

    /// Gives the buffers of a batch that is done with back, so that the next one need not allocate. Has an
    /// effect only while the builder is empty.
    pub fn recycle(&mut self, batch: Batch) {
        let _ = batch;
    }
}
