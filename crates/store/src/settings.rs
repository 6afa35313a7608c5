//! Where the data lives and how much of the machine the store may hold on to.

use std::path::PathBuf;
use std::str::FromStr;

pub use crate::postgres::connection::{PostgresAddress, PostgresAddressError};

/// Which database, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite://DIR`: a folder with the control plane's file and one file a tenant.
    Sqlite {
        /// The folder; made where it is missing.
        dir: PathBuf,
    },
    /// `postgres://…`: one database with a schema for the control plane and one a tenant.
    Postgres(PostgresAddress),
}

/// Why a text is no [`DatabaseUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// The text has no scheme, or one that no backend answers to.
    #[error("the database URL must begin with sqlite://, followed by a folder, or with postgres://")]
    Scheme,
    /// The scheme stands alone.
    #[error("the database URL names no folder after sqlite://")]
    Empty,
    /// The URL of a server cannot be taken.
    #[error(transparent)]
    Postgres(#[from] PostgresAddressError),
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(PostgresAddress::new(text)?));
        }
        match text.strip_prefix("sqlite://") {
            None => Err(DatabaseUrlError::Scheme),
            Some("") => Err(DatabaseUrlError::Empty),
            Some(dir) => Ok(Self::Sqlite { dir: dir.into() }),
        }
    }
}

/// The store's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettings {
    /// Which database.
    pub url: DatabaseUrl,
    /// Connections that read the control plane for the API at most. Beside them workers have two to look for runs
    /// with; writers have one on SQLite, and as many again as readers on PostgreSQL, where one more listens for runs.
    /// A process on PostgreSQL thus opens 2 × this + 3 at most, and as many as `tenant_pool_size` for the tenants.
    pub control_pool_size: u32,
    /// On SQLite, connections that read one tenant's data at most, beside one for its writers; on PostgreSQL,
    /// connections of all tenants together. A restore has one of its own.
    pub tenant_pool_size: u32,
    /// Tenants whose connections are kept open at most; the ones used longest ago are closed first.
    pub tenants_open_max: usize,
    /// How long a writer waits for another one before it gives up, in milliseconds.
    pub busy_timeout_ms: u32,
    /// How long a restore waits for other writers of its tenant before it gives up, in milliseconds. Where it exchanges
    /// tables in the end it waits ten times as long for those who look at them, and it and extracts wait sixty times as
    /// long for each other.
    pub target_wait_ms: u32,
    /// A tenant that nobody asked for during this time is closed, in milliseconds.
    pub tenant_idle_ms: u64,
}

impl StoreSettings {
    /// The defaults for a database.
    #[must_use]
    pub fn new(url: DatabaseUrl) -> Self {
        // SQLite reads side by side but on few cores, and has a pool for each tenant; on PostgreSQL the tenants
        // share one.
        let tenant_pool_size = match url {
            DatabaseUrl::Sqlite { .. } => 4,
            DatabaseUrl::Postgres(_) => 16,
        };
        Self {
            url,
            // Reads of runs and logs are short; more connections would only wait for the one writer.
            control_pool_size: 8,
            tenant_pool_size,
            // Four connections and a page cache of 2 MB each: bounded well below what a small machine has.
            tenants_open_max: 64,
            // What the API promises to writers that meet a restore.
            busy_timeout_ms: 5_000,
            // API writers hold the lock for milliseconds; a minute means that something is stuck.
            target_wait_ms: 60_000,
            tenant_idle_ms: 60_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_url_takes_a_folder_after_the_scheme() {
        assert_eq!("sqlite://./data".parse(), Ok(DatabaseUrl::Sqlite { dir: "./data".into() }));
        assert_eq!("sqlite:///var/lib".parse(), Ok(DatabaseUrl::Sqlite { dir: "/var/lib".into() }));
        assert_eq!("sqlite://".parse::<DatabaseUrl>(), Err(DatabaseUrlError::Empty));
        assert_eq!("mysql://x".parse::<DatabaseUrl>(), Err(DatabaseUrlError::Scheme));
    }
}
