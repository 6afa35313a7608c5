//! `COPY` in binary form, into a table and out of a query that are known only at run time.
//!
//! diesel asks a type, not a value, where a copy goes. The place is therefore handed over beside it, on the one
//! thread that both runs and writes or reads the statement.

use std::cell::RefCell;
use std::io::{BufRead as _, Write};
use std::ops::ControlFlow;

use diesel::PgConnection;
use diesel::pg::{CopyFormat, CopyTarget, Pg};
use diesel::query_builder::AstPass;
use diesel::result::{DatabaseErrorKind, Error as DieselError, QueryResult};
use diesel::sql_types::Text;

diesel::table! {
    /// Stands for any table.
    anywhere (id) {
        id -> Text,
    }
}

thread_local! {
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The place that was handed over.
struct Place;

impl CopyTarget for Place {
    type Table = anywhere::table;
    type SqlType = Text;

    fn walk_target(mut pass: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        PLACE.with_borrow(|place| pass.push_sql(place));
        Ok(())
    }
}

/// Bytes handed to the connection at once: fewer cost calls, more cost memory and gain nothing.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Copies what `write` writes, a stream in binary form, into `place`: a quoted table with its quoted columns in
/// brackets. Says how many rows there were.
///
/// # Errors
/// Where the database refuses a row, or `write` fails; then nothing was copied.
pub(crate) fn copy_in(
    connection: &mut PgConnection,
    place: &str,
    write: impl Fn(&mut dyn Write) -> Result<(), DieselError>,
) -> QueryResult<usize> {
    use diesel::ExecuteCopyFromDsl as _;
    PLACE.with_borrow_mut(|slot| place.clone_into(slot));
    diesel::copy_from(anywhere::table)
        .from_raw_data(Place, write)
        .with_format(CopyFormat::Binary)
        .execute(connection)
}

/// Copies the rows of `query`, a whole statement, out. The stream in binary form goes to `read` as it comes, in pieces
/// of a row or less, until that breaks off.
///
/// # Errors
/// Where the database refuses the query or the connection breaks. Where the query fails half-way, the stream has no
/// end (see [`super::rows`]), and the next statement says that the transaction failed.
pub(crate) fn copy_out(
    connection: &mut PgConnection,
    query: &str,
    mut read: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> QueryResult<()> {
    let place = format!("({query})");
    PLACE.with_borrow_mut(|slot| *slot = place);
    let mut stream = diesel::copy_to(Place).with_format(CopyFormat::Binary).load_raw(connection)?;
    loop {
        let piece = stream.fill_buf().map_err(|error| lost(&error))?;
        let length = piece.len();
        if length == 0 || read(piece).is_break() {
            return Ok(());
        }
        stream.consume(length);
    }
}

/// The connection broke under a copy.
fn lost(error: &std::io::Error) -> DieselError {
    DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(error.to_string()))
}
