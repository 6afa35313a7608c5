//! One kind of connection for both backends, and the transactions that the planes run on it.
//!
//! What is written once for both goes through [`Database`]; what only one of them can do takes its variant out.

pub(crate) mod failure;
pub(crate) mod kept;
pub(crate) mod pool;
pub(crate) mod sql_types;

use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection, TransactionManager};
use diesel::r2d2::R2D2Connection;
use diesel::{Connection, PgConnection, QueryResult, SqliteConnection};
use reinstate_describe::ddl::Dialect;

use crate::error::StoreError;

/// A connection to either backend.
#[derive(diesel::MultiConnection)]
pub(crate) enum Database {
    /// One file.
    Sqlite(SqliteConnection),
    /// One server.
    Postgres(PgConnection),
}

impl Database {
    /// The SQL that this connection speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs `work` in a transaction that is begun by the statements `begin`; an error takes everything back.
    ///
    /// diesel's own transactions begin with a plain `BEGIN`; ours set more than that in the same round trip.
    pub(crate) fn transaction_begun_by<T, E: From<diesel::result::Error>>(
        &mut self,
        begin: &str,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin(begin)?;
        self.ended_by(work)
    }

    /// Runs `work` in the transaction that [`Database::begin`] began, and ends it; an error takes everything back.
    pub(crate) fn ended_by<T, E: From<diesel::result::Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        match work(self) {
            Ok(done) => {
                <Self as Connection>::TransactionManager::commit_transaction(self)?;
                Ok(done)
            }
            Err(error) => {
                // A connection that cannot even roll back is broken, which its pool sees.
                if let Err(rollback) = <Self as Connection>::TransactionManager::rollback_transaction(self) {
                    tracing::debug!(error = %rollback, "a transaction could not be rolled back");
                }
                Err(error)
            }
        }
    }

    /// Begins a transaction by the statements `begin`, which [`Database::ended_by`] has to end.
    pub(crate) fn begin(&mut self, begin: &str) -> QueryResult<()> {
        let begun = match self {
            Self::Sqlite(connection) => AnsiTransactionManager::begin_transaction_sql(connection, begin),
            Self::Postgres(connection) => AnsiTransactionManager::begin_transaction_sql(connection, begin),
        };
        if begun.is_err()
            && let Self::Postgres(connection) = self
        {
            // The first of several statements may have begun the transaction that a later one broke.
            if let Err(error) = connection.batch_execute("ROLLBACK") {
                tracing::debug!(%error, "a transaction that hardly began could not be rolled back");
            }
        }
        begun
    }

    /// Whether the connection cannot be used any more, as far as is known without asking.
    pub(crate) fn is_broken(&mut self) -> bool {
        match self {
            Self::Sqlite(connection) => connection.is_broken(),
            Self::Postgres(connection) => connection.is_broken(),
        }
    }

    /// Lets all statements go that the connection keeps prepared.
    pub(crate) fn forget_statements(&mut self) -> QueryResult<()> {
        // diesel forgets what it keeps whenever it is told another size.
        for size in [CacheSize::Disabled, CacheSize::Unbounded] {
            self.set_prepared_statement_cache_size(size);
        }
        match self {
            Self::Sqlite(_) => Ok(()),
            // On the server they stay until it is told.
            Self::Postgres(connection) => connection.batch_execute("DEALLOCATE ALL"),
        }
    }

    /// The connection as SQLite's.
    pub(crate) fn sqlite(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        match self {
            Self::Sqlite(connection) => Ok(connection),
            Self::Postgres(_) => Err(StoreError::failed("using the database", "this is not SQLite")),
        }
    }

    /// The connection as PostgreSQL's.
    pub(crate) fn postgres(&mut self) -> Result<&mut PgConnection, StoreError> {
        match self {
            Self::Postgres(connection) => Ok(connection),
            Self::Sqlite(_) => Err(StoreError::failed("using the database", "this is not PostgreSQL")),
        }
    }
}
