//! Runs: one execution of a restore each.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use reinstate_engine::Counters;
use serde_json::Value as Json;

use super::ControlPlane;
use super::claim;
use super::json_text::{OptionalJson, OptionalMicros, ParsedJson, json_text};
use super::object;
use super::queue;
use super::queue_watch;
use super::restore::{self, NewRestore, RestoreRecord};
use super::schema::{restore_runs, restores};
use super::status::RunStatus;
use super::upload::{self, NewUpload};
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// A run to be queued.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// `run_` and a time-ordered id.
    pub id: String,
    /// On whose behalf: level, user and principals, for the worker.
    pub caller: Json,
    /// The user, for readers.
    pub executed_by: String,
}

/// A run as it is kept.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = restore_runs)]
pub struct RunRecord {
    /// The place in the queue: runs queued earlier have smaller numbers.
    pub seq: i64,
    /// `run_…`
    pub id: String,
    /// The tenant's name.
    pub tenant: String,
    /// The configuration that it executes.
    pub restore_id: String,
    /// That configuration's name when the run was queued.
    pub restore_name: String,
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
    /// What it did, or how far it got.
    #[diesel(embed)]
    pub counters: CounterColumns,
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
    /// On whose behalf, for the worker.
    #[diesel(deserialize_as = ParsedJson)]
    pub caller: Json,
    /// The key of the object that it reads.
    pub source_ref: Option<String>,
    /// Claims so far: the number that whoever works on the run must name.
    pub fence: i64,
    /// Who works on it.
    pub lease_owner: Option<String>,
    /// Until when that worker may go without a sign of life, in microseconds.
    #[diesel(deserialize_as = OptionalMicros)]
    pub lease_expires_at: Option<i64>,
    /// The worker was allowed to commit: it is too late to cancel.
    pub committing: bool,
    /// No worker takes it up before this instant, in microseconds.
    #[diesel(deserialize_as = Micros)]
    pub not_before: i64,
    /// In microseconds.
    #[diesel(deserialize_as = Micros)]
    pub created_at: i64,
    /// In microseconds.
    #[diesel(deserialize_as = Micros)]
    pub updated_at: i64,
}

/// The counters as columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = restore_runs)]
pub struct CounterColumns {
    /// Records inserted.
    pub records_imported: i64,
    /// Records updated.
    pub records_updated: i64,
    /// Records left out by the strategy.
    pub records_skipped: i64,
    /// Records removed before the import.
    pub records_deleted: i64,
    /// Records that did not fit.
    pub records_failed: i64,
    /// Models created.
    pub models_created: i64,
    /// Fields created.
    pub fields_created: i64,
}

impl From<&Counters> for CounterColumns {
    fn from(counters: &Counters) -> Self {
        let column = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            records_imported: column(counters.records_imported),
            records_updated: column(counters.records_updated),
            records_skipped: column(counters.records_skipped),
            records_deleted: column(counters.records_deleted),
            records_failed: column(counters.records_failed),
            models_created: column(counters.models_created),
            fields_created: column(counters.fields_created),
        }
    }
}

impl ControlPlane {
    /// Queues a run of a configuration and notes it in the configuration's statistics.
    ///
    /// `admit` sees the configuration, and whether the archive that it names is kept (an upload, or what a completed
    /// run of an extract made, as long as that is not expired), and may refuse: what it says is handed on. It gives the
    /// snapshot that the run keeps. From then on the archive is kept as long as the run is active. It holds up writers, must not ask the control plane for anything, and is asked again where
    /// the transaction has to be done again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has no such configuration (or it is softly deleted),
    /// [`StoreError::Conflict`] where it is disabled or has an active run, what `admit` says, or where the
    /// database fails.
    pub fn run_create<E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        restore_id: &str,
        run: &NewRun,
        now: i64,
        mut admit: impl FnMut(&RestoreRecord, bool) -> Result<Json, E>,
    ) -> Result<RunRecord, E> {
        let mut refusal = None;
        let created = self.connections.write(|connection| {
            refusal = None;
            let restore = restore::live(restore::find_locked(connection, tenant, restore_id)?)?;
            if !restore.enabled {
                return Err(StoreError::Conflict { message: format!("Restore '{restore_id}' is disabled") });
            }
            let source = object::source(connection, tenant, &restore, now)?;
            let snapshot = admit(&restore, source.is_kept).map_err(|error| {
                refusal = Some(error);
                restore::not_found(restore_id)
            })?;
            let queued = Queued { run, object_key: source.object_key.as_deref(), snapshot: &snapshot };
            enqueue(connection, tenant, &restore, &queued, now)
        });
        self.queued.ring();
        match refusal {
            Some(error) => Err(error),
            None => created.map_err(E::from),
        }
    }

    /// Keeps an upload, makes the configuration that reads it and queues a run of that, all or none.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn import_create(
        &self,
        tenant: &TenantId,
        upload: &NewUpload,
        restore: &NewRestore,
        run: &NewRun,
        snapshot: &Json,
        now: i64,
    ) -> Result<RunRecord, StoreError> {
        let created = self.connections.write(|connection| {
            upload::insert(connection, tenant, upload, now)?;
            restore::insert(connection, tenant, restore, now)?;
            let restore = restore::find(connection, tenant, &restore.id)?;
            let queued = Queued { run, object_key: restore.source_ref.as_deref(), snapshot };
            enqueue(connection, tenant, &restore, &queued, now)
        });
        self.queued.ring();
        created
    }

    /// A run by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has none of that id, or where the database fails.
    pub fn run_get(&self, tenant: &TenantId, id: &str) -> Result<RunRecord, StoreError> {
        self.connections
            .look(|connection| {
                restore_runs::table
                    .filter(restore_runs::id.eq(id).and(restore_runs::tenant.eq(tenant.as_str())))
                    .select(RunRecord::as_select())
                    .first(connection)
                    .optional()
                    .map_err(|error| StoreError::from_diesel("reading a run", error))
            })?
            .ok_or_else(|| StoreError::NotFound { what: "run", id: id.to_owned() })
    }
}

/// What a run of a restore is queued with.
struct Queued<'a> {
    run: &'a NewRun,
    /// What it reads.
    object_key: Option<&'a str>,
    snapshot: &'a Json,
}

/// Puts a run into the queue within a transaction.
fn enqueue(
    connection: &mut Database,
    tenant: &TenantId,
    restore: &RestoreRecord,
    queued: &Queued<'_>,
    now: i64,
) -> Result<RunRecord, StoreError> {
    let Queued { run, object_key, snapshot } = *queued;
    refuse_second(connection, tenant, &restore.id)?;
    claim::place_lock(connection, tenant.as_str())?;
    diesel::insert_into(restore_runs::table)
        .values((
            restore_runs::id.eq(&run.id),
            restore_runs::tenant.eq(tenant.as_str()),
            restore_runs::restore_id.eq(&restore.id),
            restore_runs::restore_name.eq(&restore.name),
            restore_runs::status.eq(RunStatus::Queued.as_str()),
            restore_runs::config_snapshot.eq(json_text(snapshot)),
            restore_runs::executed_by.eq(&run.executed_by),
            restore_runs::caller.eq(json_text(&run.caller)),
            restore_runs::source_ref.eq(object_key),
            restore_runs::created_at.eq(Micros(now)),
            restore_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("queueing a run", error))?;
    diesel::update(restores::table.filter(restores::id.eq(&restore.id)))
        .set((
            restores::last_run_id.eq(&run.id),
            restores::last_run_at.eq(Micros(now)),
            restores::total_runs.eq(restores::total_runs + 1),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("noting a run on its restore", error))?;
    queue_watch::tell(connection, tenant.as_str())?;
    queue::find(connection, &run.id)
}

/// The unique index would refuse as well; this says it in words.
fn refuse_second(connection: &mut Database, tenant: &TenantId, restore_id: &str) -> Result<(), StoreError> {
    match active_run(connection, tenant, restore_id)? {
        None => Ok(()),
        Some(run_id) => Err(StoreError::Conflict {
            message: format!("Restore '{restore_id}' is already running (run '{run_id}')"),
        }),
    }
}

/// The id of a configuration's active run; there is one at most.
pub(super) fn active_run(
    connection: &mut Database,
    tenant: &TenantId,
    restore_id: &str,
) -> Result<Option<String>, StoreError> {
    restore_runs::table
        .filter(restore_runs::tenant.eq(tenant.as_str()).and(restore_runs::restore_id.eq(restore_id)))
        .filter(sql::<Bool>(ACTIVE))
        .select(restore_runs::id)
        .first(connection)
        .optional()
        .map_err(|error| StoreError::from_diesel("looking for an active run", error))
}

/// The condition of the index `restore_runs_one_active`, letter by letter: bound values would hide the index from
/// the planner.
pub(super) const ACTIVE: &str = "status IN ('pending', 'queued', 'running')";
