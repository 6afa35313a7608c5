//! The queue from outside: calling runs off, and figures.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::ControlPlane;
use super::extract_queue;
use super::queue_watch;
use super::restore;
use super::run::{RunRecord, active_run};
use super::schema::{extract_runs, restore_runs};
use super::status::RunStatus;
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;
use crate::statement::Statement;
use crate::tenant_id::TenantId;

/// What became of a wish to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelOutcome {
    /// The run is cancelled.
    Cancelled {
        /// The run.
        run_id: String,
    },
    /// The restore has no active run.
    NoneActive,
    /// Too late: the run is being committed.
    Committing {
        /// The run.
        run_id: String,
    },
}

/// The queues of restores and of extracts together, in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Runs that wait.
    pub queued: i64,
    /// Runs that a worker has.
    pub running: i64,
    /// When the run that waits longest was queued, in microseconds.
    pub oldest_queued_at: Option<i64>,
}

/// Microseconds in a millisecond.
const MICROS_PER_MS: i64 = 1_000;

/// The instant at which a lease given now ends.
pub(super) fn lease_end(now: i64, lease_ms: u64) -> i64 {
    now.saturating_add(i64::try_from(lease_ms).unwrap_or(i64::MAX).saturating_mul(MICROS_PER_MS))
}

/// How long a run took, in milliseconds.
pub(super) fn duration_ms(started_at: i64, now: i64) -> i64 {
    now.saturating_sub(started_at).max(0) / MICROS_PER_MS
}

impl ControlPlane {
    /// Calls off the active run of a restore. Whoever works on it keeps its tenant's place until it noticed.
    /// `by` is the user; `now` in microseconds.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has no such restore, or where the database fails.
    pub fn run_cancel(
        &self,
        tenant: &TenantId,
        restore_id: &str,
        by: &str,
        now: i64,
    ) -> Result<CancelOutcome, StoreError> {
        let cancelled = self.connections.write(|connection| {
            let Some(run_id) = active_run(connection, tenant, restore_id)? else {
                // Runs outlive their configuration, so that one is asked for only here.
                restore::find(connection, tenant, restore_id)?;
                return Ok(CancelOutcome::NoneActive);
            };
            // Whoever ends it or asks leave to commit it has to wait for us from here, or we waited for them.
            let run = find_locked(connection, &run_id)?;
            match run.filter(|run| !run.status.has_ended()) {
                None => Ok(CancelOutcome::NoneActive),
                Some(run) if run.committing => Ok(CancelOutcome::Committing { run_id }),
                Some(run) => {
                    cancel(connection, &run, by, now)?;
                    Ok(CancelOutcome::Cancelled { run_id })
                }
            }
        });
        self.queued.ring();
        cancelled
    }

    /// Ends every lease, of restores and of extracts; says how many. Only for a process that knows that no other one
    /// works on this database: the workers that held them are gone.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn leases_expire(&self, now: i64) -> Result<usize, StoreError> {
        self.connections.write(|connection| {
            let restores =
                diesel::update(restore_runs::table.filter(restore_runs::lease_expires_at.gt(Micros(now))))
                    .set(restore_runs::lease_expires_at.eq(Micros(now)))
                    .execute(connection);
            // By the condition of their queue's index: runs that have ended may be a million.
            let extracts = diesel::update(
                extract_runs::table
                    .filter(extract_runs::lease_expires_at.gt(Micros(now)))
                    .filter(sql::<Bool>(extract_queue::IN_LINE)),
            )
            .set(extract_runs::lease_expires_at.eq(Micros(now)))
            .execute(connection);
            let ended: Result<usize, _> = [restores, extracts].into_iter().sum();
            ended.map_err(|error| StoreError::from_diesel("ending leases", error))
        })
    }

    /// The queues in figures.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn queue_state(&self) -> Result<QueueState, StoreError> {
        let doing = "counting runs";
        let counted = self.connections.look(|connection| {
            let counted = Statement::new(QUEUE_STATE).rows(connection);
            counted.map_err(|error| StoreError::from_diesel(doing, error))
        })?;
        let figures = counted.first().ok_or_else(|| StoreError::failed(doing, "it told no figures"))?;
        Ok(QueueState {
            queued: figures.int(0).unwrap_or_default(),
            running: figures.int(1).unwrap_or_default(),
            oldest_queued_at: figures.int(2),
        })
    }
}

/// Runs in line, by the condition of the indexes.
const QUEUE_STATE: &str = "SELECT count(*) FILTER (WHERE status = 'queued'), \
    count(*) FILTER (WHERE status = 'running'), min(created_at) FILTER (WHERE status = 'queued') FROM (\
    SELECT status, created_at FROM restore_runs WHERE status IN ('queued', 'running') UNION ALL \
    SELECT status, created_at FROM extract_runs WHERE status IN ('queued', 'running')) AS in_line";

pub(super) fn find(connection: &mut Database, run_id: &str) -> Result<RunRecord, StoreError> {
    restore_runs::table
        .filter(restore_runs::id.eq(run_id))
        .select(RunRecord::as_select())
        .first(connection)
        .map_err(|error| StoreError::from_diesel("reading a run", error))
}

/// A run, kept from changing until the transaction ends; SQLite's writers have the whole file to themselves anyway.
pub(super) fn find_locked(connection: &mut Database, run_id: &str) -> Result<Option<RunRecord>, StoreError> {
    let run = restore_runs::table.filter(restore_runs::id.eq(run_id));
    match connection {
        Database::Sqlite(connection) => run.select(RunRecord::as_select()).first(connection),
        Database::Postgres(connection) => run.select(RunRecord::as_select()).for_update().first(connection),
    }
    .optional()
    .map_err(|error| StoreError::from_diesel("reading a run", error))
}

fn cancel(connection: &mut Database, run: &RunRecord, by: &str, now: i64) -> Result<(), StoreError> {
    let duration_ms = run.started_at.map(|start| duration_ms(start, now));
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::status.eq(RunStatus::Cancelled.as_str()),
            restore_runs::completed_at.eq(Micros(now)),
            restore_runs::duration_ms.eq(duration_ms),
            restore_runs::error.eq("The run was cancelled; nothing was applied"),
            restore_runs::error_detail.eq(format!("Cancelled by user '{by}'")),
            restore_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("cancelling a run", error))?;
    // A run that nobody works on makes room at once.
    if run.lease_owner.is_none() {
        queue_watch::tell(connection, &run.tenant)?;
    }
    Ok(())
}
