//! One tenant's file as it was at one moment: the engine's [`Source`] on SQLite.

use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use diesel::connection::{DefaultLoadingMode, LoadConnection, SimpleConnection};
use diesel::result::Error as DieselError;
use diesel::row::{Field, Row};
use diesel::sql_types::Bool;
use diesel::sqlite::{Sqlite, SqliteType};
use diesel::{QueryResult, SqliteConnection, declare_sql_function, serialize};
use reinstate_describe::ddl::Dialect;
use reinstate_describe::{Batch, Catalog, Lines, LinesBuilder, RowsBuilder, Value};
use reinstate_engine::{Cancellation, Selection, Source, SourceError};

use super::super::batches::{Batches, Gather};
use super::super::catalog;
use super::super::source_error::{failed, from_store, not_opened, stopped_or};
use crate::database::Database;
use crate::query::{selection_count, selection_read};
use crate::sqlite::connection::{self, EXTRACT_CACHE_KIB};
use crate::statement::Statement;

/// How long the first look waits for a lock, in milliseconds. Readers of a write-ahead log wait for nobody but one
/// who recovers it after a crash.
const BUSY_TIMEOUT_MS: u32 = 5_000;

/// A condition that is true for every row and breaks the statement off once the run is asked to stop: nobody else
/// can end a statement that goes through many rows without finding one.
const GOES_ON: &str = "reinstate_goes_on()";

#[declare_sql_function]
extern "SQL" {
    fn reinstate_goes_on() -> Bool;
}

/// One tenant's data in one state; it lasts as long as the value.
pub(in crate::tenant) struct SqliteSource {
    connection: Database,
    cancellation: Cancellation,
}

impl SqliteSource {
    /// Opens a connection of its own and begins a transaction that reads the state of this moment.
    pub(in crate::tenant) fn begin(file: &Path, cancellation: &Cancellation) -> Result<Self, SourceError> {
        let mut connection =
            connection::open(file, BUSY_TIMEOUT_MS, EXTRACT_CACHE_KIB).map_err(not_opened)?;
        let opened = prepare(&mut connection, cancellation);
        opened.map_err(|error| failed("opening the tenant's data", error))?;
        let mut source =
            Self { connection: Database::Sqlite(connection), cancellation: cancellation.clone() };
        // The state is that of the first look, not of the transaction's beginning.
        let looked = Statement::new("SELECT \"version\" FROM \"$catalog\"").number(&mut source.connection);
        looked.map_err(|error| failed("opening the tenant's data", error))?;
        Ok(source)
    }
}

impl SqliteSource {
    /// Reads the records of a selection, gathered in `records`.
    fn read<G: Gather>(
        &mut self,
        selection: &Selection<'_>,
        records: G,
        take: &mut dyn FnMut(G::Batch) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let statement = selection_read(Dialect::Sqlite, selection, GOES_ON).map_err(from_store)?;
        let connection = self.connection.sqlite().map_err(from_store)?;
        let mut batches = Batches::new(records, take, &self.cancellation);
        let read = read_into(connection, &statement, &mut batches);
        batches.finish(read)
    }
}

fn prepare(connection: &mut SqliteConnection, cancellation: &Cancellation) -> QueryResult<()> {
    let cancellation = cancellation.clone();
    reinstate_goes_on_utils::register_nondeterministic_impl(connection, move || GoesOn {
        is_stopped: cancellation.stopped().is_some(),
    })?;
    connection.batch_execute("PRAGMA query_only = ON; BEGIN")
}

/// The answer of [`GOES_ON`].
#[derive(Debug)]
struct GoesOn {
    is_stopped: bool,
}

impl serialize::ToSql<Bool, Sqlite> for GoesOn {
    fn to_sql<'b>(&'b self, out: &mut serialize::Output<'b, '_, Sqlite>) -> serialize::Result {
        if self.is_stopped {
            return Err("the run was stopped".into());
        }
        out.set_value(1_i32);
        Ok(serialize::IsNull::No)
    }
}

impl Source for SqliteSource {
    fn catalog(&mut self) -> Result<Catalog, SourceError> {
        let read = catalog::read(&mut self.connection).map_err(from_store);
        stopped_or(&self.cancellation, read)
    }

    fn records_count(&mut self, selection: &Selection<'_>) -> Result<u64, SourceError> {
        let statement = selection_count(Dialect::Sqlite, selection, GOES_ON).map_err(from_store)?;
        let counted =
            statement.number(&mut self.connection).map_err(|error| failed("counting records", error));
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
}

/// Reads the rows of a statement as long as they are wanted.
fn read_into<G: Gather>(
    connection: &mut SqliteConnection,
    statement: &Statement,
    batches: &mut Batches<'_, G>,
) -> QueryResult<ControlFlow<()>> {
    let columns = batches.records.columns_len();
    for row in LoadConnection::<DefaultLoadingMode>::load(connection, statement)? {
        let row = row?;
        for column in 0..columns {
            push(&row, column, &mut batches.records).map_err(DieselError::DeserializationError)?;
        }
        batches.records.record_ends();
        if batches.go_on().is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

fn push<'a>(
    row: &impl Row<'a, Sqlite>,
    column: usize,
    records: &mut impl Gather,
) -> diesel::deserialize::Result<()> {
    let field = row.get(column).ok_or("a row ended too early")?;
    let Some(mut value) = field.value() else {
        records.value(Value::Null);
        return Ok(());
    };
    match value.value_type() {
        None => records.value(Value::Null),
        Some(SqliteType::Text) => records.value(Value::Text(value.read_text())),
        Some(SqliteType::SmallInt | SqliteType::Integer | SqliteType::Long) => {
            records.value(Value::Int(value.read_long()));
        }
        // We never write these.
        Some(SqliteType::Float | SqliteType::Double) => return Err("a floating-point value".into()),
        Some(SqliteType::Binary) => return Err("a binary value".into()),
    }
    Ok(())
}

impl fmt::Debug for SqliteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteSource").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reinstate_describe::filter::filter_from_json;
    use reinstate_describe::{AccessLevel, Caller, Field, FieldType, Filter, Layout, Model, Name, ddl};

    use super::*;

    fn plan(connection: &mut Database, layout: &Arc<Layout>, filter: Option<&Filter>) -> String {
        let selection = Selection { layout, filter, caller: &Caller::new(AccessLevel::Read, "ann") };
        let read = selection_read(Dialect::Sqlite, &selection, GOES_ON).unwrap();
        let mut explained = Statement::once("EXPLAIN QUERY PLAN ");
        explained.append(&read);
        let rows = explained.rows(connection).unwrap();
        rows.iter().filter_map(|row| row.text(3)).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn order_of_ids_comes_from_their_index_and_filters_use_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = connection::open(&dir.path().join("x.db"), 1_000, 1_024).unwrap();
        prepare(&mut connection, &Cancellation::default()).unwrap();
        connection.batch_execute("PRAGMA query_only = OFF").unwrap();
        let name = |text: &str| Name::new(text).unwrap();
        let rank = Field { index: true, ..Field::new(name("rank"), FieldType::Integer) };
        let model =
            Model::new(name("items")).with_field(rank).with_field(Field::new(name("title"), FieldType::Text));
        connection.batch_execute(&ddl::create_table(Dialect::Sqlite, &model)).unwrap();
        for sql in ddl::create_indexes(Dialect::Sqlite, &model) {
            connection.batch_execute(&sql).unwrap();
        }
        let (layout, mut connection) = (Arc::new(Layout::new(model)), Database::Sqlite(connection));
        let by_id = plan(&mut connection, &layout, None);
        assert!(by_id.contains("USING INDEX $k$items"), "{by_id}");
        assert!(!by_id.contains("ORDER BY"), "{by_id}");
        let json = serde_json::json!({ "rank": 7 });
        let by_rank = plan(&mut connection, &layout, Some(&filter_from_json(&json, &layout).unwrap()));
        assert!(by_rank.contains("USING INDEX $i$items$rank (rank=?)"), "{by_rank}");
        let json = serde_json::json!({ "title": "x" });
        let by_title = plan(&mut connection, &layout, Some(&filter_from_json(&json, &layout).unwrap()));
        assert!(!by_title.contains("ORDER BY"), "{by_title}");
    }
}
