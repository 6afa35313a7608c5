//! The queue: which run is worked on next, and by whom.
//!
//! Every change is a compare-and-set in one immediate transaction.

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::ControlPlane;
use super::restore;
use super::run::{RunRecord, active_run};
use super::schema::restore_runs;
use super::status::RunStatus;
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// How runs are claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimRules {
    /// How long a worker may go without a sign of life, in milliseconds.
    pub lease_ms: u64,
    /// How often a run is started at most.
    pub attempts_max: i32,
}

/// A run that the caller has now.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRun {
    /// The run, with the fencing number of this claim.
    pub run: RunRecord,
    /// The run was interrupted on its last attempt: it must not be started again. It may have been applied.
    pub exhausted: bool,
}

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

/// The queue in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Runs that wait.
    pub queued: i64,
    /// Runs that a worker has.
    pub running: i64,
    /// When the run that waits longest was queued, in microseconds.
    pub oldest_queued_at: Option<i64>,
}

diesel::alias!(restore_runs as other_runs: OtherRuns);

/// Microseconds in a millisecond.
pub(super) const MICROS_PER_MS: i64 = 1_000;

/// The instant at which a lease given now ends.
pub(super) fn lease_end(now: i64, lease_ms: u64) -> i64 {
    now.saturating_add(i64::try_from(lease_ms).unwrap_or(i64::MAX).saturating_mul(MICROS_PER_MS))
}

impl ControlPlane {
    /// Hands out the run that was queued first among those that may be worked on: queued or left behind by a
    /// worker whose lease ended, with no older run of its tenant in line and no run of its tenant in
    /// anybody's hands. `now` in microseconds.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_claim(
        &self,
        worker: &str,
        now: i64,
        rules: ClaimRules,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        // Workers ask often and mostly in vain: a look without the write lock spares everybody.
        if claimable(&mut *self.connections.worker_reader()?, now)?.is_none() {
            return Ok(None);
        }
        self.connections.write(|connection| {
            let Some(run) = claimable(connection, now)? else { return Ok(None) };
            claim(connection, &run, worker, now, rules).map(Some)
        })
    }

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
        self.connections.write(|connection| {
            let Some(run_id) = active_run(connection, tenant, restore_id)? else {
                // Runs outlive their configuration, so that one is asked for only here.
                restore::find(connection, tenant, restore_id)?;
                return Ok(CancelOutcome::NoneActive);
            };
            let run = find(connection, &run_id)?;
            if run.committing {
                return Ok(CancelOutcome::Committing { run_id });
            }
            cancel(connection, &run, by, now)?;
            Ok(CancelOutcome::Cancelled { run_id })
        })
    }

    /// Ends every lease. Only for a process that knows that no other one works on this database: the workers
    /// that held them are gone.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn leases_expire(&self, now: i64) -> Result<usize, StoreError> {
        self.connections.write(|connection| {
            diesel::update(restore_runs::table.filter(restore_runs::lease_expires_at.gt(Micros(now))))
                .set(restore_runs::lease_expires_at.eq(Micros(now)))
                .execute(connection)
                .map_err(|error| StoreError::from_diesel("ending leases", error))
        })
    }

    /// The queue in figures.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn queue_state(&self) -> Result<QueueState, StoreError> {
        let mut connection = self.connections.reader()?;
        let counted = |connection: &mut Database, status: RunStatus| {
            restore_runs::table
                .filter(restore_runs::status.eq(status.as_str()))
                .count()
                .get_result::<i64>(connection)
                .map_err(|error| StoreError::from_diesel("counting runs", error))
        };
        let oldest_queued_at = restore_runs::table
            .filter(restore_runs::status.eq(RunStatus::Queued.as_str()))
            .order(restore_runs::seq)
            .select(restore_runs::created_at)
            .first::<Micros>(&mut *connection)
            .optional()
            .map(|instant| instant.map(i64::from))
            .map_err(|error| StoreError::from_diesel("finding the oldest run", error))?;
        Ok(QueueState {
            queued: counted(&mut connection, RunStatus::Queued)?,
            running: counted(&mut connection, RunStatus::Running)?,
            oldest_queued_at,
        })
    }
}

/// The first run that a worker may take now.
fn claimable(connection: &mut Database, now: i64) -> Result<Option<RunRecord>, StoreError> {
    let same_tenant = other_runs.field(restore_runs::tenant).eq(restore_runs::tenant);
    let older_in_line = other_runs.filter(
        same_tenant
            .and(other_runs.field(restore_runs::status).eq_any(RunStatus::IN_LINE))
            .and(other_runs.field(restore_runs::seq).lt(restore_runs::seq)),
    );
    // A run's own live lease counts as well: it is in somebody's hands.
    let in_hands =
        other_runs.filter(same_tenant.and(other_runs.field(restore_runs::lease_expires_at).gt(Micros(now))));
    restore_runs::table
        .filter(restore_runs::status.eq_any(RunStatus::IN_LINE))
        .filter(restore_runs::not_before.le(Micros(now)))
        .filter(not(exists(older_in_line)))
        .filter(not(exists(in_hands)))
        .order(restore_runs::seq)
        .select(RunRecord::as_select())
        .first(connection)
        .optional()
        .map_err(|error| StoreError::from_diesel("looking for a run to take", error))
}

fn claim(
    connection: &mut Database,
    run: &RunRecord,
    worker: &str,
    now: i64,
    rules: ClaimRules,
) -> Result<ClaimedRun, StoreError> {
    let exhausted = run.attempt >= rules.attempts_max;
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::status.eq(RunStatus::Running.as_str()),
            restore_runs::fence.eq(run.fence + 1),
            restore_runs::attempt.eq(if exhausted { run.attempt } else { run.attempt + 1 }),
            restore_runs::started_at.eq(Micros(run.started_at.unwrap_or(now))),
            restore_runs::lease_owner.eq(worker),
            restore_runs::lease_expires_at.eq(Micros(lease_end(now, rules.lease_ms))),
            restore_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("taking a run", error))?;
    Ok(ClaimedRun { run: find(connection, &run.id)?, exhausted })
}

pub(super) fn find(connection: &mut Database, run_id: &str) -> Result<RunRecord, StoreError> {
    restore_runs::table
        .filter(restore_runs::id.eq(run_id))
        .select(RunRecord::as_select())
        .first(connection)
        .map_err(|error| StoreError::from_diesel("reading a run", error))
}

fn cancel(connection: &mut Database, run: &RunRecord, by: &str, now: i64) -> Result<(), StoreError> {
    let duration_ms = run.started_at.map(|start| now.saturating_sub(start).max(0) / MICROS_PER_MS);
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
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("cancelling a run", error))
}
