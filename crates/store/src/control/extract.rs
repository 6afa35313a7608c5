//! Extract configurations.

use diesel::prelude::*;
use serde_json::Value as Json;

use super::ControlPlane;
use super::extract_run::active_run;
use super::json_text::{OptionalJson, OptionalMicros, OptionalTextList, json_text, text_list};
use super::schema::extracts;
use crate::database::Database;
use crate::database::sql_types::{JsonText, Micros, TextList};
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// What an extract configuration says. Checked by who calls: the control plane keeps it as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct NewExtract {
    /// `extract_` and a time-ordered id.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// How records are written: `jsonl`.
    pub format: String,
    /// `describe`, `data` or both.
    pub include: Vec<String>,
    /// Only these models; `None` for all but reserved ones.
    pub models: Option<Vec<String>>,
    /// An object of conditions by model name; `None` for all records.
    pub filter: Option<Json>,
    /// How long an archive is kept, in days.
    pub retention_days: i32,
    /// Whether it may be run.
    pub enabled: bool,
    /// The user who made it.
    pub created_by: String,
}

/// An extract configuration as it is kept.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = extracts)]
pub struct ExtractRecord {
    /// `extract_…`
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// How records are written.
    pub format: String,
    /// `describe`, `data` or both.
    #[diesel(deserialize_as = TextList)]
    pub include: Vec<String>,
    /// Only these models; `None` for all but reserved ones.
    #[diesel(deserialize_as = OptionalTextList)]
    pub models: Option<Vec<String>>,
    /// An object of conditions by model name; `None` for all records.
    #[diesel(deserialize_as = OptionalJson)]
    pub filter: Option<Json>,
    /// How long an archive is kept, in days.
    pub retention_days: i32,
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
    extract: &NewExtract,
    now: i64,
) -> Result<(), StoreError> {
    diesel::insert_into(extracts::table)
        .values((
            extracts::id.eq(&extract.id),
            extracts::tenant.eq(tenant.as_str()),
            settings(extract),
            extracts::created_by.eq(&extract.created_by),
            extracts::created_at.eq(Micros(now)),
            extracts::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("creating an extract", error))?;
    Ok(())
}

/// What a user sets.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = extracts, treat_none_as_null = true)]
struct Settings<'a> {
    name: &'a str,
    description: Option<&'a str>,
    format: &'a str,
    include: TextList,
    models: Option<TextList>,
    filter: Option<JsonText>,
    retention_days: i32,
    enabled: bool,
}

fn settings(extract: &NewExtract) -> Settings<'_> {
    Settings {
        name: &extract.name,
        description: extract.description.as_deref(),
        format: &extract.format,
        include: text_list(&extract.include),
        models: extract.models.as_deref().map(text_list),
        filter: extract.filter.as_ref().map(json_text),
        retention_days: extract.retention_days,
        enabled: extract.enabled,
    }
}

/// Finds a tenant's configuration, softly deleted ones too.
pub(super) fn find(
    connection: &mut Database,
    tenant: &TenantId,
    id: &str,
) -> Result<ExtractRecord, StoreError> {
    extracts::table
        .filter(extracts::id.eq(id).and(extracts::tenant.eq(tenant.as_str())))
        .select(ExtractRecord::as_select())
        .first(connection)
        .optional()
        .map_err(|error| StoreError::from_diesel("reading an extract", error))?
        .ok_or_else(|| not_found(id))
}

/// Finds a tenant's configuration like [`find`], and keeps others from changing it until the transaction ends.
pub(super) fn find_locked(
    connection: &mut Database,
    tenant: &TenantId,
    id: &str,
) -> Result<ExtractRecord, StoreError> {
    let extract = extracts::table.filter(extracts::id.eq(id).and(extracts::tenant.eq(tenant.as_str())));
    match connection {
        Database::Sqlite(connection) => extract.select(ExtractRecord::as_select()).first(connection),
        Database::Postgres(connection) => {
            extract.select(ExtractRecord::as_select()).for_update().first(connection)
        }
    }
    .optional()
    .map_err(|error| StoreError::from_diesel("reading an extract", error))?
    .ok_or_else(|| not_found(id))
}

/// Locks many configurations before they are read one by one, always in the same order: two that want the same ones
/// would otherwise wait for each other.
fn lock_many(connection: &mut Database, tenant: &TenantId, ids: &[&str]) -> Result<(), StoreError> {
    if let Database::Postgres(connection) = connection {
        extracts::table
            .filter(extracts::tenant.eq(tenant.as_str()).and(extracts::id.eq_any(ids)))
            .order(extracts::id)
            .select(extracts::id)
            .for_update()
            .load::<String>(connection)
            .map_err(|error| StoreError::from_diesel("reading extracts", error))?;
    }
    Ok(())
}

/// No such configuration, or one of another tenant: the caller cannot tell which.
pub(super) fn not_found(id: &str) -> StoreError {
    StoreError::NotFound { what: "extract", id: id.to_owned() }
}

impl ControlPlane {
    /// Creates configurations, all or none; `now` in microseconds.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn extracts_create(
        &self,
        tenant: &TenantId,
        extracts: &[NewExtract],
        now: i64,
    ) -> Result<(), StoreError> {
        self.connections.write(|connection| {
            extracts.iter().try_for_each(|extract| insert(connection, tenant, extract, now))
        })
    }

    /// A configuration by its id, softly deleted ones too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has none of that id, or where the database fails.
    pub fn extract_get(&self, tenant: &TenantId, id: &str) -> Result<ExtractRecord, StoreError> {
        self.connections.look(|connection| find(connection, tenant, id))
    }

    /// Changes configurations, all or none: `change` is given each of them as it is now, in the order of
    /// `ids`, and says what it shall be (its `id` and `created_by` are of no account). It is asked again where the
    /// transaction has to be done again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where one is missing or softly deleted; what `change` says; or where the
    /// database fails.
    pub fn extracts_update<E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        ids: &[&str],
        now: i64,
        mut change: impl FnMut(usize, &ExtractRecord) -> Result<NewExtract, E>,
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
                diesel::update(extracts::table.filter(extracts::id.eq(&current.id)))
                    .set((settings(&changed), extracts::updated_at.eq(Micros(now.max(current.updated_at)))))
                    .execute(connection)
                    .map_err(|error| StoreError::from_diesel("changing an extract", error))?;
            }
            Ok(())
        });
        match refusal {
            Some(error) => Err(error),
            None => written.map_err(E::from),
        }
    }

    /// Deletes configurations, all or none: softly, or for good. Their runs and artifacts stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where one is missing (or deleted softly already, where that is asked for),
    /// [`StoreError::Conflict`] while one has an active run, or where the database fails.
    pub fn extracts_delete(
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
pub(super) fn live(extract: ExtractRecord) -> Result<ExtractRecord, StoreError> {
    if extract.trashed_at.is_some() { Err(not_found(&extract.id)) } else { Ok(extract) }
}

fn delete(
    connection: &mut Database,
    tenant: &TenantId,
    id: &str,
    permanent: bool,
    now: i64,
) -> Result<(), StoreError> {
    let found = find(connection, tenant, id)?;
    let extract = if permanent { found } else { live(found)? };
    if let Some(run_id) = active_run(connection, tenant, &extract.id)? {
        let message =
            format!("Extract '{}' cannot be deleted while its run '{run_id}' is active", extract.id);
        return Err(StoreError::Conflict { message });
    }
    let row = extracts::table.filter(extracts::id.eq(&extract.id));
    let deleted = if permanent {
        diesel::delete(row).execute(connection)
    } else {
        diesel::update(row)
            .set((extracts::trashed_at.eq(Micros(now)), extracts::updated_at.eq(Micros(now))))
            .execute(connection)
    };
    deleted.map(|_| ()).map_err(|error| StoreError::from_diesel("deleting an extract", error))
}
