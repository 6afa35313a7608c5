//! Writing a batch, whichever the backend.

use diesel::QueryResult;
use reinstate_describe::Batch;
use reinstate_engine::{Conflict, WriteOutcome};

use super::{postgres, sqlite};
use crate::database::Database;

/// Writes the batches of one request inside its transaction.
#[derive(Debug, Default)]
pub(super) struct Writer {
    sqlite: sqlite::Writer,
    postgres: postgres::Writer,
}

impl Writer {
    /// Writes a batch's groups; rows that conflict or are refused are part of the outcome.
    pub(super) fn write(
        &mut self,
        connection: &mut Database,
        batch: &Batch,
        conflict: Conflict,
    ) -> QueryResult<WriteOutcome> {
        match connection {
            Database::Sqlite(_) => self.sqlite.write(connection, batch, conflict),
            Database::Postgres(_) => self.postgres.write(connection, batch, conflict),
        }
    }
}
