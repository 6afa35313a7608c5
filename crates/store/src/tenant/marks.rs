//! The marks of applied runs: a run's transaction leaves one, so that nobody applies it twice.

use diesel::QueryResult;
use reinstate_engine::{Counters, RunMark};

use crate::database::Database;
use crate::error::StoreError;
use crate::statement::Statement;

/// The mark of a run, where it was applied.
pub(super) fn read(connection: &mut Database, run_id: &str) -> Result<Option<RunMark>, StoreError> {
    let doing = "reading the mark of a run";
    let mut statement =
        Statement::new("SELECT \"fence\", \"counters\" FROM \"$applied_runs\" WHERE \"run_id\" = ");
    let rows = statement.text(run_id).rows(connection);
    let rows = rows.map_err(|error| StoreError::from_diesel(doing, error))?;
    let Some(row) = rows.first() else { return Ok(None) };
    let counters: Counters = serde_json::from_str(row.text(1).unwrap_or_default())
        .map_err(|error| StoreError::failed(doing, error.to_string()))?;
    Ok(Some(RunMark { run_id: run_id.to_owned(), fence: row.int(0).unwrap_or_default(), counters }))
}

/// Writes the mark of a run; a unique violation says that it is there.
pub(super) fn insert(connection: &mut Database, mark: &RunMark) -> QueryResult<()> {
    let RunMark { run_id, fence, counters } = mark;
    let counters = serde_json::to_string(counters)
        .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
    let mut statement =
        Statement::new("INSERT INTO \"$applied_runs\" (\"run_id\", \"fence\", \"counters\") VALUES (");
    statement.text(run_id.as_str()).sql(", ").int(*fence).sql(", ").text(counters).sql(")");
    statement.run(connection).map(drop)
}
