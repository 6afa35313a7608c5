//! Opening a connection to a server.

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, PgConnection, QueryableByName, RunQueryDsl};

pub use super::address::{PostgresAddress, PostgresAddressError};
use crate::database::failure::is_refusal;
use crate::error::StoreError;

/// The oldest version of the server that is supported, as the server numbers them.
const SERVER_VERSION_MIN: i32 = 130_000;

/// What every connection of ours relies on, whatever the role's own settings are. The control plane's tables are
/// found by their names; a tenant's transaction looks into its own schema instead.
const SETUP: &str = "SET client_encoding = 'UTF8'; SET timezone = 'UTC'; SET search_path = reinstate, pg_catalog, pg_temp; \
    SET client_min_messages = warning; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off; \
    SET standard_conforming_strings = on; \
    SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
    WHERE name IN ('lock_timeout', 'transaction_timeout', 'idle_session_timeout');";

/// Opens a connection and sets it up.
pub(crate) fn open(address: &PostgresAddress) -> Result<PgConnection, ConnectionError> {
    let mut connection = PgConnection::establish(&address.connection_url()).map_err(|error| match error {
        ConnectionError::BadConnection(message) => {
            ConnectionError::BadConnection(address.hidden_in(&message))
        }
        error => error,
    })?;
    connection.batch_execute(SETUP).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// What a server says of itself.
#[derive(QueryableByName)]
struct About {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    version: i32,
    #[diesel(sql_type = diesel::sql_types::Text)]
    encoding: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    language: String,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    folds_case: bool,
}

/// Whether the server is there, lets us in, and is one that we can work with. Asks once, without waiting.
///
/// # Errors
/// [`StoreError::Unavailable`] where trying again can help, else [`StoreError::Database`].
pub(crate) fn check(address: &PostgresAddress) -> Result<(), StoreError> {
    const DOING: &str = "opening the database";
    let mut connection = open(address).map_err(|error| {
        let message = error.to_string();
        if is_refusal(&message) {
            StoreError::failed(DOING, message)
        } else {
            StoreError::Unavailable { message }
        }
    })?;
    let question = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version, \
        pg_catalog.current_setting('server_encoding') AS encoding, \
        pg_catalog.current_setting('lc_messages') AS language, \
        EXISTS (SELECT 1 FROM pg_catalog.pg_collation WHERE collname = 'und-x-icu') AS folds_case";
    let about: About = diesel::sql_query(question)
        .get_result(&mut connection)
        .map_err(|error| StoreError::from_diesel(DOING, error))?;
    if !speaks_english(&about.language) {
        tracing::warn!(
            lc_messages = about.language,
            "the server's messages are not in English: failures that pass by themselves may be taken for others; set \
             lc_messages to 'C' for the database or the role"
        );
    }
    let problem = if about.version < SERVER_VERSION_MIN {
        format!("PostgreSQL {} is too old: 13 is the oldest that is supported", about.version / 10_000)
    } else if about.encoding != "UTF8" {
        format!("the database has the encoding {}: UTF8 is needed", about.encoding)
    } else if !about.folds_case {
        "the server was built without ICU, which filters without regard to case need".to_owned()
    } else {
        return Ok(());
    };
    Err(StoreError::failed(DOING, problem))
}

/// Whether the server's words are those by which failures are told apart. An empty setting is the default of whoever
/// started the server, which cannot be known from here.
fn speaks_english(lc_messages: &str) -> bool {
    ["", "C", "POSIX"].contains(&lc_messages)
        || lc_messages.starts_with("C.")
        || lc_messages.starts_with("en")
}

/// What a failure to connect says.
pub(crate) fn told(error: &ConnectionError) -> String {
    match error {
        ConnectionError::BadConnection(message) => message.clone(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_speaks_another_language_is_noticed() {
        assert!(["", "C", "POSIX", "C.UTF-8", "en_US.UTF-8"].into_iter().all(speaks_english));
        assert!(!["de_DE.UTF-8", "fr_FR", "ja_JP.UTF-8"].into_iter().any(speaks_english));
    }
}
