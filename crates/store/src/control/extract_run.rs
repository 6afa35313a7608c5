//! Runs of extracts: one execution each.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde_json::Value as Json;

use super::ControlPlane;
use super::extract::{self, ExtractRecord};
use super::json_text::{OptionalJson, OptionalMicros, ParsedJson, json_text};
use super::queue_watch;
use super::run::{ACTIVE, NewRun};
use super::schema::{extract_runs, extracts};
use super::status::RunStatus;
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// A run of an extract as it is kept.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = extract_runs)]
pub struct ExtractRunRecord {
    /// The place in the queue: runs queued earlier have smaller numbers.
    pub seq: i64,
    /// `run_…`
    pub id: String,
    /// The tenant's name.
    pub tenant: String,
    /// The configuration that it executes.
    pub extract_id: String,
    /// That configuration's name when the run was queued.
    pub extract_name: String,
    /// The state.
    pub status: RunStatus,
    /// Percent.
    pub progress: i32,
    /// How far it is, for people who watch.
    #[diesel(deserialize_as = OptionalJson)]
    pub progress_detail: Option<Json>,
    /// First start, in microseconds.
    #[diesel(deserialize_as = OptionalMicros)]
    pub started_at: Option<i64>,
    /// End, in microseconds.
    #[diesel(deserialize_as = OptionalMicros)]
    pub completed_at: Option<i64>,
    /// Records written out, or how far it got.
    pub records_exported: i64,
    /// Models written out, or how far it got.
    pub models_exported: i64,
    /// Entries of the archive.
    pub artifacts_created: i64,
    /// Their sizes together, unpacked, in bytes.
    pub total_size_bytes: i64,
    /// From the first start to the end, in milliseconds.
    pub duration_ms: Option<i64>,
    /// The configuration as it was when the run was queued.
    #[diesel(deserialize_as = ParsedJson)]
    pub config_snapshot: Json,
    /// Starts so far that count: the first is 1.
    pub attempt: i32,
    /// Why it failed, for a person.
    pub error: Option<String>,
    /// Why it failed, for who looks closer.
    pub error_detail: Option<String>,
    /// The user who asked for it.
    pub executed_by: String,
    /// Until when the archive is kept, in microseconds; completed runs have one.
    #[diesel(deserialize_as = OptionalMicros)]
    pub expires_at: Option<i64>,
    /// On whose behalf, for the worker.
    #[diesel(deserialize_as = ParsedJson)]
    pub caller: Json,
    /// Claims so far: the number that whoever works on the run must name.
    pub fence: i64,
    /// Who works on it.
    pub lease_owner: Option<String>,
    /// Until when that worker may go without a sign of life, in microseconds.
    #[diesel(deserialize_as = OptionalMicros)]
    pub lease_expires_at: Option<i64>,
    /// No worker takes it up before this instant, in microseconds.
    #[diesel(deserialize_as = Micros)]
    pub not_before: i64,
    /// Where the object store has the archive; `None` before it is there and once it is removed.
    pub object_key: Option<String>,
    /// Size of the archive in bytes.
    pub archive_size_bytes: Option<i64>,
    /// SHA-256 of the archive in hexadecimal.
    pub archive_checksum: Option<String>,
    /// The archive holds records that not everybody may read.
    pub is_restricted: bool,
    /// In microseconds.
    #[diesel(deserialize_as = Micros)]
    pub created_at: i64,
    /// In microseconds.
    #[diesel(deserialize_as = Micros)]
    pub updated_at: i64,
}

impl ControlPlane {
    /// Queues a run of an extract and notes it in the configuration's statistics.
    ///
    /// `admit` sees the configuration and may refuse: what it says is handed on. It gives the snapshot that the run
    /// keeps. It holds up writers, must not ask the control plane for anything, and is asked again where the
    /// transaction has to be done again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has no such configuration (or it is softly deleted),
    /// [`StoreError::Conflict`] where it is disabled or has an active run, what `admit` says, or where the
    /// database fails.
    pub fn extract_run_create<E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        extract_id: &str,
        run: &NewRun,
        now: i64,
        mut admit: impl FnMut(&ExtractRecord) -> Result<Json, E>,
    ) -> Result<ExtractRunRecord, E> {
        let mut refusal = None;
        let created = self.connections.write(|connection| {
            refusal = None;
            let extract = extract::live(extract::find_locked(connection, tenant, extract_id)?)?;
            if !extract.enabled {
                return Err(StoreError::Conflict { message: format!("Extract '{extract_id}' is disabled") });
            }
            let snapshot = admit(&extract).map_err(|error| {
                refusal = Some(error);
                extract::not_found(extract_id)
            })?;
            enqueue(connection, tenant, &extract, run, &snapshot, now)
        });
        self.queued.ring();
        match refusal {
            Some(error) => Err(error),
            None => created.map_err(E::from),
        }
    }

    /// A run of an extract by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has none of that id, or where the database fails.
    pub fn extract_run_get(&self, tenant: &TenantId, run_id: &str) -> Result<ExtractRunRecord, StoreError> {
        self.connections
            .look(|connection| {
                extract_runs::table
                    .filter(extract_runs::id.eq(run_id).and(extract_runs::tenant.eq(tenant.as_str())))
                    .select(ExtractRunRecord::as_select())
                    .first(connection)
                    .optional()
                    .map_err(|error| StoreError::from_diesel("reading a run of an extract", error))
            })?
            .ok_or_else(|| StoreError::NotFound { what: "run", id: run_id.to_owned() })
    }
}

/// Puts a run into the queue within a transaction.
fn enqueue(
    connection: &mut Database,
    tenant: &TenantId,
    extract: &ExtractRecord,
    run: &NewRun,
    snapshot: &Json,
    now: i64,
) -> Result<ExtractRunRecord, StoreError> {
    // The unique index would refuse as well; this says it in words.
    if let Some(run_id) = active_run(connection, tenant, &extract.id)? {
        let message = format!("Extract '{}' is already running (run '{run_id}')", extract.id);
        return Err(StoreError::Conflict { message });
    }
    diesel::insert_into(extract_runs::table)
        .values((
            extract_runs::id.eq(&run.id),
            extract_runs::tenant.eq(tenant.as_str()),
            extract_runs::extract_id.eq(&extract.id),
            extract_runs::extract_name.eq(&extract.name),
            extract_runs::status.eq(RunStatus::Queued.as_str()),
            extract_runs::config_snapshot.eq(json_text(snapshot)),
            extract_runs::executed_by.eq(&run.executed_by),
            extract_runs::caller.eq(json_text(&run.caller)),
            extract_runs::created_at.eq(Micros(now)),
            extract_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("queueing a run of an extract", error))?;
    count_start(connection, extract, &run.id, now)?;
    queue_watch::tell(connection, tenant.as_str())?;
    find(connection, &run.id)
}

/// Notes a new run in its configuration's statistics.
fn count_start(
    connection: &mut Database,
    extract: &ExtractRecord,
    run_id: &str,
    now: i64,
) -> Result<(), StoreError> {
    diesel::update(extracts::table.filter(extracts::id.eq(&extract.id)))
        .set((
            extracts::last_run_id.eq(run_id),
            extracts::last_run_at.eq(Micros(now)),
            extracts::total_runs.eq(extracts::total_runs + 1),
        ))
        .execute(connection)
        .map(|_| ())
        .map_err(|error| StoreError::from_diesel("noting a run on its extract", error))
}

pub(super) fn find(connection: &mut Database, run_id: &str) -> Result<ExtractRunRecord, StoreError> {
    extract_runs::table
        .filter(extract_runs::id.eq(run_id))
        .select(ExtractRunRecord::as_select())
        .first(connection)
        .map_err(|error| StoreError::from_diesel("reading a run of an extract", error))
}

/// A run, kept from changing until the transaction ends; SQLite's writers have the whole file to themselves anyway.
pub(super) fn find_locked(
    connection: &mut Database,
    run_id: &str,
) -> Result<Option<ExtractRunRecord>, StoreError> {
    let run = extract_runs::table.filter(extract_runs::id.eq(run_id));
    match connection {
        Database::Sqlite(connection) => run.select(ExtractRunRecord::as_select()).first(connection),
        Database::Postgres(connection) => {
            run.select(ExtractRunRecord::as_select()).for_update().first(connection)
        }
    }
    .optional()
    .map_err(|error| StoreError::from_diesel("reading a run of an extract", error))
}

/// The id of a configuration's active run; there is one at most.
pub(super) fn active_run(
    connection: &mut Database,
    tenant: &TenantId,
    extract_id: &str,
) -> Result<Option<String>, StoreError> {
    extract_runs::table
        .filter(extract_runs::tenant.eq(tenant.as_str()).and(extract_runs::extract_id.eq(extract_id)))
        .filter(sql::<Bool>(ACTIVE))
        .select(extract_runs::id)
        .first(connection)
        .optional()
        .map_err(|error| StoreError::from_diesel("looking for an active run of an extract", error))
}
