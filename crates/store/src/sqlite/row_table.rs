//! The rows of a batch as a table that SQL can read, so that one statement writes them all.
//!
//! `INSERT … SELECT c0, c4 FROM "$rows"(TOKEN)` fetches each value where it lies in the batch: nothing is bound, no
//! text is copied before SQLite makes its record of it, and the statement runs once for thousands of rows. The table
//! is a virtual one without storage. Its columns are numbered like a layout's positions, so that one table serves
//! every model.
//!
//! # Why this is sound
//! The callbacks of a virtual table are C; besides them the crate has but one more of these, in `interrupt`.
//!
//! - Rows are lent by [`execute`] and by nothing else. It ends the loan before it returns, by a panic too; from then
//!   on a cursor finds no rows where it had some. Only this thread can start on a loan, because loans are looked up
//!   in a list of the thread's own, by a number that is never given twice and that nobody outside learns.
//! - Texts are handed out as pointers into the batch. SQLite may read them until the cursor moves on or the statement
//!   is reset. [`execute`] runs the statement through diesel's `execute`, which steps it to its end and resets it
//!   before it returns, whatever came of it; the batch is borrowed for longer than that.
//! - SQLite calls a callback with the very pointers that earlier ones gave it: a table from `connect`, a cursor from
//!   `open`; and never with one that `disconnect` or `close` took back. Each begins with the struct that SQLite
//!   knows (`repr(C)`), so that a pointer to the one is a pointer to the other. A connection runs one callback at
//!   a time.
//! - No panic gets into C: every callback is behind [`guarded`], but those that have a line of code alone and `column`,
//!   which looks at everything by `get` and calls nothing that panics.
#![allow(unsafe_code, reason = "virtual tables are made of C callbacks; diesel has no interface for them")]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use diesel::result::Error as DieselError;
use diesel::{RunQueryDsl, SqliteConnection};
use libsqlite3_sys as ffi;
use reinstate_describe::ddl::{Dialect, columns_max};
use reinstate_describe::{Batch, Cell, CellValue};

use super::interrupt;
use crate::statement::Statement;

/// The table's name. No model has a `$` in its own.
const NAME: &CStr = c"$rows";

/// Columns for values: a table of the widest model has the row number beside them, this one the token.
const COLUMNS: usize = columns_max(Dialect::Sqlite) - 1;

/// The hidden column that says whose rows are meant; written like the argument of a function.
const TOKEN_COLUMN: usize = COLUMNS;

/// Rows of a batch, in the order in which they are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Where their values are.
    pub(crate) batch: &'a Batch,
    /// Their numbers in the batch.
    pub(crate) numbers: &'a [u32],
}

/// A statement that failed on its way through the rows.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// What the database said.
    pub(crate) error: DieselError,
    /// The index among the rows of the one that was being written.
    pub(crate) at: usize,
}

/// Rows lent to a statement.
struct Loan {
    /// Null once the loan has ended.
    rows: AtomicPtr<Rows<'static>>,
    /// The row that the statement is at.
    at: AtomicUsize,
}

/// A loan that can be found under its token for as long as this lives.
struct OpenLoan {
    token: i64,
    loan: Arc<Loan>,
}

thread_local! {
    /// The loans of this thread: one at most, unless a statement runs another one.
    static LOANS: RefCell<Vec<(i64, Arc<Loan>)>> = const { RefCell::new(Vec::new()) };
}

impl OpenLoan {
    fn new(rows: &Rows<'_>) -> Self {
        static NEXT_TOKEN: AtomicI64 = AtomicI64::new(1);
        let token = NEXT_TOKEN.fetch_add(1, Ordering::Relaxed);
        // The lifetime goes with the cast; `Drop` takes the pointer back before it ends.
        let rows = AtomicPtr::new(ptr::from_ref(rows).cast_mut().cast());
        let loan = Arc::new(Loan { rows, at: AtomicUsize::new(0) });
        LOANS.with_borrow_mut(|loans| loans.push((token, Arc::clone(&loan))));
        Self { token, loan }
    }
}

impl Drop for OpenLoan {
    fn drop(&mut self) {
        self.loan.rows.store(ptr::null_mut(), Ordering::Relaxed);
        LOANS.with_borrow_mut(|loans| loans.retain(|(token, _)| *token != self.token));
    }
}

/// Makes the table known to every connection that this process opens from now on. Cheap when done before.
pub(crate) fn install() {
    static INSTALLED: OnceLock<c_int> = OnceLock::new();
    let code = INSTALLED.get_or_init(|| {
        // SAFETY: `register` has the signature of an entry point and lives as long as the program.
        unsafe { ffi::sqlite3_auto_extension(Some(register)) }
    });
    if *code != ffi::SQLITE_OK {
        // Statements that need the table will fail and say so.
        tracing::error!(code, "SQLite does not take the table of rows");
    }
}

/// Runs `before`, the table with the rows, `after` as one statement. Its prepared form is kept.
pub(crate) fn execute(
    connection: &mut SqliteConnection,
    before: &str,
    rows: Rows<'_>,
    after: &str,
) -> Result<usize, Stopped> {
    let open = OpenLoan::new(&rows);
    let mut statement = Statement::new(before);
    statement.sql(" \"$rows\"(").bind(CellValue::Int(open.token)).sql(") ").sql(after);
    RunQueryDsl::execute(&statement, connection)
        .map_err(|error| Stopped { error, at: open.loan.at.load(Ordering::Relaxed) })
}

/// A cursor, as SQLite and we see it.
#[repr(C)]
struct Cursor {
    base: ffi::sqlite3_vtab_cursor,
    loan: Option<Arc<Loan>>,
    /// The row that the cursor is on, null behind the last one; good while the rows are lent.
    row: *const [Cell],
    /// What its texts lie in; good as long.
    arena: *const [u8],
}

impl Cursor {
    /// The rows, while they are lent, and where the cursor stands among them.
    fn place(&self) -> Option<(&Rows<'_>, usize)> {
        let loan = self.loan.as_deref()?;
        // SAFETY: null, or the rows that `execute` borrows until it ends the loan; the module's text says why no
        // callback of this cursor runs while it does.
        let rows = unsafe { loan.rows.load(Ordering::Relaxed).as_ref() }?;
        Some((rows, loan.at.load(Ordering::Relaxed)))
    }

    /// Looks where the row lies that the cursor has come to, once for all its columns.
    fn arrive(&mut self) {
        (self.row, self.arena) = (NO_ROW, NO_ARENA);
        let Some((rows, at)) = self.place() else { return };
        let Some(row) = rows.numbers.get(at) else { return };
        let (row, arena) = (ptr::from_ref(rows.batch.cells(*row)), rows.batch.arena().as_bytes());
        (self.row, self.arena) = (row, ptr::from_ref(arena));
    }

    /// The cells of the row that the cursor is on, and what their texts lie in.
    fn row(&self) -> Option<(&[Cell], &[u8])> {
        self.place()?;
        // SAFETY: `arrive` took both from the batch, which is borrowed as long as the loan has a place.
        unsafe { Some((self.row.as_ref()?, self.arena.as_ref()?)) }
    }
}

const NO_ROW: *const [Cell] = ptr::slice_from_raw_parts(ptr::null(), 0);
const NO_ARENA: *const [u8] = ptr::slice_from_raw_parts(ptr::null(), 0);

/// Runs a callback's work; a panic becomes an error of the statement.
fn guarded(work: impl FnOnce() -> c_int) -> c_int {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(ffi::SQLITE_INTERNAL)
}

/// The table's callbacks. Without `xCreate` it is there by itself and cannot be created under another name; without
/// `xUpdate` it can only be read.
static MODULE: ffi::sqlite3_module = ffi::sqlite3_module {
    iVersion: 0,
    xCreate: None,
    xConnect: Some(connect),
    xBestIndex: Some(best_index),
    xDisconnect: Some(disconnect),
    xDestroy: None,
    xOpen: Some(open),
    xClose: Some(close),
    xFilter: Some(filter),
    xNext: Some(next),
    xEof: Some(eof),
    xColumn: Some(column),
    xRowid: Some(rowid),
    xUpdate: None,
    xBegin: None,
    xSync: None,
    xCommit: None,
    xRollback: None,
    xFindFunction: None,
    xRename: None,
    xSavepoint: None,
    xRelease: None,
    xRollbackTo: None,
    xShadowName: None,
    xIntegrity: None,
};

/// What SQLite calls for each connection that it opens.
unsafe extern "C" fn register(
    db: *mut ffi::sqlite3,
    _message: *mut *mut c_char,
    _api: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite gives the connection that it is opening; name and module live as long as the program.
    unsafe {
        interrupt::register(db);
        ffi::sqlite3_create_module_v2(db, NAME.as_ptr(), &raw const MODULE, ptr::null_mut(), None)
    }
}

/// The declaration of the table: its columns are never looked at but by their numbers.
fn declaration() -> Option<&'static CStr> {
    static DECLARATION: OnceLock<Option<CString>> = OnceLock::new();
    let declaration = DECLARATION.get_or_init(|| {
        let mut text = "CREATE TABLE x(".to_owned();
        for number in 0..COLUMNS {
            write!(text, "c{number},").ok()?;
        }
        text.push_str("token HIDDEN)");
        CString::new(text).ok()
    });
    declaration.as_deref()
}

unsafe extern "C" fn connect(
    db: *mut ffi::sqlite3,
    _aux: *mut c_void,
    _argc: c_int,
    _argv: *const *const c_char,
    table: *mut *mut ffi::sqlite3_vtab,
    _message: *mut *mut c_char,
) -> c_int {
    guarded(|| {
        let Some(declaration) = declaration() else { return ffi::SQLITE_INTERNAL };
        // SAFETY: SQLite gives its connection, and the declaration is a C string that lives on.
        let code = unsafe { ffi::sqlite3_declare_vtab(db, declaration.as_ptr()) };
        if code != ffi::SQLITE_OK {
            return code;
        }
        // Not for triggers and views: nothing in a file may make a statement read rows.
        // SAFETY: called from within `xConnect`, with an option that has no further argument.
        unsafe { ffi::sqlite3_vtab_config(db, ffi::SQLITE_VTAB_DIRECTONLY) };
        let new = ffi::sqlite3_vtab { pModule: ptr::null(), nRef: 0, zErrMsg: ptr::null_mut() };
        // SAFETY: SQLite gives a place for the table, which `disconnect` takes back.
        unsafe { table.write(Box::into_raw(Box::new(new))) };
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn disconnect(table: *mut ffi::sqlite3_vtab) -> c_int {
    // SAFETY: the table came from `connect`, and SQLite does not use it any more.
    drop(unsafe { Box::from_raw(table) });
    ffi::SQLITE_OK
}

/// There is one way to read the table: by its token.
unsafe extern "C" fn best_index(_table: *mut ffi::sqlite3_vtab, info: *mut ffi::sqlite3_index_info) -> c_int {
    guarded(|| {
        // SAFETY: SQLite gives a filled struct that nobody else uses during the call.
        let Some(info) = (unsafe { info.as_mut() }) else { return ffi::SQLITE_MISUSE };
        let count = usize::try_from(info.nConstraint).unwrap_or_default();
        for index in 0..count {
            // SAFETY: SQLite gives `nConstraint` constraints, and as many places for what is made of them.
            let (constraint, usage) =
                unsafe { (&*info.aConstraint.add(index), &mut *info.aConstraintUsage.add(index)) };
            let is_token = usize::try_from(constraint.iColumn) == Ok(TOKEN_COLUMN)
                && i32::from(constraint.op) == ffi::SQLITE_INDEX_CONSTRAINT_EQ;
            if is_token && constraint.usable != 0 {
                usage.argvIndex = 1;
                usage.omit = 1;
                info.estimatedCost = 1.0;
                return ffi::SQLITE_OK;
            }
        }
        ffi::SQLITE_CONSTRAINT
    })
}

unsafe extern "C" fn open(
    _table: *mut ffi::sqlite3_vtab,
    cursor: *mut *mut ffi::sqlite3_vtab_cursor,
) -> c_int {
    guarded(|| {
        let base = ffi::sqlite3_vtab_cursor { pVtab: ptr::null_mut() };
        let new = Box::into_raw(Box::new(Cursor { base, loan: None, row: NO_ROW, arena: NO_ARENA }));
        // SAFETY: SQLite gives a place for the cursor, which `close` takes back.
        unsafe { cursor.write(new.cast()) };
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn close(cursor: *mut ffi::sqlite3_vtab_cursor) -> c_int {
    // SAFETY: the cursor came from `open`, and SQLite does not use it any more.
    drop(unsafe { Box::from_raw(cursor.cast::<Cursor>()) });
    ffi::SQLITE_OK
}

/// Puts the cursor on the first row of the loan with the token.
unsafe extern "C" fn filter(
    cursor: *mut ffi::sqlite3_vtab_cursor,
    _plan: c_int,
    _plan_text: *const c_char,
    argc: c_int,
    argv: *mut *mut ffi::sqlite3_value,
) -> c_int {
    guarded(|| {
        if argc != 1 {
            return ffi::SQLITE_MISUSE;
        }
        // SAFETY: the cursor came from `open`, nobody else uses it during the call, and there is one argument.
        let (cursor, token) =
            unsafe { (&mut *cursor.cast::<Cursor>(), ffi::sqlite3_value_int64(argv.read())) };
        cursor.loan = LOANS
            .with_borrow(|loans| loans.iter().find(|(of, _)| *of == token).map(|(_, loan)| Arc::clone(loan)));
        let Some(loan) = &cursor.loan else { return ffi::SQLITE_MISUSE };
        loan.at.store(0, Ordering::Relaxed);
        cursor.arrive();
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn next(cursor: *mut ffi::sqlite3_vtab_cursor) -> c_int {
    guarded(|| {
        // SAFETY: the cursor came from `open`, and nobody else uses it during the call.
        let cursor = unsafe { &mut *cursor.cast::<Cursor>() };
        if let Some(loan) = &cursor.loan {
            loan.at.fetch_add(1, Ordering::Relaxed);
        }
        cursor.arrive();
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn eof(cursor: *mut ffi::sqlite3_vtab_cursor) -> c_int {
    // SAFETY: the cursor came from `open`, and nobody changes it during the call.
    c_int::from(unsafe { &*cursor.cast::<Cursor>() }.row().is_none())
}

/// Hands the value of a column over. What is not handed over is null to SQLite. Nothing here panics, and it is called
/// for every value: it goes without [`guarded`].
unsafe extern "C" fn column(
    cursor: *mut ffi::sqlite3_vtab_cursor,
    context: *mut ffi::sqlite3_context,
    column: c_int,
) -> c_int {
    // SAFETY: the cursor came from `open`, and nobody changes it during the call.
    let Some((row, arena)) = (unsafe { &*cursor.cast::<Cursor>() }).row() else { return ffi::SQLITE_ABORT };
    match row.get(column as usize) {
        None | Some(Cell::Absent | Cell::Null) => {}
        // SAFETY: SQLite gives the place for the value.
        Some(Cell::Int(number)) => unsafe { ffi::sqlite3_result_int64(context, *number) },
        Some(Cell::Text { start, len }) => {
            let start = *start as usize;
            let Some(text) = arena.get(start..start.saturating_add(*len as usize)) else {
                return ffi::SQLITE_CORRUPT;
            };
            let (first, encoding) = (text.as_ptr().cast(), ffi::SQLITE_UTF8 as u8);
            // SAFETY: as above; the text lies in the batch, which outlives the statement's run.
            unsafe {
                ffi::sqlite3_result_text64(context, first, u64::from(*len), ffi::SQLITE_STATIC(), encoding);
            }
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn rowid(cursor: *mut ffi::sqlite3_vtab_cursor, number: *mut ffi::sqlite3_int64) -> c_int {
    guarded(|| {
        // SAFETY: the cursor came from `open`, and nobody changes it during the call.
        let at = unsafe { &*cursor.cast::<Cursor>() }.place().map_or(0, |(_, at)| at);
        // SAFETY: SQLite gives a place for the number.
        unsafe { number.write(i64::try_from(at).unwrap_or_default()) };
        ffi::SQLITE_OK
    })
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use diesel::connection::SimpleConnection;
    use reinstate_describe::{Cell, Layout, Model, Name};

    use super::*;
    use crate::database::Database;
    use crate::sqlite::connection;

    /// A table `kept` of three columns.
    fn database() -> SqliteConnection {
        let mut connection = connection::open(Path::new(":memory:"), 0, 64).unwrap();
        connection.batch_execute("CREATE TABLE kept (id, note, number)").unwrap();
        connection
    }

    /// Rows with a text, a text or nothing, and a number in the first three of their columns.
    fn batch(rows: &[(&str, Option<&str>, i64)]) -> Batch {
        let layout = Arc::new(Layout::new(Model::new(Name::new("things").unwrap())));
        let (mut arena, mut cells) = (String::new(), Vec::new());
        let mut text = |text: &str| {
            let start = u32::try_from(arena.len()).unwrap();
            arena.push_str(text);
            Cell::Text { start, len: u32::try_from(text.len()).unwrap() }
        };
        for (id, note, number) in rows {
            cells.extend([text(id), note.map_or(Cell::Null, &mut text), Cell::Int(*number)]);
            cells.resize(cells.len() + layout.len() - 3, Cell::Absent);
        }
        Batch::new(layout, arena, cells, vec![1; rows.len()], Vec::new())
    }

    fn kept(connection: SqliteConnection) -> Vec<Vec<CellValue>> {
        let statement = Statement::new("SELECT id, note, number FROM kept ORDER BY rowid");
        let rows = statement.rows(&mut Database::Sqlite(connection)).unwrap();
        rows.into_iter().map(|row| row.into_values()).collect()
    }

    fn text(text: &str) -> CellValue {
        CellValue::Text(text.to_owned())
    }

    const INSERT: &str = "INSERT INTO kept SELECT c0, c1, c2 FROM";

    #[test]
    fn rows_are_read_in_the_order_of_their_numbers() {
        let mut connection = database();
        let batch = batch(&[("a", Some(""), i64::MIN), ("left out", None, 0), ("ä\0", None, 7)]);
        let rows = Rows { batch: &batch, numbers: &[2, 0] };
        assert_eq!(execute(&mut connection, INSERT, rows, "").unwrap(), 2);
        let expected = [
            vec![text("ä\0"), CellValue::Null, CellValue::Int(7)],
            vec![text("a"), text(""), CellValue::Int(i64::MIN)],
        ];
        assert_eq!(kept(connection), expected);
    }

    #[test]
    fn statement_that_fails_says_at_which_row() {
        let mut connection = database();
        connection.batch_execute("CREATE UNIQUE INDEX one ON kept (number)").unwrap();
        let batch = batch(&[("a", None, 1), ("b", None, 2), ("c", None, 1), ("d", None, 4)]);
        let rows = Rows { batch: &batch, numbers: &[0, 1, 2, 3] };
        let stopped = execute(&mut connection, INSERT, rows, "").unwrap_err();
        assert_eq!(stopped.at, 2);
        assert!(stopped.error.to_string().contains("UNIQUE"), "{}", stopped.error);
    }

    #[test]
    fn rows_are_there_for_their_statement_alone() {
        let mut connection = database();
        let batch = batch(&[("a", None, 1)]);
        let rows = Rows { batch: &batch, numbers: &[0] };
        execute(&mut connection, INSERT, rows, "").unwrap();
        assert!(LOANS.with_borrow(Vec::is_empty));
        for sql in ["SELECT c0 FROM \"$rows\"", "SELECT c0 FROM \"$rows\"(1)", "DELETE FROM \"$rows\""] {
            assert!(connection.batch_execute(sql).is_err(), "{sql}");
        }
        let view = "CREATE VIEW peek AS SELECT c0 FROM \"$rows\"(1); SELECT * FROM peek";
        assert!(connection.batch_execute(view).is_err());
    }

    #[test]
    fn columns_beyond_those_of_the_batch_are_null() {
        let mut connection = database();
        let batch = batch(&[("a", None, 1)]);
        let last = format!("INSERT INTO kept SELECT c0, c{}, 3 FROM", COLUMNS - 1);
        execute(&mut connection, &last, Rows { batch: &batch, numbers: &[0] }, "").unwrap();
        assert_eq!(kept(connection), [vec![text("a"), CellValue::Null, CellValue::Int(3)]]);
    }
}
