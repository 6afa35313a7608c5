//! The queue of extracts: which run is worked on next, and calling runs off.
//!
//! Runs of extracts only read their tenant, so that they need no order among themselves: the oldest goes first, and any
//! number of one tenant's are worked on at a time. A claim looks without any lock first, since workers ask often and
//! mostly in vain. On PostgreSQL claims of several processes go side by side, each passing over the rows that another
//! one is taking.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::ControlPlane;
use super::claim::ClaimRules;
use super::extract;
use super::extract_run::{ExtractRunRecord, active_run, find, find_locked};
use super::queue::{CancelOutcome, duration_ms, lease_end};
use super::schema::extract_runs;
use super::status::RunStatus;
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// A run of an extract that the caller has now.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedExtract {
    /// The run, with the fencing number of this claim.
    pub run: ExtractRunRecord,
    /// The run was interrupted on its last attempt: it must not be started again.
    pub exhausted: bool,
}

/// Runs in line, by the condition of their index: bound values would hide it from the planner.
pub(super) const IN_LINE: &str = "\"extract_runs\".\"status\" IN ('queued', 'running')";

/// The runs that may be taken now, oldest first: part of a query on runs.
macro_rules! claimable {
    ($now:expr) => {{
        let is_free = extract_runs::lease_expires_at
            .is_null()
            .or(extract_runs::lease_expires_at.le(Micros($now)).assume_not_null());
        extract_runs::table
            .filter(sql::<Bool>(IN_LINE))
            .filter(extract_runs::not_before.le(Micros($now)))
            .filter(is_free)
            .order(extract_runs::seq)
    }};
}

impl ControlPlane {
    /// Hands out the run that was queued first among those that may be worked on: queued, or left behind by a worker
    /// whose lease ended. `now` in microseconds.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn extract_run_claim(
        &self,
        worker: &str,
        now: i64,
        rules: ClaimRules,
    ) -> Result<Option<ClaimedExtract>, StoreError> {
        if !is_any_claimable(&mut *self.connections.worker_reader()?, now)? {
            return Ok(None);
        }
        self.connections.write(|connection| {
            first_claimable(connection, now)?
                .map(|run| claim(connection, &run, worker, now, rules))
                .transpose()
        })
    }

    /// Calls off the active run of an extract; whoever works on it learns of it when they ask. It is never too late:
    /// [`CancelOutcome::Committing`] is not among the answers. `by` is the user; `now` in microseconds.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has no such extract, or where the database fails.
    pub fn extract_run_cancel(
        &self,
        tenant: &TenantId,
        extract_id: &str,
        by: &str,
        now: i64,
    ) -> Result<CancelOutcome, StoreError> {
        self.connections.write(|connection| {
            let Some(run_id) = active_run(connection, tenant, extract_id)? else {
                // Runs outlive their configuration, so that one is asked for only here.
                extract::find(connection, tenant, extract_id)?;
                return Ok(CancelOutcome::NoneActive);
            };
            // Whoever ends it has to wait for us from here, or we waited for them.
            match find_locked(connection, &run_id)?.filter(|run| !run.status.has_ended()) {
                None => Ok(CancelOutcome::NoneActive),
                Some(run) => {
                    cancel(connection, &run, by, now)?;
                    Ok(CancelOutcome::Cancelled { run_id })
                }
            }
        })
    }
}

fn is_any_claimable(connection: &mut Database, now: i64) -> Result<bool, StoreError> {
    claimable!(now)
        .select(extract_runs::id)
        .first::<String>(connection)
        .optional()
        .map(|id| id.is_some())
        .map_err(failed)
}

/// The first run that nobody else is taking. On PostgreSQL nobody else can change it from here on.
fn first_claimable(connection: &mut Database, now: i64) -> Result<Option<ExtractRunRecord>, StoreError> {
    let run = claimable!(now);
    match connection {
        Database::Sqlite(connection) => run.select(ExtractRunRecord::as_select()).first(connection),
        Database::Postgres(connection) => run
            .select(ExtractRunRecord::as_select())
            .limit(1)
            .for_update()
            .skip_locked()
            .get_result(connection),
    }
    .optional()
    .map_err(failed)
}

fn failed(error: diesel::result::Error) -> StoreError {
    StoreError::from_diesel("looking for a run of an extract to take", error)
}

fn claim(
    connection: &mut Database,
    run: &ExtractRunRecord,
    worker: &str,
    now: i64,
    rules: ClaimRules,
) -> Result<ClaimedExtract, StoreError> {
    let exhausted = run.attempt >= rules.attempts_max;
    diesel::update(extract_runs::table.filter(extract_runs::id.eq(&run.id)))
        .set((
            extract_runs::status.eq(RunStatus::Running.as_str()),
            extract_runs::fence.eq(run.fence + 1),
            extract_runs::attempt.eq(if exhausted { run.attempt } else { run.attempt + 1 }),
            extract_runs::started_at.eq(Micros(run.started_at.unwrap_or(now))),
            extract_runs::lease_owner.eq(worker),
            extract_runs::lease_expires_at.eq(Micros(lease_end(now, rules.lease_ms))),
            extract_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("taking a run of an extract", error))?;
    Ok(ClaimedExtract { run: find(connection, &run.id)?, exhausted })
}

fn cancel(connection: &mut Database, run: &ExtractRunRecord, by: &str, now: i64) -> Result<(), StoreError> {
    diesel::update(extract_runs::table.filter(extract_runs::id.eq(&run.id)))
        .set((
            extract_runs::status.eq(RunStatus::Cancelled.as_str()),
            extract_runs::completed_at.eq(Micros(now)),
            extract_runs::duration_ms.eq(run.started_at.map(|start| duration_ms(start, now))),
            extract_runs::error.eq("The extract was cancelled; nothing was kept"),
            extract_runs::error_detail.eq(format!("Cancelled by user '{by}'")),
            extract_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("cancelling a run of an extract", error))
}
