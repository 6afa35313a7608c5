//! The open tenants of a store: whose connections and definitions are kept, and whose are let go again.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Tenant;
use super::home::TenantHome;
use crate::database::pool::{Pool, ThreadPool};
use crate::error::StoreError;
use crate::settings::{PostgresAddress, StoreSettings};
use crate::tenant_id::TenantId;

/// The tenants of one store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tenants {
    shared: Arc<Shared>,
}

/// Where the tenants live.
#[derive(Debug)]
pub(crate) enum Homes {
    /// A file each in a folder.
    Files(PathBuf),
    /// A schema each in one database. All of them share a pool: connections are dear, and many tenants are quiet.
    Schemas {
        /// The server.
        address: PostgresAddress,
        /// The connections of all tenants.
        pool: Pool,
    },
}

struct Shared {
    homes: Homes,
    settings: StoreSettings,
    threads: ThreadPool,
    open: Mutex<HashMap<TenantId, Open>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("homes", &self.homes).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Open {
    home: Arc<TenantHome>,
    used: Instant,
}

impl Tenants {
    pub(crate) fn new(homes: Homes, settings: &StoreSettings, threads: ThreadPool) -> Self {
        let shared = Shared { homes, settings: settings.clone(), threads, open: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Opens a tenant, making its file or schema on first use.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where it is locked for too long, else [`StoreError::Database`].
    pub fn open(&self, tenant: &TenantId) -> Result<Tenant, StoreError> {
        let home = self.home(tenant);
        home.migrate()?;
        Ok(Tenant { home })
    }

    /// Whether the tenant was ever opened.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn exists(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        self.home(tenant).exists()
    }

    /// Whether the place of the tenants' data is there.
    ///
    /// # Errors
    /// [`StoreError::Database`] where the folder is not. On PostgreSQL the control plane's sign of life is the tenants'
    /// too: they are in the same database.
    pub fn ping(&self) -> Result<(), StoreError> {
        match &self.shared.homes {
            Homes::Files(dir) if dir.is_dir() => Ok(()),
            Homes::Files(_) => Err(StoreError::failed("looking for the tenants' folder", "it is not there")),
            Homes::Schemas { .. } => Ok(()),
        }
    }

    /// Connections to tenants' data that are open, and those of them that are idle. On SQLite, those of all
    /// tenants that are open.
    #[must_use]
    pub fn pool_state(&self) -> (u32, u32) {
        match &self.shared.homes {
            Homes::Files(_) => {
                let open = lock(&self.shared.open);
                open.values()
                    .map(|entry| entry.home.pool_state())
                    .fold((0, 0), |sum, state| (sum.0 + state.0, sum.1 + state.1))
            }
            Homes::Schemas { pool, .. } => pool.state(),
        }
    }

    fn home(&self, tenant: &TenantId) -> Arc<TenantHome> {
        let now = Instant::now();
        let mut open = lock(&self.shared.open);
        let home = match open.get_mut(tenant) {
            Some(entry) => {
                entry.used = now;
                Arc::clone(&entry.home)
            }
            None => {
                let home = Arc::new(self.make(tenant));
                open.insert(tenant.clone(), Open { home: Arc::clone(&home), used: now });
                home
            }
        };
        let closed = self.take_surplus(&mut open, now);
        drop(open);
        // Closing a file may write its log back: not while others wait for the map.
        drop(closed);
        home
    }

    fn make(&self, tenant: &TenantId) -> TenantHome {
        let Shared { homes, settings, threads, .. } = &*self.shared;
        match homes {
            // A [`TenantId`] holds neither a dot nor a slash, so this stays inside the folder.
            Homes::Files(dir) => TenantHome::in_file(dir.join(format!("{tenant}.db")), settings, threads),
            Homes::Schemas { address, pool } => TenantHome::in_schema(tenant, address, pool, settings),
        }
    }

    /// Takes out what is idle for too long, and beyond the bound what was used longest ago. Whoever still works
    /// with a tenant keeps it open until it is done.
    fn take_surplus(&self, open: &mut HashMap<TenantId, Open>, now: Instant) -> Vec<Arc<TenantHome>> {
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
        leaving.filter_map(|(_, (_, tenant))| open.remove(&tenant)).map(|entry| entry.home).collect()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these locks guard is replaced whole; a panic elsewhere cannot leave half of it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
