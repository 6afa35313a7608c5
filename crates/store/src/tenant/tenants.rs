//! The open tenants of a store: which files are open, and which are closed again.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::SqliteConnection;
use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::Tenant;
use super::catalog::SnapshotCache;
use crate::error::{StoreError, is_busy_message};
use crate::settings::StoreSettings;
use crate::sqlite::{Pool, PooledConnection, ThreadPool, pool};
use crate::tenant_id::TenantId;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/tenant/sqlite");

/// The tenants of one store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tenants {
    shared: Arc<Shared>,
}

struct Shared {
    dir: PathBuf,
    settings: StoreSettings,
    threads: ThreadPool,
    open: Mutex<HashMap<TenantId, Open>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("dir", &self.dir).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Open {
    file: Arc<TenantFile>,
    used: Instant,
}

/// One tenant's file with its connections.
#[derive(Debug)]
pub(super) struct TenantFile {
    pub(super) path: PathBuf,
    pub(super) target_wait_ms: u32,
    pub(super) snapshots: SnapshotCache,
    busy_timeout: Duration,
    readers: Pool,
    /// One connection: SQLite has one writer at a time, and those who wait for it must not keep connections
    /// from readers.
    writer: Pool,
    /// Whether the file has its newest form; held while it is being brought there.
    migrated: Mutex<bool>,
}

impl Tenants {
    pub(crate) fn new(dir: PathBuf, settings: &StoreSettings, threads: ThreadPool) -> Self {
        let shared = Shared { dir, settings: settings.clone(), threads, open: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Opens a tenant, making its file on first use.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where its file is locked for too long, else [`StoreError::Database`].
    pub fn open(&self, tenant: &TenantId) -> Result<Tenant, StoreError> {
        let file = self.file(tenant)?;
        file.migrate()?;
        Ok(Tenant { file })
    }

    /// Whether the tenant was ever opened.
    #[must_use]
    pub fn exists(&self, tenant: &TenantId) -> bool {
        self.path(tenant).is_file()
    }

    /// Whether the folder of the tenants' files is there.
    ///
    /// # Errors
    /// [`StoreError::Database`] where it is not.
    pub fn ping(&self) -> Result<(), StoreError> {
        if self.shared.dir.is_dir() {
            Ok(())
        } else {
            Err(StoreError::failed("looking for the tenants' folder", "it is not there"))
        }
    }

    /// The tenant's file. A [`TenantId`] holds neither a dot nor a slash, so this stays inside the folder.
    fn path(&self, tenant: &TenantId) -> PathBuf {
        self.shared.dir.join(format!("{tenant}.db"))
    }

    fn file(&self, tenant: &TenantId) -> Result<Arc<TenantFile>, StoreError> {
        let now = Instant::now();
        let mut open = lock(&self.shared.open);
        let file = match open.get_mut(tenant) {
            Some(entry) => {
                entry.used = now;
                Arc::clone(&entry.file)
            }
            None => {
                let file = Arc::new(self.make(tenant)?);
                open.insert(tenant.clone(), Open { file: Arc::clone(&file), used: now });
                file
            }
        };
        let closed = self.take_surplus(&mut open, now);
        drop(open);
        // Closing a file may write its log back: not while others wait for the map.
        drop(closed);
        Ok(file)
    }

    fn make(&self, tenant: &TenantId) -> Result<TenantFile, StoreError> {
        let settings = &self.shared.settings;
        let path = self.path(tenant);
        let open = |size| pool::open(&path, size, settings.busy_timeout_ms, &self.shared.threads);
        let (readers, writer) = (open(settings.tenant_pool_size)?, open(1)?);
        Ok(TenantFile {
            path,
            target_wait_ms: settings.target_wait_ms,
            snapshots: SnapshotCache::default(),
            busy_timeout: Duration::from_millis(u64::from(settings.busy_timeout_ms)),
            readers,
            writer,
            migrated: Mutex::new(false),
        })
    }

    /// Takes out what is idle for too long, and beyond the bound what was used longest ago. Whoever still works
    /// with a tenant keeps it open until it is done.
    fn take_surplus(&self, open: &mut HashMap<TenantId, Open>, now: Instant) -> Vec<Arc<TenantFile>> {
        let settings = &self.shared.settings;
        let idle_max = Duration::from_millis(settings.tenant_idle_ms);
        let is_idle = |used: &Instant| now.saturating_duration_since(*used) > idle_max;
        let surplus = open.len().saturating_sub(settings.tenants_open_max.max(1));
        if surplus == 0 && !open.values().any(|entry| is_idle(&entry.used)) {
            return Vec::new();
        }
        let mut by_age: Vec<_> = open.iter().map(|(tenant, entry)| (entry.used, tenant.clone())).collect();
        by_age.sort_unstable();
        let leaving =
            by_age.into_iter().enumerate().filter(|(rank, (used, _))| *rank < surplus || is_idle(used));
        leaving.filter_map(|(_, (_, tenant))| open.remove(&tenant)).map(|entry| entry.file).collect()
    }
}

impl TenantFile {
    /// A connection for one call that reads.
    pub(super) fn reader(&self) -> Result<PooledConnection, StoreError> {
        pool::get(&self.readers)
    }

    /// The connection for one call that writes. Waiting for it and waiting for the write lock together take no
    /// longer than the store's `busy_timeout_ms`.
    pub(super) fn writer(&self) -> Result<PooledConnection, StoreError> {
        let start = Instant::now();
        let mut connection = pool::get_timeout(&self.writer, self.busy_timeout)?;
        let left = self.busy_timeout.saturating_sub(start.elapsed());
        connection
            .batch_execute(&format!("PRAGMA busy_timeout = {}", left.as_millis()))
            .map_err(|error| StoreError::from_diesel("preparing to write", error))?;
        Ok(connection)
    }

    fn migrate(&self) -> Result<(), StoreError> {
        let mut migrated = lock(&self.migrated);
        if !*migrated {
            migrate(&mut *self.writer()?)?;
            *migrated = true;
        }
        Ok(())
    }
}

/// Brings a tenant's file to its newest form, whole or not at all.
fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    // Reading comes first: a tenant that is up to date can be opened while a restore holds the write lock.
    let is_current = |connection: &mut SqliteConnection| Ok(!connection.has_pending_migration(MIGRATIONS)?);
    let run = |connection: &mut SqliteConnection| {
        // Another process may have been faster; under the write lock the answer stays true.
        connection.run_pending_migrations(MIGRATIONS).map(drop)
    };
    let outcome: Result<(), Box<dyn std::error::Error + Send + Sync>> = match is_current(connection) {
        Ok(true) => Ok(()),
        Ok(false) => connection.immediate_transaction(run),
        Err(error) => Err(error),
    };
    outcome.map_err(|error| {
        let message = error.to_string();
        if is_busy_message(&message) {
            StoreError::Unavailable { message }
        } else {
            StoreError::failed("migrating a tenant's data", message)
        }
    })
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these locks guard is replaced whole; a panic elsewhere cannot leave half of it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
