//! A run of an extract in the hands of a worker: what the worker may write about it.
//!
//! As with restores, a worker names the fencing number of its claim; where the run has a newer one, or the worker let go
//! of it, nothing is written. The run is locked before it is read, so that what is decided by it holds.

use diesel::prelude::*;
use serde_json::Value as Json;

use super::ControlPlane;
use super::extract_artifact::{self, NewArtifact};
use super::extract_run::{ExtractRunRecord, find_locked};
use super::held_run::{RunState, state};
use super::json_text::json_text;
use super::queue::{duration_ms, lease_end};
use super::queue_watch;
use super::schema::{extract_runs, extracts};
use super::status::RunStatus;
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;

/// How far a run of an extract is.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractProgressColumns {
    /// Percent; a smaller figure than the one kept changes nothing.
    pub percent: u8,
    /// For people who watch.
    pub detail: Json,
    /// Records written out so far.
    pub records_exported: u64,
    /// Models written out so far.
    pub models_exported: u64,
}

/// The end of a run of an extract.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtractFinish {
    /// [`RunStatus::Completed`] or [`RunStatus::Failed`]. A run that was cancelled stays so.
    pub status: RunStatus,
    /// Records written out, or how far it got.
    pub records_exported: u64,
    /// Models written out, or how far it got.
    pub models_exported: u64,
    /// The archive, where there is one.
    pub object: Option<ExtractObject>,
    /// Its entries.
    pub artifacts: Vec<NewArtifact>,
    /// Why it failed, for a person.
    pub error: Option<String>,
    /// Why it failed, for who looks closer.
    pub error_detail: Option<String>,
}

/// An archive in the object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractObject {
    /// Where the object store has it.
    pub key: String,
    /// Size of the whole file in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the whole file in hexadecimal.
    pub checksum: String,
    /// It holds records that not everybody may read.
    pub is_restricted: bool,
    /// Until when it is kept, in microseconds.
    pub expires_at: i64,
}

impl ControlPlane {
    /// What the worker with this fencing number may still do; writes nothing.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn extract_run_state(&self, run_id: &str, fence: i64) -> Result<RunState, StoreError> {
        held_state(&mut *self.connections.worker_reader()?, run_id, fence)
    }

    /// Gives a sign of life. `now` in microseconds.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn extract_run_renew(
        &self,
        run_id: &str,
        fence: i64,
        now: i64,
        lease_ms: u64,
    ) -> Result<RunState, StoreError> {
        self.connections.write(|connection| {
            let renewed = diesel::update(extract_runs::table)
                .filter(extract_runs::id.eq(run_id).and(extract_runs::fence.eq(fence)))
                .filter(extract_runs::lease_owner.is_not_null())
                .filter(extract_runs::status.eq(RunStatus::Running.as_str()))
                .set(extract_runs::lease_expires_at.eq(Micros(lease_end(now, lease_ms))))
                .execute(connection)
                .map_err(|error| StoreError::from_diesel("renewing a lease of an extract", error))?;
            // A cancelled run holds no place for which its lease would matter.
            if renewed > 0 { Ok(RunState::Held) } else { held_state(connection, run_id, fence) }
        })
    }

    /// Notes progress, where the worker still has the run and nobody called it off. `now` in microseconds.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn extract_run_progress(
        &self,
        run_id: &str,
        fence: i64,
        progress: &ExtractProgressColumns,
        now: i64,
    ) -> Result<RunState, StoreError> {
        self.connections.write(|connection| {
            let Some(run) = held(connection, run_id, fence)? else { return Ok(RunState::Lost) };
            if run.status == RunStatus::Running {
                write_progress(connection, &run, progress, now)?;
            }
            Ok(state(Some(run.status)))
        })
    }

    /// Ends a run and lets go of it. Run, archive and artifacts are noted together: readers see all of them or none.
    /// `now` in microseconds.
    ///
    /// [`RunState::Held`]: it is written as asked. [`RunState::Cancelled`]: it was called off meanwhile and stays so;
    /// only the figures are noted, and the archive belongs to nobody. [`RunState::Lost`]: nothing is written, and the
    /// archive belongs to nobody. Who asks again because an answer was lost hears the same: [`RunState::Held`] where
    /// the run ended in just this way by this claim.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn extract_run_finish(
        &self,
        run_id: &str,
        fence: i64,
        finish: &ExtractFinish,
        now: i64,
    ) -> Result<RunState, StoreError> {
        self.connections.write(|connection| {
            let Some(run) = find_locked(connection, run_id)? else { return Ok(RunState::Lost) };
            if !is_held(&run, fence) {
                return Ok(if was_ended_by(&run, fence, finish) { RunState::Held } else { RunState::Lost });
            }
            if run.status == RunStatus::Running {
                end(connection, &run, finish, now)?;
                keep_object(connection, &run, finish)?;
                extract_artifact::insert(connection, &run.id, &finish.artifacts)?;
                count_end(connection, &run, finish.status)?;
            } else {
                note_figures(connection, &run, finish)?;
            }
            release(connection, &run)?;
            Ok(state(Some(run.status)))
        })
    }

    /// Puts a run back into the queue without counting the attempt; no worker takes it up before `not_before`, in
    /// microseconds. Says whether the worker still had it; a run that was cancelled meanwhile is let go of, no more.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn extract_run_requeue(
        &self,
        run_id: &str,
        fence: i64,
        not_before: i64,
        now: i64,
    ) -> Result<bool, StoreError> {
        let held = self.connections.write(|connection| {
            let Some(run) = held(connection, run_id, fence)? else { return Ok(false) };
            if run.status == RunStatus::Running {
                put_back(connection, &run, not_before, now)?;
            }
            release(connection, &run)?;
            queue_watch::tell(connection, &run.tenant)?;
            Ok(true)
        });
        self.queued.ring();
        held
    }
}

fn held_state(connection: &mut Database, run_id: &str, fence: i64) -> Result<RunState, StoreError> {
    extract_runs::table
        .filter(extract_runs::id.eq(run_id).and(extract_runs::fence.eq(fence)))
        .filter(extract_runs::lease_owner.is_not_null())
        .select(extract_runs::status)
        .first::<RunStatus>(connection)
        .optional()
        .map(state)
        .map_err(|error| StoreError::from_diesel("watching a run of an extract", error))
}

/// The run, where the worker with this fencing number still has it. Nobody else can change it before the transaction
/// ends.
fn held(connection: &mut Database, run_id: &str, fence: i64) -> Result<Option<ExtractRunRecord>, StoreError> {
    let run = find_locked(connection, run_id)?;
    Ok(run.filter(|run| is_held(run, fence)))
}

fn is_held(run: &ExtractRunRecord, fence: i64) -> bool {
    run.fence == fence && run.lease_owner.is_some()
}

/// Whether this claim ended the run in this way already.
fn was_ended_by(run: &ExtractRunRecord, fence: i64, finish: &ExtractFinish) -> bool {
    let object_key = finish.object.as_ref().map(|object| &object.key);
    run.fence == fence && run.status == finish.status && run.object_key.as_ref() == object_key
}

/// A count or a size, as it is kept.
fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn write_progress(
    connection: &mut Database,
    run: &ExtractRunRecord,
    progress: &ExtractProgressColumns,
    now: i64,
) -> Result<(), StoreError> {
    diesel::update(extract_runs::table.filter(extract_runs::id.eq(&run.id)))
        .set((
            extract_runs::progress.eq(run.progress.max(i32::from(progress.percent))),
            extract_runs::progress_detail.eq(json_text(&progress.detail)),
            extract_runs::records_exported.eq(column(progress.records_exported)),
            extract_runs::models_exported.eq(column(progress.models_exported)),
            extract_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("noting progress of an extract", error))
}

fn end(
    connection: &mut Database,
    run: &ExtractRunRecord,
    finish: &ExtractFinish,
    now: i64,
) -> Result<(), StoreError> {
    let percent = if finish.status == RunStatus::Completed { 100 } else { run.progress };
    let size_bytes = finish.artifacts.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.size_bytes));
    diesel::update(extract_runs::table.filter(extract_runs::id.eq(&run.id)))
        .set((
            extract_runs::status.eq(finish.status.as_str()),
            extract_runs::progress.eq(percent),
            extract_runs::completed_at.eq(Micros(now)),
            extract_runs::duration_ms.eq(duration_ms(run.started_at.unwrap_or(now), now)),
            extract_runs::records_exported.eq(column(finish.records_exported)),
            extract_runs::models_exported.eq(column(finish.models_exported)),
            extract_runs::artifacts_created.eq(column(finish.artifacts.len() as u64)),
            extract_runs::total_size_bytes.eq(column(size_bytes)),
            extract_runs::error.eq(&finish.error),
            extract_runs::error_detail.eq(&finish.error_detail),
            extract_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("ending a run of an extract", error))
}

fn keep_object(
    connection: &mut Database,
    run: &ExtractRunRecord,
    finish: &ExtractFinish,
) -> Result<(), StoreError> {
    let Some(object) = &finish.object else { return Ok(()) };
    diesel::update(extract_runs::table.filter(extract_runs::id.eq(&run.id)))
        .set((
            extract_runs::object_key.eq(&object.key),
            extract_runs::archive_size_bytes.eq(column(object.size_bytes)),
            extract_runs::archive_checksum.eq(&object.checksum),
            extract_runs::is_restricted.eq(object.is_restricted),
            extract_runs::expires_at.eq(Micros(object.expires_at)),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("noting an archive", error))
}

/// Notes an end in the statistics of the run's configuration, where that still exists.
fn count_end(connection: &mut Database, run: &ExtractRunRecord, status: RunStatus) -> Result<(), StoreError> {
    let successful = i64::from(status == RunStatus::Completed);
    let failed = i64::from(status == RunStatus::Failed);
    diesel::update(extracts::table.filter(extracts::id.eq(&run.extract_id)))
        .set((
            extracts::successful_runs.eq(extracts::successful_runs + successful),
            extracts::failed_runs.eq(extracts::failed_runs + failed),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("noting a run on its extract", error))
}

fn note_figures(
    connection: &mut Database,
    run: &ExtractRunRecord,
    finish: &ExtractFinish,
) -> Result<(), StoreError> {
    diesel::update(extract_runs::table.filter(extract_runs::id.eq(&run.id)))
        .set((
            extract_runs::records_exported.eq(column(finish.records_exported)),
            extract_runs::models_exported.eq(column(finish.models_exported)),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("noting how far an extract got", error))
}

fn release(connection: &mut Database, run: &ExtractRunRecord) -> Result<(), StoreError> {
    diesel::update(extract_runs::table.filter(extract_runs::id.eq(&run.id)))
        .set((
            extract_runs::lease_owner.eq(None::<String>),
            extract_runs::lease_expires_at.eq(None::<Micros>),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("letting go of a run of an extract", error))
}

fn put_back(
    connection: &mut Database,
    run: &ExtractRunRecord,
    not_before: i64,
    now: i64,
) -> Result<(), StoreError> {
    diesel::update(extract_runs::table.filter(extract_runs::id.eq(&run.id)))
        .set((
            extract_runs::status.eq(RunStatus::Queued.as_str()),
            extract_runs::attempt.eq((run.attempt - 1).max(0)),
            extract_runs::not_before.eq(Micros(not_before)),
            extract_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("putting a run of an extract back", error))
}
