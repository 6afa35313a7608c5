//! The schema of a tenant: its name, its beginnings, and how a transaction gets into it.

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use uuid::Uuid;

use crate::database::Database;
use crate::error::StoreError;
use crate::statement::Statement;
use crate::tenant::migration_failed;
use crate::tenant_id::TenantId;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/tenant/postgres");

/// Longest name of anything in PostgreSQL, in bytes; what is longer is cut without a word.
const NAME_BYTES_MAX: usize = 63;

/// Bytes of a long tenant name that its schema shows.
const SHOWN_BYTES: usize = 28;

/// How long a writer waits for a lock before it takes its transaction back and begins again, in milliseconds.
/// Shorter than [`RUN_LOCK_WAIT_MS`]: a writer that waits for a run's model lets go of the catalog before the run
/// gives up waiting for that.
const WRITER_LOCK_WAIT_MS: u32 = 100;

/// How long a run waits for a lock that keeps others out, in milliseconds, before it lets those go on who queued
/// up behind it and tries again.
pub(crate) const RUN_LOCK_WAIT_MS: u32 = 200;

/// The schema of a tenant: the one place where a tenant's name becomes a name in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema {
    name: String,
}

impl Schema {
    /// The schema of a tenant. A prefix keeps it apart from schemas that are not ours; a name that is too long
    /// with it is cut and told apart by a hash.
    pub(crate) fn of(tenant: &TenantId) -> Self {
        let plain = format!("t_{tenant}");
        let name = if plain.len() <= NAME_BYTES_MAX {
            plain
        } else {
            let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, tenant.as_str().as_bytes());
            let shown: String = tenant.as_str().chars().take(SHOWN_BYTES).collect();
            format!("h_{shown}_{}", hash.simple())
        };
        Self { name }
    }

    /// The number of the advisory lock that the one run holds which works in the tenant.
    pub(crate) fn run_lock(&self) -> i64 {
        self.lock("run in")
    }

    /// The number of the advisory lock that extracts share while they read, and that a run takes before it exchanges
    /// tables. A run that waits for it holds up extracts that come later, and nobody else.
    pub(crate) fn extract_lock(&self) -> i64 {
        self.lock("extract from")
    }

    fn lock(&self, purpose: &str) -> i64 {
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{purpose} {}", self.name).as_bytes());
        let (high, _) = hash.as_u64_pair();
        high.cast_signed()
    }

    /// The setting under which a tenant's tables are found by their bare names: before those of the server, so
    /// that a model may be called like one of them.
    pub(crate) fn search_path(&self) -> String {
        format!("SET LOCAL search_path TO \"{}\", pg_catalog, pg_temp", self.name)
    }

    /// A table with its schema. `table` is quoted.
    pub(crate) fn qualified(&self, table: &str) -> String {
        format!("\"{}\".{table}", self.name)
    }

    /// Begins a transaction that reads one state. The lock comes before the first look: a table that a run
    /// exchanged in between would be empty to an older one.
    pub(crate) fn begin_read(&self, wait_ms: u32) -> String {
        format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {}; SET LOCAL lock_timeout = {wait_ms}; {CATALOG_SHARED}",
            self.search_path()
        )
    }

    /// Takes the lock of extracts for the rest of the session. `wait_ms`: how long to wait for a run that waits for
    /// earlier extracts, in milliseconds.
    ///
    /// It comes before the transaction, because asking for it is a look: the first look of a transaction that reads has
    /// to come after the lock that [`Schema::begin_extract`] takes.
    pub(crate) fn extract_enter(&self, wait_ms: u32) -> String {
        let key = self.extract_lock();
        format!("SET lock_timeout = {wait_ms}; SELECT pg_catalog.pg_advisory_lock_shared({key})")
    }

    /// Begins a long transaction that reads one state, which is that of this moment.
    pub(crate) fn begin_extract(&self, wait_ms: u32) -> String {
        format!("{}; SELECT 1", self.begin_read(wait_ms))
    }

    /// Begins a transaction that writes records.
    pub(crate) fn begin_write(&self) -> String {
        format!(
            "BEGIN; {}; SET LOCAL lock_timeout = {WRITER_LOCK_WAIT_MS}; {CATALOG_SHARED}",
            self.search_path()
        )
    }

    /// Begins a transaction that changes definitions: it has the tenant to itself.
    pub(crate) fn begin_define(&self) -> String {
        format!(
            "BEGIN; {}; SET LOCAL lock_timeout = {WRITER_LOCK_WAIT_MS}; {CATALOG_DEFINER}; {CATALOG_ALONE}",
            self.search_path()
        )
    }

    /// Whether the tenant was ever opened.
    pub(crate) fn exists(&self, connection: &mut Database) -> Result<bool, StoreError> {
        let mut statement = Statement::once("SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = ");
        let count = statement.text(self.name.as_str()).number(connection);
        count.map(|count| count > 0).map_err(|error| StoreError::from_diesel("looking for a tenant", error))
    }

    /// Makes the schema and brings its tables up to date. `wait_ms`: how long to wait for another process that is
    /// at it, in milliseconds.
    ///
    /// A tenant that is up to date, as nearly every one is, costs one question: the schema's comment says which
    /// form its tables have.
    pub(crate) fn migrate(&self, connection: &mut Database, wait_ms: u32) -> Result<(), StoreError> {
        let newest = newest_form().map_err(|error| migration_failed(&error.to_string()))?;
        if self.form(connection)?.is_some_and(|form| form == newest) {
            return Ok(());
        }
        // One process at a time a tenant; whoever comes second finds nothing left to do.
        let begin = format!(
            "BEGIN; SET LOCAL lock_timeout = {wait_ms}; \
             SELECT pg_catalog.pg_advisory_xact_lock({MIGRATION_LOCK}, pg_catalog.hashtext('{name}')); \
             CREATE SCHEMA IF NOT EXISTS \"{name}\"; {path}",
            name = self.name,
            path = self.search_path()
        );
        connection.transaction_begun_by(&begin, |connection| {
            let migrated = connection.postgres()?.run_pending_migrations(MIGRATIONS).map(drop);
            migrated.map_err(|error| migration_failed(&error.to_string()))?;
            // A newer program may have been here; its form stays.
            if self.form(connection)?.is_none_or(|form| form < newest) {
                let sql = format!("COMMENT ON SCHEMA \"{}\" IS '{newest}'", self.name);
                let noted = connection.postgres()?.batch_execute(&sql);
                noted.map_err(|error| StoreError::from_diesel("noting the form of a tenant", error))?;
            }
            Ok(())
        })
    }

    /// The form that the schema's tables have, where it is there and its making came to an end.
    fn form(&self, connection: &mut Database) -> Result<Option<String>, StoreError> {
        let mut statement = Statement::once(
            "SELECT pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = ",
        );
        let rows = statement.text(self.name.as_str()).rows(connection);
        let rows = rows.map_err(|error| StoreError::from_diesel("looking at a tenant", error))?;
        Ok(rows.first().and_then(|row| row.text(0)).map(str::to_owned))
    }
}

/// What a schema's comment says when its tables are up to date. Forms sort as they followed each other.
fn newest_form() -> diesel::migration::Result<String> {
    let migrations = MigrationSource::<diesel::pg::Pg>::migrations(&MIGRATIONS)?;
    let newest = migrations.iter().map(|migration| migration.name().version().to_string()).max();
    Ok(format!("reinstate tenant, form {}", newest.unwrap_or_default()))
}

/// The first number of the advisory locks under which one process at a time makes and migrates a tenant; the second
/// one is made of the schema's name.
const MIGRATION_LOCK: i32 = 0x7265_696e;

/// Keeps tables from being exchanged while they are read or written.
pub(crate) const CATALOG_SHARED: &str = "LOCK TABLE \"$catalog\" IN ACCESS SHARE MODE";

/// Keeps others from changing definitions; readers and writers of records do not notice.
pub(crate) const CATALOG_DEFINER: &str = "LOCK TABLE \"$catalog\" IN SHARE UPDATE EXCLUSIVE MODE";

/// Keeps everybody else out of the tenant.
pub(crate) const CATALOG_ALONE: &str = "LOCK TABLE \"$catalog\" IN ACCESS EXCLUSIVE MODE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tenant_has_a_schema_whose_name_fits() {
        let tenant = |text: &str| TenantId::new(text).unwrap();
        assert_eq!(Schema::of(&tenant("acme-1")).name, "t_acme-1");
        let (a, b) = ("a".repeat(62), "a".repeat(63));
        let (a, b) = (Schema::of(&tenant(&a)), Schema::of(&tenant(&b)));
        assert_ne!(a, b);
        assert!(a.name.starts_with("h_") && a.name.len() == NAME_BYTES_MAX && b.name.len() == NAME_BYTES_MAX);
    }
}
