//! Artifacts: the entries of the archive that a run made.

use diesel::prelude::*;
use serde_json::json;

use super::ControlPlane;
use super::json_text::OptionalMicros;
use super::schema::extract_artifacts;
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;
use crate::statement::Statement;
use crate::tenant_id::TenantId;

/// An artifact to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArtifact {
    /// `artifact_` and a time-ordered id.
    pub id: String,
    /// `describe`, `data-MODEL` or `manifest`.
    pub artifact_type: String,
    /// The entry's name in the archive.
    pub artifact_name: String,
    /// How it is written, such as `jsonl`.
    pub format: String,
    /// Size in bytes, unpacked.
    pub size_bytes: u64,
    /// SHA-256 of the entry, unpacked, in hexadecimal.
    pub checksum: String,
    /// Its media type.
    pub content_type: String,
    /// It is what most people look for.
    pub is_primary: bool,
}

/// An artifact as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = extract_artifacts)]
pub struct ArtifactRecord {
    /// `artifact_…`
    pub id: String,
    /// The tenant's name.
    pub tenant: String,
    /// The run that made it.
    pub run_id: String,
    /// The configuration of that run.
    pub extract_id: String,
    /// `describe`, `data-MODEL` or `manifest`.
    pub artifact_type: String,
    /// The entry's name in the archive.
    pub artifact_name: String,
    /// How it is written.
    pub format: String,
    /// Size in bytes, unpacked.
    pub size_bytes: i64,
    /// SHA-256 of the entry, unpacked, in hexadecimal.
    pub checksum: String,
    /// Its media type.
    pub content_type: String,
    /// It is what most people look for.
    pub is_primary: bool,
    /// Downloads so far.
    pub download_count: i64,
    /// Until when the archive is kept, in microseconds.
    #[diesel(deserialize_as = OptionalMicros)]
    pub expires_at: Option<i64>,
    /// When the run ended, in microseconds.
    #[diesel(deserialize_as = Micros)]
    pub created_at: i64,
}

/// Artifacts as a table, from one bound value: an archive has more entries than a statement may have values.
const SQLITE_ROWS: (&str, &str) = (
    "(SELECT value ->> 'id' AS id, value ->> 'artifact_type' AS artifact_type, \
     value ->> 'artifact_name' AS artifact_name, value ->> 'format' AS format, \
     value ->> 'size_bytes' AS size_bytes, value ->> 'checksum' AS checksum, \
     value ->> 'content_type' AS content_type, value ->> 'is_primary' AS is_primary FROM json_each(",
    ")) AS a",
);
const POSTGRES_ROWS: (&str, &str) = (
    "pg_catalog.jsonb_to_recordset(CAST(",
    " AS jsonb)) AS a(id text, artifact_type text, artifact_name text, format text, size_bytes bigint, \
     checksum text, content_type text, is_primary boolean)",
);

/// Notes the artifacts of a run that has just been ended, within the same transaction. What they share with the run is
/// taken from its row.
pub(super) fn insert(
    connection: &mut Database,
    run_id: &str,
    artifacts: &[NewArtifact],
) -> Result<(), StoreError> {
    if artifacts.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = artifacts.iter().map(NewArtifact::to_json).collect();
    let (before, after) = match connection {
        Database::Sqlite(_) => SQLITE_ROWS,
        Database::Postgres(_) => POSTGRES_ROWS,
    };
    Statement::new(
        "INSERT INTO extract_artifacts (id, tenant, run_id, extract_id, artifact_type, artifact_name, format, \
         size_bytes, checksum, content_type, is_primary, expires_at, created_at) \
         SELECT a.id, r.tenant, r.id, r.extract_id, a.artifact_type, a.artifact_name, a.format, a.size_bytes, \
         a.checksum, a.content_type, a.is_primary, r.expires_at, r.completed_at FROM extract_runs AS r CROSS JOIN ",
    )
    .sql(before)
    .text(serde_json::Value::from(rows).to_string())
    .sql(after)
    .sql(" WHERE r.id = ")
    .text(run_id)
    .run(connection)
    .map(drop)
    .map_err(|error| StoreError::from_diesel("noting artifacts", error))
}

impl NewArtifact {
    fn to_json(&self) -> serde_json::Value {
        json!({
            "id": self.id,
            "artifact_type": self.artifact_type,
            "artifact_name": self.artifact_name,
            "format": self.format,
            "size_bytes": i64::try_from(self.size_bytes).unwrap_or(i64::MAX),
            "checksum": self.checksum,
            "content_type": self.content_type,
            "is_primary": self.is_primary,
        })
    }
}

impl ControlPlane {
    /// An artifact by its id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has none of that id, or where the database fails.
    pub fn extract_artifact_get(
        &self,
        tenant: &TenantId,
        artifact_id: &str,
    ) -> Result<ArtifactRecord, StoreError> {
        let is_asked_for = extract_artifacts::id.eq(artifact_id);
        self.connections
            .look(|connection| {
                extract_artifacts::table
                    .filter(is_asked_for.and(extract_artifacts::tenant.eq(tenant.as_str())))
                    .select(ArtifactRecord::as_select())
                    .first(connection)
                    .optional()
                    .map_err(|error| StoreError::from_diesel("reading an artifact", error))
            })?
            .ok_or_else(|| not_found(artifact_id))
    }

    /// Counts one more download of an artifact.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has none of that id, or where the database fails.
    pub fn extract_artifact_count_download(
        &self,
        tenant: &TenantId,
        artifact_id: &str,
    ) -> Result<(), StoreError> {
        let counted = self.connections.write(|connection| {
            diesel::update(extract_artifacts::table)
                .filter(extract_artifacts::id.eq(artifact_id))
                .filter(extract_artifacts::tenant.eq(tenant.as_str()))
                .set(extract_artifacts::download_count.eq(extract_artifacts::download_count + 1))
                .execute(connection)
                .map_err(|error| StoreError::from_diesel("counting a download", error))
        })?;
        if counted > 0 { Ok(()) } else { Err(not_found(artifact_id)) }
    }
}

fn not_found(artifact_id: &str) -> StoreError {
    StoreError::NotFound { what: "artifact", id: artifact_id.to_owned() }
}
