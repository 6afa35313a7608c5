//! The one place of a tenant in which a run may work, and the right to be in it.
//!
//! An advisory lock of the transaction stands for the place. A worker that lost its run may still sit there: frozen,
//! or cut off from everything but the database. Whoever has the right to the run now has its connection ended.

use diesel::connection::SimpleConnection as _;
use reinstate_engine::TargetError;

use super::super::RunToken;
use super::super::target_error::failed;
use super::locks::Patience;
use crate::database::Database;
use crate::postgres::schema::Schema;
use crate::statement::Statement;

/// What the control plane says about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// The worker with this fencing number has the run.
    Held,
    /// Somebody else has it, or it has ended.
    Lost,
    /// The control plane does not know the run: whoever uses the engine without it keeps order himself.
    Unknown,
}

/// Asks the control plane, which is in the same database. `hold`: nobody may take the run away before the
/// transaction ends.
pub(super) fn right(
    connection: &mut Database,
    run_id: &str,
    fence: i64,
    hold: bool,
) -> Result<Right, TargetError> {
    let mut statement =
        Statement::once("SELECT (status = 'running' AND lease_owner IS NOT NULL AND fence = ");
    statement.int(fence).sql(") FROM reinstate.restore_runs WHERE id = ").text(run_id);
    statement.sql(if hold { " FOR SHARE" } else { "" });
    let rows = statement.rows(connection).map_err(|error| failed("looking for the run", error))?;
    Ok(match rows.first().map(|row| row.int(0)) {
        None => Right::Unknown,
        Some(Some(1)) => Right::Held,
        Some(_) => Right::Lost,
    })
}

/// Takes the tenant's place, and ends the connection of whoever is there without a right to it.
pub(super) fn enter(
    connection: &mut Database,
    schema: &Schema,
    run: RunToken<'_>,
    patience: &Patience,
) -> Result<(), TargetError> {
    let key = schema.run_lock();
    patience.until(|| {
        let right = right(connection, run.run_id, run.fence, false)?;
        if right == Right::Lost {
            return Err(TargetError::Fenced);
        }
        let mut statement = Statement::once("SELECT pg_try_advisory_xact_lock(");
        let taken = statement.int(key).sql(")").number(connection);
        if taken.map_err(|error| failed("waiting for the tenant's data", error))? == 1 {
            return Ok(true);
        }
        if right == Right::Held {
            remove_holder(connection, key)?;
        }
        Ok(false)
    })
}

fn remove_holder(connection: &mut Database, key: i64) -> Result<(), TargetError> {
    // An advisory lock of one number shows as its two halves.
    let sql = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted \
         AND pid <> pg_backend_pid() \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND (classid::int8 << 32 | objid::int8) = {key}"
    );
    tracing::warn!("ending the connection of a worker that lost its run");
    connection.batch_execute(&sql).map_err(|error| failed("ending the connection of a lost worker", error))
}
