//! The platform's own tables as the Data API shows them: read like any model's, written by nobody from there.
//!
//! Columns that are the store's own business (tenant, leases, the caller) are not part of these models, and so
//! can be neither selected nor filtered by.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use reinstate_describe::{
    Caller, Field, FieldType, FilterFault, Layout, ListQuery, Model, ModelStatus, Name, Trashed,
};

use super::ControlPlane;
use crate::database::Database;
use crate::error::StoreError;
use crate::query::{self, Only, RecordPage, TableRef};
use crate::tenant_id::TenantId;

/// The models of the platform that are kept here.
pub const SYSTEM_MODELS: [&str; 6] =
    ["restores", "restore_runs", "restore_logs", "extracts", "extract_runs", "extract_artifacts"];

/// Their fields, in the same order.
const SYSTEM_FIELDS: [&[(&str, FieldType)]; 6] =
    [RESTORES, RESTORE_RUNS, RESTORE_LOGS, EXTRACTS, EXTRACT_RUNS, EXTRACT_ARTIFACTS];

const RESTORES: &[(&str, FieldType)] = &[
    ("name", FieldType::Text),
    ("description", FieldType::Text),
    ("source_type", FieldType::Text),
    ("source_ref", FieldType::Text),
    ("conflict_strategy", FieldType::Text),
    ("include", FieldType::TextArray),
    ("models", FieldType::TextArray),
    ("create_models", FieldType::Boolean),
    ("enabled", FieldType::Boolean),
    ("last_run_id", FieldType::Text),
    ("last_run_at", FieldType::Timestamp),
    ("total_runs", FieldType::Integer),
    ("successful_runs", FieldType::Integer),
    ("failed_runs", FieldType::Integer),
    ("created_by", FieldType::Text),
];

const RESTORE_RUNS: &[(&str, FieldType)] = &[
    ("restore_id", FieldType::Text),
    ("restore_name", FieldType::Text),
    ("status", FieldType::Text),
    ("progress", FieldType::Integer),
    ("progress_detail", FieldType::Jsonb),
    ("started_at", FieldType::Timestamp),
    ("completed_at", FieldType::Timestamp),
    ("records_imported", FieldType::Integer),
    ("records_updated", FieldType::Integer),
    ("records_skipped", FieldType::Integer),
    ("records_deleted", FieldType::Integer),
    ("records_failed", FieldType::Integer),
    ("models_created", FieldType::Integer),
    ("fields_created", FieldType::Integer),
    ("duration_seconds", FieldType::Integer),
    ("duration_ms", FieldType::Integer),
    ("config_snapshot", FieldType::Jsonb),
    ("attempt", FieldType::Integer),
    ("error", FieldType::Text),
    ("error_detail", FieldType::Text),
    ("executed_by", FieldType::Text),
];

const RESTORE_LOGS: &[(&str, FieldType)] = &[
    ("run_id", FieldType::Text),
    ("level", FieldType::Text),
    ("phase", FieldType::Text),
    ("model_name", FieldType::Text),
    ("record_id", FieldType::Text),
    ("message", FieldType::Text),
    ("detail", FieldType::Jsonb),
];

const EXTRACTS: &[(&str, FieldType)] = &[
    ("name", FieldType::Text),
    ("description", FieldType::Text),
    ("format", FieldType::Text),
    ("include", FieldType::TextArray),
    ("models", FieldType::TextArray),
    ("filter", FieldType::Jsonb),
    ("retention_days", FieldType::Integer),
    ("enabled", FieldType::Boolean),
    ("last_run_id", FieldType::Text),
    ("last_run_at", FieldType::Timestamp),
    ("total_runs", FieldType::Integer),
    ("successful_runs", FieldType::Integer),
    ("failed_runs", FieldType::Integer),
    ("created_by", FieldType::Text),
];

const EXTRACT_RUNS: &[(&str, FieldType)] = &[
    ("extract_id", FieldType::Text),
    ("extract_name", FieldType::Text),
    ("status", FieldType::Text),
    ("progress", FieldType::Integer),
    ("progress_detail", FieldType::Jsonb),
    ("started_at", FieldType::Timestamp),
    ("completed_at", FieldType::Timestamp),
    ("records_exported", FieldType::Integer),
    ("models_exported", FieldType::Integer),
    ("artifacts_created", FieldType::Integer),
    ("total_size_bytes", FieldType::Integer),
    ("duration_seconds", FieldType::Integer),
    ("duration_ms", FieldType::Integer),
    ("config_snapshot", FieldType::Jsonb),
    ("attempt", FieldType::Integer),
    ("error", FieldType::Text),
    ("error_detail", FieldType::Text),
    ("executed_by", FieldType::Text),
    ("expires_at", FieldType::Timestamp),
];

const EXTRACT_ARTIFACTS: &[(&str, FieldType)] = &[
    ("run_id", FieldType::Text),
    ("extract_id", FieldType::Text),
    ("artifact_type", FieldType::Text),
    ("artifact_name", FieldType::Text),
    ("format", FieldType::Text),
    ("size_bytes", FieldType::Integer),
    ("checksum", FieldType::Text),
    ("content_type", FieldType::Text),
    ("is_primary", FieldType::Boolean),
    ("download_count", FieldType::Integer),
    ("expires_at", FieldType::Timestamp),
];

impl ControlPlane {
    /// The layout of a model of the platform; `None` for any other name. Names are compared without case.
    #[must_use]
    pub fn system_layout(model: &str) -> Option<Arc<Layout>> {
        system_table(model).map(|table| Arc::clone(&table.layout))
    }

    /// Lists records of a model of the platform that belong to the tenant. `query` makes the request from the
    /// model's layout.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::Filter`], or where the database fails.
    pub fn system_list(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        model: &str,
        query: impl FnOnce(&Layout) -> Result<ListQuery, FilterFault>,
    ) -> Result<RecordPage, StoreError> {
        let table = known(model)?;
        let query = query(&table.layout)?;
        let list = |connection: &mut Database| {
            query::list(connection, table.of_tenant(tenant), &table.layout, Some(caller), &query)
        };
        // A page is one statement; only with a total are there two, which have to see one state.
        if query.count { self.connections.read(list) } else { self.connections.look(list) }
    }

    /// A record of a model of the platform that belongs to the tenant, as the text of a JSON object.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`]; [`StoreError::NotFound`] where the tenant has none of that id, or where
    /// the database fails.
    pub fn system_get(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        model: &str,
        id: &str,
        trashed: Trashed,
    ) -> Result<String, StoreError> {
        let table = known(model)?;
        let (of_tenant, layout) = (table.of_tenant(tenant), &table.layout);
        let get =
            |connection: &mut Database| query::get(connection, of_tenant, layout, Some(caller), id, trashed);
        let found = if model == "restore_runs" {
            self.look_settled(tenant, id, get)?
        } else {
            self.connections.look(get)?
        };
        found.ok_or_else(|| StoreError::record_not_found(id))
    }

    /// Records of a model of the platform that belong to the tenant, in the order of `ids`, read at once.
    ///
    /// # Errors
    /// As [`ControlPlane::system_get`], where one of them is missing.
    pub fn system_get_many(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        model: &str,
        ids: &[&str],
        trashed: Trashed,
    ) -> Result<Vec<String>, StoreError> {
        let table = known(model)?;
        let (of_tenant, layout) = (table.of_tenant(tenant), &table.layout);
        let found = self.connections.look(|connection| {
            query::by_ids(connection, of_tenant, layout, (ids, trashed), Some(caller), None)
        })?;
        ids.iter()
            .map(|id| found.get(*id).cloned().ok_or_else(|| StoreError::record_not_found(*id)))
            .collect()
    }
}

/// A static table with the model that it is shown as.
#[derive(Debug)]
struct SystemTable {
    /// The table's name, quoted.
    quoted: String,
    layout: Arc<Layout>,
}

impl SystemTable {
    fn of_tenant<'a>(&'a self, tenant: &'a TenantId) -> TableRef<'a> {
        TableRef { table: &self.quoted, only: Some(Only { column: "\"tenant\"", value: tenant.as_str() }) }
    }
}

fn known(model: &str) -> Result<&'static SystemTable, StoreError> {
    system_table(model).ok_or_else(|| StoreError::ModelNotFound { model: model.to_owned() })
}

fn system_table(model: &str) -> Option<&'static SystemTable> {
    static TABLES: OnceLock<HashMap<Name, SystemTable>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        SYSTEM_MODELS.iter().zip(SYSTEM_FIELDS).filter_map(|(name, fields)| table(name, fields)).collect()
    });
    tables.get(&Name::new(model).ok()?)
}

/// Skips what is no name; a test holds that nothing is skipped.
fn table(name: &str, fields: &[(&str, FieldType)]) -> Option<(Name, SystemTable)> {
    let name = Name::new(name).ok()?;
    let fields = fields.iter().filter_map(|(field, field_type)| {
        let field = Field::new(Name::new(field).ok()?, *field_type);
        Some((field.name.clone(), field))
    });
    let mut model = Model::new(name.clone());
    model.status = ModelStatus::System;
    model.fields = fields.collect();
    let quoted = format!("\"{name}\"");
    Some((name, SystemTable { quoted, layout: Arc::new(Layout::new(model)) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIDDEN: [&str; 10] = [
        "tenant",
        "seq",
        "fence",
        "lease_owner",
        "caller",
        "committing",
        "not_before",
        "object_key",
        "archive_checksum",
        "is_restricted",
    ];

    #[test]
    fn every_listed_column_is_part_of_its_layout() {
        for (name, fields) in SYSTEM_MODELS.iter().zip(SYSTEM_FIELDS) {
            let layout = ControlPlane::system_layout(name).unwrap();
            assert_eq!(layout.len(), reinstate_describe::system::SYSTEM_COLUMNS.len() + fields.len());
        }
    }

    #[test]
    fn columns_of_the_store_are_in_no_layout() {
        for name in SYSTEM_MODELS {
            let layout = ControlPlane::system_layout(name).unwrap();
            for hidden in HIDDEN {
                assert_eq!(layout.position(hidden), None, "{name}.{hidden}");
            }
        }
    }
}
