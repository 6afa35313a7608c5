//! `COPY … FROM STDIN` in binary form into a table that is known only at run time.
//!
//! diesel asks a type, not a value, where a copy goes. The place is therefore handed over beside it, on the one
//! thread that both runs and writes the statement.

use std::cell::RefCell;
use std::io::Write;

use diesel::PgConnection;
use diesel::pg::{CopyFormat, CopyTarget, Pg};
use diesel::query_builder::AstPass;
use diesel::result::{Error as DieselError, QueryResult};
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
