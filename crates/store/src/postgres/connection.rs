//! Opening a connection to a server.

use std::fmt;

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, PgConnection};

/// Where the server is and how to get in: a `postgres://` URL with whatever libpq understands in it. It may hold a
/// password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresAddress(String);

impl PostgresAddress {
    /// Takes a URL as it is.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL, with the password in it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresAddress(…)")
    }
}

/// What every connection of ours relies on, whatever the role's own settings are. The control plane's tables are
/// found by their names; a tenant's transaction looks into its own schema instead.
const SETUP: &str = "SET client_encoding = 'UTF8'; SET timezone = 'UTC'; SET search_path = reinstate, pg_catalog, pg_temp; \
    SET client_min_messages = warning; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
    SET standard_conforming_strings = on;";

/// Opens a connection and sets it up.
pub(crate) fn open(address: &PostgresAddress) -> Result<PgConnection, ConnectionError> {
    let mut connection = PgConnection::establish(address.as_str())?;
    connection.batch_execute(SETUP).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}
