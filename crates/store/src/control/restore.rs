//! Restore configurations.

use diesel::prelude::*;

use super::ControlPlane;
use super::json_text::{OptionalMicros, OptionalTextList, text_list};
use super::run::active_run;
use super::schema::restores;
use crate::database::Database;
use crate::database::sql_types::{Micros, TextList};
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// What a restore configuration says. Checked by who calls: the control plane keeps it as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRestore {
    /// `restore_` and a time-ordered id.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Where the archive comes from: `upload`.
    pub source_type: String,
    /// Which archive: for `upload` the object's key.
    pub source_ref: Option<String>,
    /// A strategy's spelling.
    pub conflict_strategy: String,
    /// `describe`, `data` or both.
    pub include: Vec<String>,
    /// Only these models; `None` for all.
    pub models: Option<Vec<String>>,
    /// Whether missing models may be created.
    pub create_models: bool,
    /// Whether it may be run.
    pub enabled: bool,
    /// The user who made it.
    pub created_by: String,
}

/// A restore configuration as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = restores)]
pub struct RestoreRecord {
    /// `restore_…`
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Where the archive comes from.
    pub source_type: String,
    /// Which archive.
    pub source_ref: Option<String>,
    /// A strategy's spelling.
    pub conflict_strategy: String,
    /// `describe`, `data` or both.
    #[diesel(deserialize_as = TextList)]
    pub include: Vec<String>,
    /// Only these models; `None` for all.
    #[diesel(deserialize_as = OptionalTextList)]
    pub models: Option<Vec<String>>,
    /// Whether missing models may be created.
    pub create_models: bool,
    /// Whether it may be run.
    pub enabled: bool,
    /// The newest run.
    pub last_run_id: Option<String>,
    /// When that run was queued, in microseconds.
    #[diesel(deserialize_as = OptionalMicros)]
    pub last_run_at: Option<i64>,
    /// Runs queued so far.
    pub total_runs: i64,
    /// Those that completed.
    pub successful_runs: i64,
    /// Those that failed.
    pub failed_runs: i64,
    /// The user who made it.
    pub created_by: String,
    /// In microseconds.
    #[diesel(deserialize_as = Micros)]
    pub created_at: i64,
    /// Last change by a user, in microseconds.
    #[diesel(deserialize_as = Micros)]
    pub updated_at: i64,
    /// When it was deleted softly, in microseconds.
    #[diesel(deserialize_as = OptionalMicros)]
    pub trashed_at: Option<i64>,
}

/// Writes a configuration within a transaction.
pub(super) fn insert(
    connection: &mut Database,
    tenant: &TenantId,
    restore: &NewRestore,
    now: i64,
) -> Result<(), StoreError> {
    diesel::insert_into(restores::table)
        .values((
            restores::id.eq(&restore.id),
            restores::tenant.eq(tenant.as_str()),
            settings(restore),
            restores::created_by.eq(&restore.created_by),
            restores::created_at.eq(Micros(now)),
            restores::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("creating a restore", error))?;
    Ok(())
}

/// What a user sets.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = restores, treat_none_as_null = true)]
struct Settings<'a> {
    name: &'a str,
    description: Option<&'a str>,
    source_type: &'a str,
    source_ref: Option<&'a str>,
    conflict_strategy: &'a str,
    include: TextList,
    models: Option<TextList>,
    create_models: bool,
    enabled: bool,
}

fn settings(restore: &NewRestore) -> Settings<'_> {
    Settings {
        name: &restore.name,
        description: restore.description.as_deref(),
        source_type: &restore.source_type,
        source_ref: restore.source_ref.as_deref(),
        conflict_strategy: &restore.conflict_strategy,
        include: text_list(&restore.include),
        models: restore.models.as_deref().map(text_list),
        create_models: restore.create_models,
        enabled: restore.enabled,
    }
}

/// Finds a tenant's configuration, softly deleted ones too.
pub(super) fn find(
    connection: &mut Database,
    tenant: &TenantId,
    id: &str,
) -> Result<RestoreRecord, StoreError> {
    restores::table
        .filter(restores::id.eq(id).and(restores::tenant.eq(tenant.as_str())))
        .select(RestoreRecord::as_select())
        .first(connection)
        .optional()
        .map_err(|error| StoreError::from_diesel("reading a restore", error))?
        .ok_or_else(|| not_found(id))
}

/// Finds a tenant's configuration like [`find`], and keeps others from changing it until the transaction ends.
pub(super) fn find_locked(
    connection: &mut Database,
    tenant: &TenantId,
    id: &str,
) -> Result<RestoreRecord, StoreError> {
    let restore = restores::table.filter(restores::id.eq(id).and(restores::tenant.eq(tenant.as_str())));
    match connection {
        Database::Sqlite(connection) => restore.select(RestoreRecord::as_select()).first(connection),
        Database::Postgres(connection) => {
            restore.select(RestoreRecord::as_select()).for_update().first(connection)
        }
    }
    .optional()
    .map_err(|error| StoreError::from_diesel("reading a restore", error))?
    .ok_or_else(|| not_found(id))
}

/// Locks many configurations before they are read one by one, always in the same order: two that want the same ones
/// would otherwise wait for each other.
fn lock_many(connection: &mut Database, tenant: &TenantId, ids: &[&str]) -> Result<(), StoreError> {
    if let Database::Postgres(connection) = connection {
        restores::table
            .filter(restores::tenant.eq(tenant.as_str()).and(restores::id.eq_any(ids)))
            .order(restores::id)
            .select(restores::id)
            .for_update()
            .load::<String>(connection)
            .map_err(|error| StoreError::from_diesel("reading restores", error))?;
    }
    Ok(())
}

/// No such configuration, or one of another tenant: the caller cannot tell which.
pub(super) fn not_found(id: &str) -> StoreError {
    StoreError::NotFound { what: "restore", id: id.to_owned() }
}

impl ControlPlane {
    /// Creates configurations, all or none; `now` in microseconds.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn restores_create(
        &self,
        tenant: &TenantId,
        restores: &[NewRestore],
        now: i64,
    ) -> Result<(), StoreError> {
        self.connections.write(|connection| {
            restores.iter().try_for_each(|restore| insert(connection, tenant, restore, now))
        })
    }

    /// A configuration by its id, softly deleted ones too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has none of that id, or where the database fails.
    pub fn restore_get(&self, tenant: &TenantId, id: &str) -> Result<RestoreRecord, StoreError> {
        self.connections.look(|connection| find(connection, tenant, id))
    }

    /// Changes configurations, all or none: `change` is given each of them as it is now, in the order of
    /// `ids`, and says what it shall be (its `id` and `created_by` are of no account). It is asked again where the
    /// transaction has to be done again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where one is missing or softly deleted; what `change` says; or where the
    /// database fails.
    pub fn restores_update<E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        ids: &[&str],
        now: i64,
        mut change: impl FnMut(usize, &RestoreRecord) -> Result<NewRestore, E>,
    ) -> Result<(), E> {
        let mut refusal = None;
        let written = self.connections.write(|connection| {
            refusal = None;
            lock_many(connection, tenant, ids)?;
            for (place, id) in ids.iter().enumerate() {
                let current = live(find(connection, tenant, id)?)?;
                let changed = change(place, &current).map_err(|error| {
                    refusal = Some(error);
                    not_found(id)
                })?;
                diesel::update(restores::table.filter(restores::id.eq(&current.id)))
                    .set((settings(&changed), restores::updated_at.eq(Micros(now.max(current.updated_at)))))
                    .execute(connection)
                    .map_err(|error| StoreError::from_diesel("changing a restore", error))?;
            }
            Ok(())
        });
        match refusal {
            Some(error) => Err(error),
            None => written.map_err(E::from),
        }
    }

    /// Deletes configurations, all or none: softly, or for good. Their runs and logs stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where one is missing (or deleted softly already, where that is asked for),
    /// [`StoreError::Conflict`] while one has an active run, or where the database fails.
    pub fn restores_delete(
        &self,
        tenant: &TenantId,
        ids: &[&str],
        permanent: bool,
        now: i64,
    ) -> Result<(), StoreError> {
        self.connections.write(|connection| {
            lock_many(connection, tenant, ids)?;
            ids.iter().try_for_each(|id| delete(connection, tenant, id, permanent, now))
        })
    }
}

/// The configuration, unless it was deleted softly.
pub(super) fn live(restore: RestoreRecord) -> Result<RestoreRecord, StoreError> {
    if restore.trashed_at.is_some() { Err(not_found(&restore.id)) } else { Ok(restore) }
}

fn delete(
    connection: &mut Database,
    tenant: &TenantId,
    id: &str,
    permanent: bool,
    now: i64,
) -> Result<(), StoreError> {
    let found = find(connection, tenant, id)?;
    let restore = if permanent { found } else { live(found)? };
    if let Some(run_id) = active_run(connection, tenant, &restore.id)? {
        let message =
            format!("Restore '{}' cannot be deleted while its run '{run_id}' is active", restore.id);
        return Err(StoreError::Conflict { message });
    }
    let row = restores::table.filter(restores::id.eq(&restore.id));
    let deleted = if permanent {
        diesel::delete(row).execute(connection)
    } else {
        diesel::update(row)
            .set((restores::trashed_at.eq(Micros(now)), restores::updated_at.eq(Micros(now))))
            .execute(connection)
    };
    deleted.map(|_| ()).map_err(|error| StoreError::from_diesel("deleting a restore", error))
}
