//! Files that were sent in. A row makes an object a part of the product.

use std::collections::HashSet;

use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::ControlPlane;
use super::run::ACTIVE;
use super::schema::{restore_runs, uploads};
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// Keys asked for in one statement: well below SQLite's 32,766 bound values.
const KEYS_PER_STATEMENT: usize = 5_000;

/// The active runs that read an upload: part of a query on uploads.
macro_rules! needed_by_run {
    () => {
        restore_runs::table
            .filter(restore_runs::source_ref.eq(uploads::object_key.nullable()).and(sql::<Bool>(ACTIVE)))
    };
}

/// An upload to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// `upload_` and a time-ordered id.
    pub id: String,
    /// Where the object store has it.
    pub object_key: String,
    /// The file's name as the client gave it.
    pub filename: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The user who sent it.
    pub created_by: String,
}

/// An upload that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = uploads)]
pub struct UploadRecord {
    /// `upload_…`
    pub id: String,
    /// The tenant's name.
    pub tenant: String,
    /// Where the object store has it.
    pub object_key: String,
    /// The file's name as the client gave it.
    pub filename: String,
    /// Size in bytes.
    pub size_bytes: i64,
    /// The user who sent it.
    pub created_by: String,
    /// When, in microseconds.
    #[diesel(deserialize_as = Micros)]
    pub created_at: i64,
}

/// Writes an upload's row within a transaction.
pub(super) fn insert(
    connection: &mut Database,
    tenant: &TenantId,
    upload: &NewUpload,
    now: i64,
) -> Result<(), StoreError> {
    diesel::insert_into(uploads::table)
        .values((
            uploads::id.eq(&upload.id),
            uploads::tenant.eq(tenant.as_str()),
            uploads::object_key.eq(&upload.object_key),
            uploads::filename.eq(&upload.filename),
            uploads::size_bytes.eq(i64::try_from(upload.size_bytes).unwrap_or(i64::MAX)),
            uploads::created_by.eq(&upload.created_by),
            uploads::created_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("keeping an upload", error))?;
    Ok(())
}

/// Those of the keys under which the tenant has an upload.
pub(super) fn kept(
    connection: &mut Database,
    tenant: &TenantId,
    object_keys: &[String],
) -> Result<HashSet<String>, StoreError> {
    let mut found = HashSet::new();
    for keys in object_keys.chunks(KEYS_PER_STATEMENT) {
        let of_tenant = uploads::tenant.eq(tenant.as_str());
        let keys: Vec<String> = uploads::table
            .filter(of_tenant.and(uploads::object_key.eq_any(keys)))
            .select(uploads::object_key)
            .load(connection)
            .map_err(|error| StoreError::from_diesel("looking uploads up", error))?;
        found.extend(keys);
    }
    Ok(found)
}

/// Whether the tenant has an upload under this key. Nobody removes it before the transaction ends.
pub(super) fn lock(
    connection: &mut Database,
    tenant: &TenantId,
    object_key: &str,
) -> Result<bool, StoreError> {
    let upload =
        uploads::table.filter(uploads::tenant.eq(tenant.as_str()).and(uploads::object_key.eq(object_key)));
    match connection {
        Database::Sqlite(connection) => upload.select(uploads::id).first::<String>(connection),
        Database::Postgres(connection) => upload.select(uploads::id).for_share().first::<String>(connection),
    }
    .optional()
    .map(|id| id.is_some())
    .map_err(|error| StoreError::from_diesel("looking an upload up", error))
}

/// Waits for runs that are being queued and read the upload; the next statement sees them.
fn lock_for_removal(connection: &mut Database, object_key: &str) -> Result<(), StoreError> {
    if let Database::Postgres(connection) = connection {
        uploads::table
            .filter(uploads::object_key.eq(object_key))
            .select(uploads::id)
            .for_update()
            .load::<String>(connection)
            .map_err(|error| StoreError::from_diesel("looking an upload up", error))?;
    }
    Ok(())
}

impl ControlPlane {
    /// Keeps an upload; `now` in microseconds.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn upload_create(&self, tenant: &TenantId, upload: &NewUpload, now: i64) -> Result<(), StoreError> {
        self.connections.write(|connection| insert(connection, tenant, upload, now))
    }

    /// Those of the keys under which the tenant has an upload.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn uploads_kept(
        &self,
        tenant: &TenantId,
        object_keys: &[String],
    ) -> Result<HashSet<String>, StoreError> {
        self.connections.look(|connection| kept(connection, tenant, object_keys))
    }

    /// Uploads made before an instant in microseconds that no active run needs, oldest first, `limit` at most.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn upload_list_expired(&self, before: i64, limit: u32) -> Result<Vec<UploadRecord>, StoreError> {
        self.connections.look(|connection| {
            uploads::table
                .filter(uploads::created_at.lt(Micros(before)).and(not(exists(needed_by_run!()))))
                .order((uploads::created_at, uploads::id))
                .limit(i64::from(limit))
                .select(UploadRecord::as_select())
                .load(connection)
                .map_err(|error| StoreError::from_diesel("listing expired uploads", error))
        })
    }

    /// Forgets an upload, unless an active run needs it. Says whether it did.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn upload_delete(&self, object_key: &str) -> Result<bool, StoreError> {
        self.connections.write(|connection| {
            lock_for_removal(connection, object_key)?;
            let unused = uploads::object_key.eq(object_key).and(not(exists(needed_by_run!())));
            diesel::delete(uploads::table.filter(unused))
                .execute(connection)
                .map(|rows| rows > 0)
                .map_err(|error| StoreError::from_diesel("forgetting an upload", error))
        })
    }
}
