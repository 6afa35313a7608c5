//! Rows in the form of a `COPY`, with what is to be said of them where they are refused.

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use reinstate_describe::{Batch, Name};
use reinstate_engine::TargetError;

use super::super::target_error::failed;
use crate::database::Database;
use crate::database::failure::FailureKind;
use crate::postgres::codec;
use crate::postgres::copy::{CHUNK_BYTES, copy_in};

/// Bytes of one `COPY`, at most, and a block: what is wrong shows at its end only.
const COPY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The same for rows that may be too large for a page: the fewer there are, the better is said which.
const WIDE_COPY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Columns of a row that surely fits into a page, at most: long values are kept elsewhere, so that none takes more
/// than 24 bytes of it.
const NARROW_COLUMNS_MAX: usize = 250;

/// Where rows go: a quoted table with its quoted columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    place: String,
    columns: usize,
}

/// Rows for one destination.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) to: Destination,
    pub(super) bytes: Vec<u8>,
    pub(super) origin: Origin,
}

/// Where some rows came from: their model, the first and the last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    model: Option<Name>,
    first: u64,
    last: u64,
}

/// Rows that could not be written.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) origin: Origin,
    pub(super) error: DieselError,
}

impl Destination {
    pub(super) fn new(table: &str, columns: &[String]) -> Self {
        Self { place: format!("{table} ({})", columns.join(", ")), columns: columns.len() }
    }

    /// As a `COPY` names it.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Bytes after which a `COPY` should end.
    pub(super) fn copy_bytes_max(&self) -> usize {
        if self.columns > NARROW_COLUMNS_MAX { WIDE_COPY_BYTES_MAX } else { COPY_BYTES_MAX }
    }
}

impl Block {
    /// No rows yet; `bytes` is empty.
    pub(super) fn new(to: Destination, bytes: Vec<u8>) -> Self {
        Self { to, bytes, origin: Origin::default() }
    }

    /// Adds rows of a batch, which `encode` writes.
    pub(super) fn add(
        &mut self,
        batch: &Batch,
        encode: impl FnOnce(&mut Vec<u8>) -> QueryResult<()>,
    ) -> Result<(), Unwritten> {
        self.origin.add(&Origin::of(batch));
        encode(&mut self.bytes).map_err(|error| Unwritten::batch(batch, error))
    }

    /// Writes the rows into a `COPY` that began.
    pub(super) fn write(&self, out: &mut dyn std::io::Write) -> QueryResult<()> {
        write(&self.bytes, out)
    }

    /// Copies the rows in by themselves.
    pub(super) fn send(&self, connection: &mut Database) -> Result<(), Unwritten> {
        let copied = copy(connection, &self.to, |out| self.write(out));
        copied.map_err(|error| Unwritten { origin: self.origin.clone(), error })
    }
}

/// Writes rows into a `COPY` that began.
pub(super) fn write(rows: &[u8], out: &mut dyn std::io::Write) -> QueryResult<()> {
    rows.chunks(CHUNK_BYTES).try_for_each(|chunk| out.write_all(chunk)).map_err(not_sent)
}

/// Copies in what `write` writes: rows, without what begins and ends a `COPY`.
pub(super) fn copy(
    connection: &mut Database,
    to: &Destination,
    write: impl Fn(&mut dyn std::io::Write) -> QueryResult<()>,
) -> QueryResult<()> {
    let Database::Postgres(connection) = connection else { return Err(DieselError::NotInTransaction) };
    copy_in(connection, to.place(), |out| {
        out.write_all(codec::COPY_HEADER).map_err(not_sent)?;
        write(out)?;
        out.write_all(&codec::COPY_TRAILER).map_err(not_sent)
    })
    .map(drop)
}

fn not_sent(error: std::io::Error) -> DieselError {
    DieselError::SerializationError(Box::new(error))
}

impl Default for Origin {
    fn default() -> Self {
        Self { model: None, first: u64::MAX, last: 0 }
    }
}

impl Origin {
    fn of(batch: &Batch) -> Self {
        let model = Some(batch.layout().model().name.clone());
        let rows = 0..u32::try_from(batch.len()).unwrap_or(u32::MAX);
        let lines = rows.map(|row| batch.line(row));
        lines.fold(Self { model, ..Self::default() }, |origin, line| Self {
            first: origin.first.min(line),
            last: origin.last.max(line),
            ..origin
        })
    }

    /// Adds rows of the same model.
    pub(super) fn add(&mut self, more: &Self) {
        if self.model.is_none() {
            self.model.clone_from(&more.model);
        }
        self.first = self.first.min(more.first);
        self.last = self.last.max(more.last);
    }
}

impl Unwritten {
    /// A batch that could not be written.
    pub(super) fn batch(batch: &Batch, error: DieselError) -> Self {
        Self { origin: Origin::of(batch), error }
    }

    /// The connection is lost.
    pub(super) fn gone() -> Self {
        Self::unavailable("no connection to the server".to_owned())
    }

    /// Trying again can help.
    pub(super) fn unavailable(message: String) -> Self {
        let error = DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(message));
        Self { origin: Origin::default(), error }
    }
}

/// A value that is too long for an index, or a row for a page, is the archive's to mend; which row of those on their
/// way it was the server does not say.
impl From<Unwritten> for TargetError {
    fn from(Unwritten { origin, error }: Unwritten) -> Self {
        if FailureKind::of(&error) != FailureKind::TooLarge {
            return failed("writing records", error);
        }
        let model = origin.model.map(|model| model.to_string()).unwrap_or_default();
        let message = format!(
            "A record of model '{model}' in lines {} to {} is larger than the database takes in a row, or has a value \
             that is too long for an index: shorten it, or take 'unique' and 'index' from its field ({error})",
            origin.first, origin.last
        );
        Self::Refused { message }
    }
}
