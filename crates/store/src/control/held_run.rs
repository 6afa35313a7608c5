//! A run in the hands of a worker: what the worker may write about it.
//!
//! A worker names the fencing number of its claim; where the run has a newer one, or the worker let go of it,
//! nothing is written. The run is locked before it is read, so that what is decided by it holds.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use reinstate_engine::Counters;
use serde_json::Value as Json;

use super::ControlPlane;
use super::claim;
use super::json_text::json_text;
use super::log::{self, LogRow};
use super::queue::{self, duration_ms, lease_end};
use super::queue_watch;
use super::run::{CounterColumns, RunRecord};
use super::schema::{restore_runs, restores};
use super::status::RunStatus;
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// What a worker learns about its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// The worker has it.
    Held,
    /// Somebody called it off; the worker of a restore still holds its tenant's place until it lets go.
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

impl ControlPlane {
    /// What the worker with this fencing number may still do; writes nothing.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_state(&self, run_id: &str, fence: i64) -> Result<RunState, StoreError> {
        let status = restore_runs::table
            .filter(restore_runs::id.eq(run_id).and(restore_runs::fence.eq(fence)))
            .filter(restore_runs::lease_owner.is_not_null())
            .select(restore_runs::status)
            .first::<RunStatus>(&mut *self.connections.worker_reader()?)
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
            // Whoever would take a running run over takes this very row.
            let renewed = diesel::update(restore_runs::table)
                .filter(restore_runs::id.eq(run_id).and(restore_runs::fence.eq(fence)))
                .filter(restore_runs::lease_owner.is_not_null())
                .filter(restore_runs::status.eq(RunStatus::Running.as_str()))
                .set(restore_runs::lease_expires_at.eq(Micros(lease_end(now, lease_ms))))
                .execute(connection)
                .map_err(|error| StoreError::from_diesel("renewing a lease", error))?;
            if renewed > 0 {
                return Ok(RunState::Held);
            }
            match held(connection, run_id, fence)? {
                None => Ok(RunState::Lost),
                Some(run) => renew_cancelled(connection, &run, now, lease_end(now, lease_ms)),
            }
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
        let held = self.connections.write(|connection| {
            let Some(run) = held(connection, run_id, fence)? else { return Ok(false) };
            if run.status == RunStatus::Running {
                end(connection, &run, finish, now)?;
                count_end(connection, &run, finish.status)?;
            } else {
                note_counters(connection, &run, &finish.counters)?;
            }
            release(connection, &run)?;
            Ok(true)
        });
        self.settled.ring();
        self.queued.ring();
        held
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
        let held = self.connections.write(|connection| {
            let Some(run) = held(connection, run_id, fence)? else { return Ok(false) };
            if run.status == RunStatus::Running {
                put_back(connection, &run, requeue, now)?;
            }
            release(connection, &run)?;
            Ok(true)
        });
        self.settled.ring();
        self.queued.ring();
        held
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
                .set((restore_runs::committing.eq(committing), restore_runs::updated_at.eq(Micros(now))))
                .execute(connection)
                .map(|rows| rows > 0)
                .map_err(|error| StoreError::from_diesel("asking leave to commit", error))
        })
    }
}

/// What a run in this state means to the worker that holds it; `None` where it holds none.
pub(super) fn state(status: Option<RunStatus>) -> RunState {
    match status {
        Some(RunStatus::Running) => RunState::Held,
        Some(RunStatus::Cancelled) => RunState::Cancelled,
        _ => RunState::Lost,
    }
}

/// The run, where the worker with this fencing number still has it. Nobody else can change it before the transaction
/// ends.
fn held(connection: &mut Database, run_id: &str, fence: i64) -> Result<Option<RunRecord>, StoreError> {
    let run = queue::find_locked(connection, run_id)?;
    Ok(run.filter(|run| run.fence == fence && run.lease_owner.is_some()))
}

/// Keeps the place of a tenant whose run was called off, unless the lease ended: that may have made room for the
/// tenant's next run. Claims are kept waiting, so that none makes up its mind in between.
fn renew_cancelled(
    connection: &mut Database,
    run: &RunRecord,
    now: i64,
    lease_end: i64,
) -> Result<RunState, StoreError> {
    if run.status != RunStatus::Cancelled {
        return Ok(RunState::Lost);
    }
    claim::claim_lock(connection, &run.tenant)?;
    let others = diesel::alias!(restore_runs as others);
    let in_other_hands = others.filter(
        others
            .field(restore_runs::tenant)
            .eq(&run.tenant)
            .and(others.field(restore_runs::id).ne(&run.id))
            .and(others.field(restore_runs::lease_expires_at).gt(Micros(now))),
    );
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .filter(restore_runs::lease_expires_at.gt(Micros(now)).assume_not_null())
        .filter(not(exists(in_other_hands)))
        .set(restore_runs::lease_expires_at.eq(Micros(lease_end)))
        .execute(connection)
        .map(|renewed| if renewed > 0 { RunState::Cancelled } else { RunState::Lost })
        .map_err(|error| StoreError::from_diesel("renewing a lease", error))
}

fn write_progress(
    connection: &mut Database,
    run: &RunRecord,
    progress: &RunProgress,
    now: i64,
) -> Result<(), StoreError> {
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::progress.eq(run.progress.max(i32::from(progress.percent))),
            restore_runs::progress_detail.eq(json_text(&progress.detail)),
            CounterColumns::from(&progress.counters),
            restore_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("noting progress", error))
}

fn end(connection: &mut Database, run: &RunRecord, finish: &Finish, now: i64) -> Result<(), StoreError> {
    if let Some(progress) = &finish.progress {
        write_progress(connection, run, progress, now)?;
    }
    // The last word about progress may have raised it; only completed runs show a hundred.
    let shown =
        finish.progress.as_ref().map_or(run.progress, |progress| run.progress.max(progress.percent.into()));
    let percent = if finish.status == RunStatus::Completed { 100 } else { shown };
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::status.eq(finish.status.as_str()),
            restore_runs::progress.eq(percent),
            restore_runs::completed_at.eq(Micros(now)),
            restore_runs::duration_ms.eq(duration_ms(run.started_at.unwrap_or(now), now)),
            CounterColumns::from(&finish.counters),
            restore_runs::error.eq(&finish.error),
            restore_runs::error_detail.eq(&finish.error_detail),
            restore_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("ending a run", error))
}

/// Notes an end in the statistics of the run's configuration, where that still exists.
fn count_end(connection: &mut Database, run: &RunRecord, status: RunStatus) -> Result<(), StoreError> {
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

fn note_counters(connection: &mut Database, run: &RunRecord, counters: &Counters) -> Result<(), StoreError> {
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set(CounterColumns::from(counters))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("noting how far a run got", error))
}

fn release(connection: &mut Database, run: &RunRecord) -> Result<(), StoreError> {
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::lease_owner.eq(None::<String>),
            restore_runs::lease_expires_at.eq(None::<Micros>),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("letting go of a run", error))?;
    queue_watch::tell(connection, &run.tenant)
}

fn put_back(
    connection: &mut Database,
    run: &RunRecord,
    requeue: Requeue,
    now: i64,
) -> Result<(), StoreError> {
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::status.eq(RunStatus::Queued.as_str()),
            restore_runs::attempt.eq((run.attempt - 1).max(0)),
            restore_runs::committing.eq(run.committing && !requeue.nothing_applied),
            restore_runs::not_before.eq(Micros(requeue.not_before)),
            restore_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("putting a run back", error))
}
