//! Opening a connection to a server.

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, PgConnection};

pub use super::address::{PostgresAddress, PostgresAddressError};

/// What every connection of ours relies on, whatever the role's own settings are. The control plane's tables are
/// found by their names; a tenant's transaction looks into its own schema instead.
const SETUP: &str = "SET client_encoding = 'UTF8'; SET timezone = 'UTC'; SET search_path = reinstate, pg_catalog, pg_temp; \
    SET client_min_messages = warning; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
    SET standard_conforming_strings = on;";

/// Opens a connection and sets it up.
pub(crate) fn open(address: &PostgresAddress) -> Result<PgConnection, ConnectionError> {
    let mut connection = PgConnection::establish(address.as_str()).map_err(|error| match error {
        ConnectionError::BadConnection(message) => {
            ConnectionError::BadConnection(address.hidden_in(&message))
        }
        error => error,
    })?;
    connection.batch_execute(SETUP).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}
