//! Rows that are on their way into a table and may wait for more: each `COPY` costs the server a few milliseconds,
//! however few its rows are.

use diesel::QueryResult;
use diesel::result::Error as DieselError;
use reinstate_describe::{Batch, Name};

use crate::database::Database;
use crate::postgres::codec;
use crate::postgres::copy::{CHUNK_BYTES, copy_in};

/// Bytes that wait at most, and one batch: with more a run needs memory and gains no time.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Rows in the form of a `COPY`, all for one place.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// The table with its columns; empty where nothing waits.
    place: String,
    bytes: Vec<u8>,
    model: Option<Name>,
    lines: Lines,
}

/// The first and the last line from which some rows came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) first: u64,
    pub(super) last: u64,
}

/// Rows of a model that could not be written.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) model: Option<Name>,
    pub(super) lines: Lines,
    pub(super) error: DieselError,
}

impl Default for Lines {
    fn default() -> Self {
        Self { first: u64::MAX, last: 0 }
    }
}

impl Lines {
    pub(super) fn of(batch: &Batch) -> Self {
        let mut lines = Self::default();
        lines.add(batch);
        lines
    }

    fn add(&mut self, batch: &Batch) {
        for row in 0..u32::try_from(batch.len()).unwrap_or(u32::MAX) {
            let line = batch.line(row);
            *self = Self { first: self.first.min(line), last: self.last.max(line) };
        }
    }
}

impl Unwritten {
    /// A batch that could not be written.
    pub(super) fn batch(batch: &Batch, error: DieselError) -> Self {
        Self { model: Some(batch.layout().model().name.clone()), lines: Lines::of(batch), error }
    }
}

impl Pending {
    /// Whether rows for `place` may join those that wait.
    pub(super) fn takes(&self, place: &str) -> bool {
        self.place == place || self.place.is_empty()
    }

    /// Whether it is time to send what waits.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= WAITING_BYTES_MAX
    }

    /// Adds rows of a batch, which `encode` writes.
    pub(super) fn add(
        &mut self,
        place: &str,
        batch: &Batch,
        encode: impl FnOnce(&mut Vec<u8>) -> QueryResult<()>,
    ) -> QueryResult<()> {
        place.clone_into(&mut self.place);
        self.model = Some(batch.layout().model().name.clone());
        self.lines.add(batch);
        encode(&mut self.bytes)
    }

    /// Sends what waits.
    pub(super) fn send(&mut self, connection: &mut Database) -> Result<(), Unwritten> {
        if self.place.is_empty() {
            return Ok(());
        }
        let sent = send(connection, &self.place, &self.bytes);
        self.place.clear();
        self.bytes.clear();
        self.bytes.shrink_to(WAITING_BYTES_MAX * 2);
        let (model, lines) = (self.model.take(), std::mem::take(&mut self.lines));
        sent.map_err(|error| Unwritten { model, lines, error })
    }
}

/// Copies rows into a place.
pub(super) fn send(connection: &mut Database, place: &str, rows: &[u8]) -> QueryResult<()> {
    let failed = |error: std::io::Error| DieselError::SerializationError(Box::new(error));
    let Database::Postgres(connection) = connection else { return Err(DieselError::NotInTransaction) };
    copy_in(connection, place, |out| {
        out.write_all(codec::COPY_HEADER).map_err(failed)?;
        rows.chunks(CHUNK_BYTES).try_for_each(|chunk| out.write_all(chunk)).map_err(failed)?;
        out.write_all(&codec::COPY_TRAILER).map_err(failed)
    })
    .map(drop)
}
