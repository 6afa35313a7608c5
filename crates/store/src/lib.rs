//! Where everything is kept: the control plane and the tenants' data. The only crate that knows SQL.
//!
//! Two planes. On SQLite they are two kinds of files: `DIR/control.db` holds restores, runs and logs and stays
//! readable and writable while a restore holds a tenant's file; `DIR/tenants/TENANT.db` holds one tenant's models
//! and records. On PostgreSQL they are schemas of one database: `reinstate`, and one a tenant. Every call blocks: callers on an async runtime move it to a blocking thread.

pub mod control;
pub(crate) mod database;
pub mod error;
pub(crate) mod postgres;
pub mod query;
pub(crate) mod row;
pub mod settings;
pub(crate) mod sqlite;
pub(crate) mod statement;
pub mod tenant;
pub mod tenant_id;

use std::path::Path;

pub use control::ControlPlane;
pub use error::StoreError;
pub use query::RecordPage;
pub use settings::{DatabaseUrl, DatabaseUrlError, PostgresAddress, PostgresAddressError, StoreSettings};
pub use tenant::{RunToken, Tenant, Tenants};
pub use tenant_id::{TenantId, TenantIdError};

use database::pool::{self, Place, TRUSTED_FOR};
use tenant::Homes;

/// Both planes; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    /// Restores, runs, logs, the queue.
    pub control: ControlPlane,
    /// The tenants' models and records.
    pub tenants: Tenants,
}

impl Store {
    /// Opens the store: makes its folders and files where they are missing and brings the control plane to its
    /// newest form. A tenant's file is migrated when it is first opened.
    ///
    /// # Errors
    /// [`StoreError::Database`] where a folder cannot be made or a file cannot be opened, or where the server refuses
    /// us; [`StoreError::Unavailable`] where the server is not there, which is found out without waiting for it.
    pub fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        let threads = pool::threads();
        let (control, tenants) = match &settings.url {
            DatabaseUrl::Sqlite { dir } => {
                let tenants_dir = dir.join("tenants");
                make_dir(&tenants_dir)?;
                let (path, busy_timeout_ms) = (dir.join("control.db"), settings.busy_timeout_ms);
                (Place::File { path, busy_timeout_ms, durable: false }, Homes::Files(tenants_dir))
            }
            DatabaseUrl::Postgres(address) => {
                postgres::connection::check(address)?;
                let place = |lock_timeout_ms| Place::Server { address: address.clone(), lock_timeout_ms };
                let wait_ms = settings.busy_timeout_ms;
                let pool =
                    pool::open(place(wait_ms), settings.tenant_pool_size, wait_ms, TRUSTED_FOR, &threads);
                (place(0), Homes::Schemas { address: address.clone(), pool })
            }
        };
        let control = ControlPlane::open(control, settings, &threads)?;
        let tenants = Tenants::new(tenants, settings, threads);
        Ok(Self { control, tenants })
    }

    /// Whether the store can be used now: its folders are there and the control plane answers.
    ///
    /// # Errors
    /// Where it cannot.
    pub fn ping(&self) -> Result<(), StoreError> {
        self.control.ping()?;
        self.tenants.ping()
    }
}

fn make_dir(dir: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(dir)
        .map_err(|error| StoreError::failed("making the data folder", format!("{}: {error}", dir.display())))
}
