//! Opening a database file: the pragmas in the order in which they count, and what we add to the SQL.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, ConnectionResult, QueryResult, SqliteConnection};
use reinstate_describe::value::decimal;

use super::{functions, row_table};

/// The collation that compares decimals in canonical text by their value.
pub(crate) const DECIMAL_COLLATION: &str = "reinstate_decimal";

/// Pages of 16 KB: measured 1.6 to 2 times faster for bulk inserts than the default 4 KB.
const PAGE_BYTES: u32 = 16_384;

/// Page cache of an ordinary connection, in KiB: API queries touch few pages.
pub(crate) const CACHE_KIB: u32 = 1_024;

/// Page cache of a restore's connection, in KiB: inner pages and indexes stay in memory, and the process
/// stays below its 64 MiB.
pub(crate) const RESTORE_CACHE_KIB: u32 = 24 * 1_024;

/// Page cache of an extract's connection, in KiB: records are read in the order of ids, and pages that hold some
/// of many places of that order come again. With a restore beside it the process stays below its 64 MiB.
pub(crate) const EXTRACT_CACHE_KIB: u32 = 8 * 1_024;

/// What a write-ahead log is cut back to once its content is in the database: a large restore must not leave
/// its size behind.
const JOURNAL_BYTES_MAX: u32 = 64 * 1_024 * 1_024;

/// Opens a database file, making it where it is missing.
pub(crate) fn open(path: &Path, busy_timeout_ms: u32, cache_kib: u32) -> ConnectionResult<SqliteConnection> {
    let path = path.to_str().ok_or_else(|| {
        ConnectionError::InvalidConnectionUrl("the path of the database is not UTF-8".to_owned())
    })?;
    row_table::install();
    let mut connection = SqliteConnection::establish(path)?;
    prepare(&mut connection, busy_timeout_ms, cache_kib)
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Sets a fresh connection up.
pub(crate) fn prepare(
    connection: &mut SqliteConnection,
    busy_timeout_ms: u32,
    cache_kib: u32,
) -> QueryResult<()> {
    // The time-out comes first, so that the change to WAL waits for its turn; the page size before WAL,
    // because it cannot be changed afterwards.
    connection.batch_execute(&format!(
        "PRAGMA busy_timeout = {busy_timeout_ms};
         PRAGMA page_size = {PAGE_BYTES};
         PRAGMA journal_mode = WAL;
         PRAGMA journal_size_limit = {JOURNAL_BYTES_MAX};
         PRAGMA synchronous = NORMAL;
         PRAGMA foreign_keys = OFF;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = FILE;
         PRAGMA cache_size = -{cache_kib};"
    ))?;
    // diesel hands the right side over first.
    connection.register_collation(DECIMAL_COLLATION, |right, left| decimal::compare(left, right))?;
    functions::register(connection)
}
