//! The queue: who may work on which run, and what a worker may write about it.
//!
//! Every change is a compare-and-set in one immediate transaction. A worker names the fencing number of its
//! claim; where the run has a newer one, or the worker's lease was released, nothing is written.

use diesel::SqliteConnection;
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use reinstate_engine::Counters;
use serde_json::Value as Json;

use super::ControlPlane;
use super::log::{self, LogRow};
use super::restore;
use super::run::{CounterColumns, RunRecord, active_run};
use super::schema::{restore_runs, restores};
use super::status::RunStatus;
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

/// What a worker learns about its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// The worker has it.
    Held,
    /// Somebody called it off; the worker still holds its tenant's place until it lets go.
    Cancelled,
    /// The worker has nothing to say about it any more.
    Lost,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub struct RunProgress {
    /// Percent; a smaller figure than the one kept changes nothing.
    pub percent: u8,
    /// For people who watch.
    pub detail: Json,
    /// What it did so far.
    pub counters: Counters,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// [`RunStatus::Completed`] or [`RunStatus::Failed`]. A run that was cancelled stays so.
    pub status: RunStatus,
    /// What it did, or how far it got.
    pub counters: Counters,
    /// The last word about progress, where there is one.
    pub progress: Option<RunProgress>,
    /// Why it failed, for a person.
    pub error: Option<String>,
    /// Why it failed, for who looks closer.
    pub error_detail: Option<String>,
}

/// How a run goes back into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requeue {
    /// No worker takes it up before this instant, in microseconds.
    pub not_before: i64,
    /// The worker knows that nothing was applied: the run may be cancelled again.
    pub nothing_applied: bool,
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
const MICROS_PER_MS: i64 = 1_000;

/// The instant at which a lease given now ends.
fn lease_end(now: i64, lease_ms: u64) -> i64 {
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
        if claimable(&mut *self.connections.reader()?, now)?.is_none() {
            return Ok(None);
        }
        self.connections.write(|connection| {
            let Some(run) = claimable(connection, now)? else { return Ok(None) };
            claim(connection, &run, worker, now, rules).map(Some)
        })
    }

    /// What the worker with this fencing number may still do; writes nothing.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_state(&self, run_id: &str, fence: i64) -> Result<RunState, StoreError> {
        let status = restore_runs::table
            .filter(restore_runs::id.eq(run_id).and(restore_runs::fence.eq(fence)))
            .filter(restore_runs::lease_owner.is_not_null())
            .select(restore_runs::status)
            .first::<RunStatus>(&mut self.connections.reader()?)
            .optional()
            .map_err(|error| StoreError::from_diesel("watching a run", error))?;
        Ok(state(status))
    }

    /// Gives a sign of life; a cancelled run keeps its lease until its worker lets go. `now` in microseconds.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_renew(
        &self,
        run_id: &str,
        fence: i64,
        now: i64,
        lease_ms: u64,
    ) -> Result<RunState, StoreError> {
        self.connections.write(|connection| {
            let status = diesel::update(restore_runs::table)
                .filter(restore_runs::id.eq(run_id).and(restore_runs::fence.eq(fence)))
                .filter(restore_runs::lease_owner.is_not_null())
                .set(restore_runs::lease_expires_at.eq(lease_end(now, lease_ms)))
                .returning(restore_runs::status)
                .get_result::<RunStatus>(connection)
                .optional()
                .map_err(|error| StoreError::from_diesel("renewing a lease", error))?;
            Ok(state(status))
        })
    }

    /// Notes progress and appends to the log, in one transaction. Says whether the worker still has the run;
    /// where not, nothing is written.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_progress(
        &self,
        tenant: &TenantId,
        run_id: &str,
        fence: i64,
        progress: Option<&RunProgress>,
        logs: &[LogRow],
        now: i64,
    ) -> Result<bool, StoreError> {
        self.connections.write(|connection| {
            let Some(run) = held(connection, run_id, fence)? else { return Ok(false) };
            if let (Some(progress), RunStatus::Running) = (progress, run.status) {
                write_progress(connection, &run, progress, now)?;
            }
            log::append(connection, tenant, run_id, logs)?;
            Ok(true)
        })
    }

    /// Asks leave to commit: granted where the worker has the run and nobody called it off. From then on a
    /// cancel comes too late.
    ///
    /// # Errors
    /// Where the database fails; then leave was not given.
    pub fn run_commit_begin(&self, run_id: &str, fence: i64, now: i64) -> Result<bool, StoreError> {
        self.set_committing(run_id, fence, true, now)
    }

    /// Takes back an earlier worker's leave to commit, after looking and finding that it did not. Says whether
    /// the worker still has the run.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_commit_clear(&self, run_id: &str, fence: i64, now: i64) -> Result<bool, StoreError> {
        self.set_committing(run_id, fence, false, now)
    }

    /// Ends a run and lets go of it. Says whether the worker still had it. A run that was cancelled meanwhile
    /// stays so: its counters are noted and its lease is released.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_finish(
        &self,
        run_id: &str,
        fence: i64,
        finish: &Finish,
        now: i64,
    ) -> Result<bool, StoreError> {
        self.connections.write(|connection| {
            let Some(run) = held(connection, run_id, fence)? else { return Ok(false) };
            if run.status == RunStatus::Running {
                end(connection, &run, finish, now)?;
                count_end(connection, &run, finish.status)?;
            } else {
                note_counters(connection, &run, &finish.counters)?;
            }
            release(connection, &run)?;
            Ok(true)
        })
    }

    /// Puts a run back into the queue without counting the attempt. Says whether the worker still had it; a
    /// run that was cancelled meanwhile is let go of, no more.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_requeue(
        &self,
        run_id: &str,
        fence: i64,
        requeue: Requeue,
        now: i64,
    ) -> Result<bool, StoreError> {
        self.connections.write(|connection| {
            let Some(run) = held(connection, run_id, fence)? else { return Ok(false) };
            if run.status == RunStatus::Running {
                put_back(connection, &run, requeue, now)?;
            }
            release(connection, &run)?;
            Ok(true)
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
            diesel::update(restore_runs::table.filter(restore_runs::lease_expires_at.gt(now)))
                .set(restore_runs::lease_expires_at.eq(now))
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
        let counted = |connection: &mut SqliteConnection, status: RunStatus| {
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
            .first(&mut connection)
            .optional()
            .map_err(|error| StoreError::from_diesel("finding the oldest run", error))?;
        Ok(QueueState {
            queued: counted(&mut connection, RunStatus::Queued)?,
            running: counted(&mut connection, RunStatus::Running)?,
            oldest_queued_at,
        })
    }

    fn set_committing(
        &self,
        run_id: &str,
        fence: i64,
        committing: bool,
        now: i64,
    ) -> Result<bool, StoreError> {
        self.connections.write(|connection| {
            diesel::update(restore_runs::table)
                .filter(restore_runs::id.eq(run_id).and(restore_runs::fence.eq(fence)))
                .filter(restore_runs::status.eq(RunStatus::Running.as_str()))
                .filter(restore_runs::lease_owner.is_not_null())
                .set((restore_runs::committing.eq(committing), restore_runs::updated_at.eq(now)))
                .execute(connection)
                .map(|rows| rows > 0)
                .map_err(|error| StoreError::from_diesel("asking leave to commit", error))
        })
    }
}

fn state(status: Option<RunStatus>) -> RunState {
    match status {
        Some(RunStatus::Running) => RunState::Held,
        Some(RunStatus::Cancelled) => RunState::Cancelled,
        _ => RunState::Lost,
    }
}

/// The first run that a worker may take now.
fn claimable(connection: &mut SqliteConnection, now: i64) -> Result<Option<RunRecord>, StoreError> {
    let same_tenant = other_runs.field(restore_runs::tenant).eq(restore_runs::tenant);
    let older_in_line = other_runs.filter(
        same_tenant
            .and(other_runs.field(restore_runs::status).eq_any(RunStatus::IN_LINE))
            .and(other_runs.field(restore_runs::seq).lt(restore_runs::seq)),
    );
    // A run's own live lease counts as well: it is in somebody's hands.
    let in_hands =
        other_runs.filter(same_tenant.and(other_runs.field(restore_runs::lease_expires_at).gt(now)));
    restore_runs::table
        .filter(restore_runs::status.eq_any(RunStatus::IN_LINE))
        .filter(restore_runs::not_before.le(now))
        .filter(not(exists(older_in_line)))
        .filter(not(exists(in_hands)))
        .order(restore_runs::seq)
        .select(RunRecord::as_select())
        .first(connection)
        .optional()
        .map_err(|error| StoreError::from_diesel("looking for a run to take", error))
}

fn claim(
    connection: &mut SqliteConnection,
    run: &RunRecord,
    worker: &str,
    now: i64,
    rules: ClaimRules,
) -> Result<ClaimedRun, StoreError> {
    let exhausted = run.attempt >= rules.attempts_max;
    let run = diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::status.eq(RunStatus::Running.as_str()),
            restore_runs::fence.eq(run.fence + 1),
            restore_runs::attempt.eq(if exhausted { run.attempt } else { run.attempt + 1 }),
            restore_runs::started_at.eq(run.started_at.unwrap_or(now)),
            restore_runs::lease_owner.eq(worker),
            restore_runs::lease_expires_at.eq(lease_end(now, rules.lease_ms)),
            restore_runs::updated_at.eq(now),
        ))
        .returning(RunRecord::as_returning())
        .get_result(connection)
        .map_err(|error| StoreError::from_diesel("taking a run", error))?;
    Ok(ClaimedRun { run, exhausted })
}

fn find(connection: &mut SqliteConnection, run_id: &str) -> Result<RunRecord, StoreError> {
    restore_runs::table
        .filter(restore_runs::id.eq(run_id))
        .select(RunRecord::as_select())
        .first(connection)
        .map_err(|error| StoreError::from_diesel("reading a run", error))
}

/// The run, where the worker with this fencing number still has it.
fn held(
    connection: &mut SqliteConnection,
    run_id: &str,
    fence: i64,
) -> Result<Option<RunRecord>, StoreError> {
    restore_runs::table
        .filter(restore_runs::id.eq(run_id).and(restore_runs::fence.eq(fence)))
        .filter(restore_runs::lease_owner.is_not_null())
        .select(RunRecord::as_select())
        .first(connection)
        .optional()
        .map_err(|error| StoreError::from_diesel("reading a run", error))
}

fn write_progress(
    connection: &mut SqliteConnection,
    run: &RunRecord,
    progress: &RunProgress,
    now: i64,
) -> Result<(), StoreError> {
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::progress.eq(run.progress.max(i32::from(progress.percent))),
            restore_runs::progress_detail.eq(progress.detail.to_string()),
            CounterColumns::from(&progress.counters),
            restore_runs::updated_at.eq(now),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("noting progress", error))
}

fn end(
    connection: &mut SqliteConnection,
    run: &RunRecord,
    finish: &Finish,
    now: i64,
) -> Result<(), StoreError> {
    if let Some(progress) = &finish.progress {
        write_progress(connection, run, progress, now)?;
    }
    let started_at = run.started_at.unwrap_or(now);
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::status.eq(finish.status.as_str()),
            restore_runs::completed_at.eq(now),
            restore_runs::duration_ms.eq(now.saturating_sub(started_at).max(0) / MICROS_PER_MS),
            CounterColumns::from(&finish.counters),
            restore_runs::error.eq(&finish.error),
            restore_runs::error_detail.eq(&finish.error_detail),
            restore_runs::updated_at.eq(now),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("ending a run", error))?;
    if finish.status == RunStatus::Completed {
        diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
            .set(restore_runs::progress.eq(100))
            .execute(connection)
            .map_err(|error| StoreError::from_diesel("ending a run", error))?;
    }
    Ok(())
}

/// Notes an end in the statistics of the run's configuration, where that still exists.
fn count_end(
    connection: &mut SqliteConnection,
    run: &RunRecord,
    status: RunStatus,
) -> Result<(), StoreError> {
    let successful = i64::from(status == RunStatus::Completed);
    let failed = i64::from(status == RunStatus::Failed);
    diesel::update(restores::table.filter(restores::id.eq(&run.restore_id)))
        .set((
            restores::successful_runs.eq(restores::successful_runs + successful),
            restores::failed_runs.eq(restores::failed_runs + failed),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("noting a run on its restore", error))
}

fn note_counters(
    connection: &mut SqliteConnection,
    run: &RunRecord,
    counters: &Counters,
) -> Result<(), StoreError> {
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set(CounterColumns::from(counters))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("noting how far a run got", error))
}

fn release(connection: &mut SqliteConnection, run: &RunRecord) -> Result<(), StoreError> {
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((restore_runs::lease_owner.eq(None::<String>), restore_runs::lease_expires_at.eq(None::<i64>)))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("letting go of a run", error))
}

fn put_back(
    connection: &mut SqliteConnection,
    run: &RunRecord,
    requeue: Requeue,
    now: i64,
) -> Result<(), StoreError> {
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::status.eq(RunStatus::Queued.as_str()),
            restore_runs::attempt.eq((run.attempt - 1).max(0)),
            restore_runs::committing.eq(run.committing && !requeue.nothing_applied),
            restore_runs::not_before.eq(requeue.not_before),
            restore_runs::updated_at.eq(now),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("putting a run back", error))
}

fn cancel(connection: &mut SqliteConnection, run: &RunRecord, by: &str, now: i64) -> Result<(), StoreError> {
    let duration_ms = run.started_at.map(|start| now.saturating_sub(start).max(0) / MICROS_PER_MS);
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::status.eq(RunStatus::Cancelled.as_str()),
            restore_runs::completed_at.eq(now),
            restore_runs::duration_ms.eq(duration_ms),
            restore_runs::error.eq("The run was cancelled; nothing was applied"),
            restore_runs::error_detail.eq(format!("Cancelled by user '{by}'")),
            restore_runs::updated_at.eq(now),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("cancelling a run", error))
}
