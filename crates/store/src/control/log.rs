//! A run's log, written in batches.

use diesel::prelude::*;
use reinstate_engine::{LogLevel, LogPhase};
use serde_json::Value as Json;

use super::json_text::json_text;
use super::schema::restore_logs;
use crate::database::Database;
use crate::database::sql_types::{JsonText, Micros};
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// Rows in one statement: ten values each stay well below SQLite's 32,766 bound values.
const ROWS_PER_STATEMENT: usize = 500;

/// One line of a run's log, ready to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    /// `log_` and a time-ordered id: breaks ties of `created_at`.
    pub id: String,
    /// Severity.
    pub level: LogLevel,
    /// Part of the run.
    pub phase: LogPhase,
    /// The model that it is about.
    pub model_name: Option<String>,
    /// The record that it is about.
    pub record_id: Option<String>,
    /// One sentence.
    pub message: String,
    /// Facts for machines.
    pub detail: Option<Json>,
    /// When, in microseconds; never before an earlier line of the run.
    pub created_at: i64,
}

#[derive(Insertable)]
#[diesel(table_name = restore_logs)]
struct InsertRow<'a> {
    id: &'a str,
    tenant: &'a str,
    run_id: &'a str,
    level: &'static str,
    phase: &'static str,
    model_name: Option<&'a str>,
    record_id: Option<&'a str>,
    message: &'a str,
    detail: Option<JsonText>,
    created_at: Micros,
}

/// Appends lines to a run's log, many a statement.
pub(super) fn append(
    connection: &mut Database,
    tenant: &TenantId,
    run_id: &str,
    rows: &[LogRow],
) -> Result<(), StoreError> {
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let values: Vec<_> = chunk.iter().map(|row| row.to_insert(tenant, run_id)).collect();
        let insert = diesel::insert_into(restore_logs::table).values(values);
        // Many rows in one statement are spelled differently by the two.
        match connection {
            Database::Sqlite(connection) => insert.execute(connection),
            Database::Postgres(connection) => insert.execute(connection),
        }
        .map_err(|error| StoreError::from_diesel("writing a run's log", error))?;
    }
    Ok(())
}

impl LogRow {
    fn to_insert<'a>(&'a self, tenant: &'a TenantId, run_id: &'a str) -> InsertRow<'a> {
        InsertRow {
            id: &self.id,
            tenant: tenant.as_str(),
            run_id,
            level: self.level.as_str(),
            phase: self.phase.as_str(),
            model_name: self.model_name.as_deref(),
            record_id: self.record_id.as_deref(),
            message: &self.message,
            detail: self.detail.as_ref().map(json_text),
            created_at: Micros(self.created_at),
        }
    }
}
