//! What the database itself can do one row at a time: values ready in memory, one prepared `INSERT`, one transaction,
//! a write-ahead log, pages of 4 KB. Once with settings as good as a restore's, once with SQLite's own.
//!
//! The one module here with `unsafe`: SQLite's C interface, with nothing in between that could slow it. Every pointer
//! passed to it is checked for null first or comes from a value that outlives the call; texts are bound by pointer
//! with their length and live in `rows` until the statement has been stepped and reset.
#![allow(unsafe_code)]

use std::error::Error;
use std::ffi::{CStr, CString, c_int};
use std::path::Path;
use std::ptr;
use std::time::Instant;

use libsqlite3_sys as ffi;

use crate::case::Limit;
use crate::data::{COLUMNS, Set, Value, record};

/// An open database; closed when dropped.
struct Database(*mut ffi::sqlite3);

/// A prepared statement; finalised when dropped.
struct Statement(*mut ffi::sqlite3_stmt);

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: the handle came from sqlite3_open, is closed once, and statements are dropped before it.
        unsafe { ffi::sqlite3_close(self.0) };
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: the statement came from sqlite3_prepare_v2 and is finalised once.
        unsafe { ffi::sqlite3_finalize(self.0) };
    }
}

impl Database {
    fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let path = CString::new(path.as_os_str().as_encoded_bytes())?;
        let mut handle = ptr::null_mut();
        // SAFETY: the path is a C string and `handle` is written before it is read.
        let code = unsafe { ffi::sqlite3_open(path.as_ptr(), &raw mut handle) };
        let database = Self(handle);
        database.check(code)?;
        Ok(database)
    }

    fn execute(&self, sql: &CStr) -> Result<(), Box<dyn Error>> {
        // SAFETY: the handle is open, the text is a C string, and no callback is given.
        let code = unsafe { ffi::sqlite3_exec(self.0, sql.as_ptr(), None, ptr::null_mut(), ptr::null_mut()) };
        self.check(code)
    }

    fn prepare(&self, sql: &CStr) -> Result<Statement, Box<dyn Error>> {
        let mut statement = ptr::null_mut();
        // SAFETY: the handle is open, the text ends with NUL, and the tail is not asked for.
        let code =
            unsafe { ffi::sqlite3_prepare_v2(self.0, sql.as_ptr(), -1, &raw mut statement, ptr::null_mut()) };
        self.check(code)?;
        Ok(Statement(statement))
    }

    fn check(&self, code: c_int) -> Result<(), Box<dyn Error>> {
        if matches!(code, ffi::SQLITE_OK | ffi::SQLITE_DONE | ffi::SQLITE_ROW) {
            return Ok(());
        }
        // SAFETY: sqlite3_errmsg answers a C string for any handle, which is copied at once.
        let message = unsafe { CStr::from_ptr(ffi::sqlite3_errmsg(self.0)) };
        Err(message.to_string_lossy().into_owned().into())
    }
}

impl Statement {
    fn bind(&self, index: c_int, value: &Value) -> c_int {
        match value {
            // SAFETY: the statement is prepared, and an index out of range is answered with a code.
            Value::Int(number) => unsafe { ffi::sqlite3_bind_int64(self.0, index, *number) },
            Value::Text(text) => {
                let length = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
                // SAFETY: as above; the text outlives the step and the reset that follow.
                unsafe {
                    ffi::sqlite3_bind_text(self.0, index, text.as_ptr().cast(), length, ffi::SQLITE_STATIC())
                }
            }
        }
    }

    fn step(&self) -> c_int {
        // SAFETY: the statement is prepared and everything bound to it is alive.
        let code = unsafe { ffi::sqlite3_step(self.0) };
        // SAFETY: as above.
        unsafe { ffi::sqlite3_reset(self.0) };
        code
    }
}

/// The version of SQLite.
pub(crate) fn sqlite_version() -> String {
    // SAFETY: the function answers a C string that lives for ever.
    unsafe { CStr::from_ptr(ffi::sqlite3_libversion()) }.to_string_lossy().into_owned()
}

/// The settings of a loop's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settings {
    /// As a restore has them: as much page cache, and what is in the log stays there once the transaction is durable.
    Best,
    /// SQLite's own: 2 MB of page cache, and the commit moves the log into the database.
    Own,
}

impl Settings {
    /// In the order of the figures of [`measure`].
    pub(crate) const ALL: [Self; 2] = [Self::Best, Self::Own];

    /// What a row of the report calls a loop with them.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Best => "raw loop",
            Self::Own => "raw loop, SQLite's own cache and checkpoints",
        }
    }

    fn sql(self) -> &'static CStr {
        match self {
            Self::Best => c"PRAGMA cache_size = -24576; PRAGMA wal_autocheckpoint = 0",
            Self::Own => c"PRAGMA cache_size = -2000; PRAGMA wal_autocheckpoint = 1000",
        }
    }
}

/// Inserts, or updates, every record of the bench from memory, in the folder `at`: seconds with each of
/// [`Settings::ALL`].
pub(crate) fn measure(at: &Path, limit: Limit, records: u64, seed: u64) -> Result<Vec<f64>, Box<dyn Error>> {
    let rows = |set| (0..records).map(|number| record(number, set, seed)).collect::<Vec<_>>();
    let (first, then) = match limit {
        Limit::Insert(set) => (rows(set), None),
        Limit::Upsert => (rows(Set::First), Some(rows(Set::Changed))),
    };
    let measure = |settings: Settings| {
        let path = at.join(format!("{settings:?}.db"));
        let seconds = run(&path, settings, &first, then.as_deref());
        for ending in ["", "-wal", "-shm"] {
            // The last two are there where the log was not moved.
            drop(std::fs::remove_file(at.join(format!("{settings:?}.db{ending}"))));
        }
        seconds
    };
    Settings::ALL.into_iter().map(measure).collect()
}

/// Seconds of the inserts of `first`, or of the updates to `then` after them.
fn run(
    path: &Path,
    settings: Settings,
    first: &[[Value; 19]],
    then: Option<&[[Value; 19]]>,
) -> Result<f64, Box<dyn Error>> {
    let database = Database::open(path)?;
    database.execute(c"PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")?;
    database.execute(settings.sql())?;
    let columns = COLUMNS.iter().skip(1).map(|column| format!(", {column}")).collect::<String>();
    database.execute(&CString::new(format!("CREATE TABLE orders (id TEXT PRIMARY KEY{columns})"))?)?;
    let insert = format!("INSERT INTO orders VALUES ({})", vec!["?"; COLUMNS.len()].join(", "));
    let inserted = write(&database, &insert, first)?;
    let Some(then) = then else { return Ok(inserted) };
    database.execute(c"PRAGMA wal_checkpoint(TRUNCATE)")?;
    let assign = |column: &&str| format!("{column} = excluded.{column}");
    let assign = COLUMNS.iter().skip(1).map(assign).collect::<Vec<_>>().join(", ");
    write(&database, &format!("{insert} ON CONFLICT (id) DO UPDATE SET {assign}"), then)
}

/// Seconds of a statement once for each row, in one transaction.
fn write(database: &Database, sql: &str, rows: &[[Value; 19]]) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    let statement = database.prepare(&CString::new(sql)?)?;
    database.execute(c"BEGIN IMMEDIATE")?;
    for row in rows {
        for (index, value) in (1..).zip(row) {
            database.check(statement.bind(index, value))?;
        }
        database.check(statement.step())?;
    }
    database.execute(c"COMMIT")?;
    Ok(started.elapsed().as_secs_f64())
}
