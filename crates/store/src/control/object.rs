//! Objects that rows of the control plane name: archives that restores read, and archives that extracts made.

use std::collections::HashSet;

use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::ControlPlane;
use super::restore::RestoreRecord;
use super::run::ACTIVE;
use super::schema::{extract_runs, restore_runs, uploads};
use super::status::RunStatus;
use super::upload;
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// The `source_type` of a restore that reads what a run of an extract made: its `source_ref` is the run's id.
pub const SOURCE_EXTRACT_RUN: &str = "extract_run";

/// An archive whose time is up.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct ExpiredExtract {
    /// The run that made it.
    pub run_id: String,
    /// Where the object store has it.
    pub object_key: String,
}

/// The object that a restore reads.
pub(super) struct Source {
    /// Its key, as far as it is known.
    pub(super) object_key: Option<String>,
    /// It is there, and stays until the transaction ends.
    pub(super) is_kept: bool,
}

/// The active runs of restores that read what a run of an extract made: part of a query on those.
macro_rules! needed_by_run {
    () => {
        restore_runs::table
            .filter(restore_runs::source_ref.eq(extract_runs::object_key).and(sql::<Bool>(ACTIVE)))
    };
}

/// What a restore would read now.
pub(super) fn source(
    connection: &mut Database,
    tenant: &TenantId,
    restore: &RestoreRecord,
    now: i64,
) -> Result<Source, StoreError> {
    let Some(source_ref) = &restore.source_ref else {
        return Ok(Source { object_key: None, is_kept: false });
    };
    if restore.source_type == SOURCE_EXTRACT_RUN {
        let object_key = lock(connection, tenant, source_ref, now)?;
        return Ok(Source { is_kept: object_key.is_some(), object_key });
    }
    let is_kept = upload::lock(connection, tenant, source_ref)?;
    Ok(Source { object_key: Some(source_ref.clone()), is_kept })
}

/// The object of a tenant's completed run whose time is not up. Nobody removes it before the transaction ends.
fn lock(
    connection: &mut Database,
    tenant: &TenantId,
    run_id: &str,
    now: i64,
) -> Result<Option<String>, StoreError> {
    let run = extract_runs::table
        .filter(extract_runs::tenant.eq(tenant.as_str()).and(extract_runs::id.eq(run_id)))
        .filter(extract_runs::status.eq(RunStatus::Completed.as_str()))
        .filter(extract_runs::expires_at.gt(Micros(now)))
        .select(extract_runs::object_key);
    match connection {
        Database::Sqlite(connection) => run.first::<Option<String>>(connection),
        Database::Postgres(connection) => run.for_share().first::<Option<String>>(connection),
    }
    .optional()
    .map(Option::flatten)
    .map_err(|error| StoreError::from_diesel("looking for what an extract made", error))
}

/// Waits for runs that are being queued and read the object; the next statement sees them.
fn lock_for_removal(connection: &mut Database, run_id: &str) -> Result<(), StoreError> {
    if let Database::Postgres(connection) = connection {
        extract_runs::table
            .filter(extract_runs::id.eq(run_id))
            .select(extract_runs::id)
            .for_update()
            .load::<String>(connection)
            .map_err(|error| StoreError::from_diesel("looking for what an extract made", error))?;
    }
    Ok(())
}

impl ControlPlane {
    /// Those of the keys under which an object is kept, of whichever tenant, an upload or what an extract made: what is
    /// not among them is rubbish, unless it is still being written. Some hundred keys at a time.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn object_keys_known(&self, keys: &[&str]) -> Result<HashSet<String>, StoreError> {
        let failed = |error| StoreError::from_diesel("looking objects up", error);
        self.connections.read(|connection| {
            let uploaded = uploads::table
                .filter(uploads::object_key.eq_any(keys))
                .select(uploads::object_key)
                .load::<String>(connection)
                .map_err(failed)?;
            let made = extract_runs::table
                .filter(extract_runs::object_key.eq_any(keys))
                .select(extract_runs::object_key.assume_not_null())
                .load::<String>(connection)
                .map_err(failed)?;
            Ok(uploaded.into_iter().chain(made).collect())
        })
    }

    /// Archives whose time was up at an instant in microseconds and that no active run reads, those longest over it
    /// first, `limit` at most.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn extract_runs_expired(&self, now: i64, limit: u32) -> Result<Vec<ExpiredExtract>, StoreError> {
        self.connections.look(|connection| {
            extract_runs::table
                .filter(extract_runs::object_key.is_not_null())
                .filter(extract_runs::expires_at.le(Micros(now)))
                .filter(not(exists(needed_by_run!())))
                .order((extract_runs::expires_at, extract_runs::id))
                .limit(i64::from(limit))
                .select((extract_runs::id, extract_runs::object_key.assume_not_null()))
                .load(connection)
                .map_err(|error| StoreError::from_diesel("listing what extracts made long ago", error))
        })
    }

    /// Forgets where the archive of a run is, unless an active run of a restore reads it; the run stays as it is
    /// otherwise. Says whether there was something to forget: then the object is nobody's any more.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn extract_run_forget_object(&self, run_id: &str) -> Result<bool, StoreError> {
        self.connections.write(|connection| {
            lock_for_removal(connection, run_id)?;
            diesel::update(extract_runs::table)
                .filter(extract_runs::id.eq(run_id).and(extract_runs::object_key.is_not_null()))
                .filter(not(exists(needed_by_run!())))
                .set(extract_runs::object_key.eq(None::<String>))
                .execute(connection)
                .map(|rows| rows > 0)
                .map_err(|error| StoreError::from_diesel("forgetting what an extract made", error))
        })
    }
}
