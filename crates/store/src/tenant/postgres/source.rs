//! One tenant's schema as it was at one moment: the engine's [`Source`] on PostgreSQL.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::SimpleConnection as _;
use diesel::result::Error as DieselError;
use reinstate_describe::ddl::{Dialect, table_name};
use reinstate_describe::{AccessLevel, Batch, Catalog, Lines, LinesBuilder, Model, RowsBuilder};
use reinstate_engine::{Cancellation, Selection, Source, SourceError};

use super::super::batches::{Batches, Gather};
use super::super::catalog;
use super::super::source_error::{failed, from_store, not_opened, stopped_or};
use super::canceller::Canceller;
use super::locks::extract_wait_ms;
use super::target::Place;
use crate::database::Database;
use crate::postgres::connection;
use crate::postgres::copy::copy_out;
use crate::postgres::rows::{Fields, RowsReader};
use crate::query::{selection_count, selection_read};
use crate::statement::Statement;

/// Bytes of a table below which its records are counted: that takes milliseconds. Counting a large one takes a tenth of
/// the time that reading it does, on more cores than one.
const COUNTED_BYTES_MAX: u64 = 16 << 20;

/// One tenant's data in one state; it lasts as long as the value. Nobody changes definitions or exchanges tables
/// meanwhile; readers and writers of records do not notice.
pub(in crate::tenant) struct PostgresSource {
    connection: Database,
    cancellation: Cancellation,
    /// Whether rows of a copy may be left that nobody wanted.
    is_unread: bool,
    _canceller: Canceller,
}

impl PostgresSource {
    /// Opens a connection of its own and begins a transaction that reads the state of this moment.
    pub(in crate::tenant) fn begin(
        place: Place<'_>,
        cancellation: &Cancellation,
    ) -> Result<Self, SourceError> {
        let Place { schema, address, wait_ms } = place;
        let opening = |error| failed("opening the tenant's data", error);
        let mut connection = Database::Postgres(connection::open(address).map_err(not_opened)?);
        let pid = Statement::once("SELECT pg_backend_pid()").number(&mut connection).map_err(opening)?;
        let canceller = Canceller::watch(address.clone(), pid, cancellation.clone())
            .map_err(|error| SourceError::Unavailable { message: format!("no thread: {error}") })?;
        let cancellation = cancellation.clone();
        let mut source = Self { connection, cancellation, is_unread: false, _canceller: canceller };
        for sql in [schema.extract_enter(extract_wait_ms(wait_ms)), schema.begin_extract(wait_ms)] {
            let begun = source.connection.batch_execute(&sql).map_err(opening);
            stopped_or(&source.cancellation, begun)?;
        }
        Ok(source)
    }
}

impl PostgresSource {
    /// The connection, ready for another statement: rows that nobody wanted are passed over.
    fn connection(&mut self) -> Result<&mut Database, SourceError> {
        if std::mem::take(&mut self.is_unread) {
            let passed = self.connection.batch_execute("SELECT 1");
            stopped_or(&self.cancellation, passed.map_err(|error| failed("reading records", error)))?;
        }
        Ok(&mut self.connection)
    }

    /// Copies the records of a selection out, gathered in `records`.
    fn read<G: Gather + Fields>(
        &mut self,
        selection: &Selection<'_>,
        records: G,
        take: &mut dyn FnMut(G::Batch) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let statement = selection_read(Dialect::Postgres, selection, "TRUE").map_err(from_store)?;
        self.connection()?;
        let mut reader = RowsReader::new(selection.layout);
        let mut batches = Batches::new(records, take, &self.cancellation);
        let read = copy_into(&mut self.connection, &statement, &mut reader, &mut batches);
        self.is_unread = !matches!(read, Ok(ControlFlow::Continue(())));
        batches.finish(read)
    }
}

impl Source for PostgresSource {
    fn catalog(&mut self) -> Result<Catalog, SourceError> {
        let read = catalog::read(self.connection()?).map_err(from_store);
        stopped_or(&self.cancellation, read)
    }

    fn records_count(&mut self, selection: &Selection<'_>) -> Result<u64, SourceError> {
        let statement = selection_count(Dialect::Postgres, selection, "TRUE").map_err(from_store)?;
        let counted = statement.number(self.connection()?).map_err(|error| failed("counting records", error));
        let count = stopped_or(&self.cancellation, counted)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    fn records_read(
        &mut self,
        selection: &Selection<'_>,
        take: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        self.read(selection, RowsBuilder::new(Arc::clone(selection.layout)), take)
    }

    fn lines_read(
        &mut self,
        selection: &Selection<'_>,
        take: &mut dyn FnMut(Lines) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        self.read(selection, LinesBuilder::new(selection.layout), take)
    }

    fn records_estimate(&mut self, selection: &Selection<'_>) -> Result<u64, SourceError> {
        if selection.filter.is_none() && selection.caller.level >= AccessLevel::Read {
            // Few records have lists that hide them.
            let asked = estimate(selection.layout.model()).number(self.connection()?);
            let asked = asked.map_err(|error| failed("estimating how many records there are", error));
            if let Ok(estimate @ 1..) = u64::try_from(stopped_or(&self.cancellation, asked)?) {
                return Ok(estimate);
            }
        }
        self.records_count(selection)
    }
}

/// How many rows a model's table has by what the server knows of it already: as dense as when it last looked, as many
/// pages as now. 0 where it never looked, or where the table is small enough to be counted.
fn estimate(model: &Model) -> Statement {
    let mut statement = Statement::once(format!(
        "SELECT (CASE WHEN relpages > 0 AND reltuples > 0 AND size >= {COUNTED_BYTES_MAX} THEN reltuples / relpages * size \
         / pg_catalog.current_setting('block_size')::pg_catalog.int4 ELSE 0 END)::pg_catalog.int8 \
         FROM pg_catalog.pg_class, pg_catalog.pg_relation_size(oid) AS size WHERE oid = pg_catalog.to_regclass("
    ));
    statement.text(table_name(Dialect::Postgres, &model.name)).sql(")");
    statement
}

/// Copies the rows of a statement out as long as they are wanted.
fn copy_into<G: Gather + Fields>(
    connection: &mut Database,
    statement: &Statement,
    reader: &mut RowsReader,
    batches: &mut Batches<'_, G>,
) -> QueryResult<ControlFlow<()>> {
    let (settings, query) = statement.with_settings();
    for setting in settings {
        setting.rows(connection)?;
    }
    let Database::Postgres(connection) = connection else { return Err(DieselError::NotInTransaction) };
    let mut end = Ok(ControlFlow::Continue(()));
    copy_out(connection, &query, |piece| {
        end = reader.read(piece, &mut batches.records).map(|()| batches.go_on());
        end.clone().unwrap_or(ControlFlow::Break(()))
    })?;
    let end = end.map_err(|error| DieselError::DeserializationError(Box::new(error)))?;
    if end.is_continue() {
        // What the server said last comes to light with the next statement.
        connection.batch_execute("SELECT 1")?;
        if !reader.has_ended() {
            return Err(DieselError::DeserializationError("the stream of rows ended too early".into()));
        }
    }
    Ok(end)
}

impl fmt::Debug for PostgresSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSource").finish_non_exhaustive()
    }
}
