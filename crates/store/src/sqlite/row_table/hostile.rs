//! Shapes and ends that the table of rows does not meet on a usual day: none may read what is not lent, and none may
//! leave a loan behind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::declare_sql_function;
use reinstate_describe::{Cell, Field, FieldType, Layout, Model, Name};

use super::*;
use crate::database::Database;
use crate::row::DynamicRow;
use crate::sqlite::connection;

#[declare_sql_function]
extern "SQL" {
    fn boom(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

fn database(schema: &str) -> SqliteConnection {
    let mut connection = connection::open(Path::new(":memory:"), 0, 64).unwrap();
    connection.batch_execute(schema).unwrap();
    connection
}

/// Rows of a model of so many texts, each of them `text`; the ids are their numbers.
fn batch(rows: usize, fields: usize, text: &str) -> Batch {
    let model = (0..fields).fold(Model::new(Name::new("things").unwrap()), |model, number| {
        model.with_field(Field::new(Name::new(format!("f{number}")).unwrap(), FieldType::Text))
    });
    let layout = Arc::new(Layout::new(model));
    let (mut arena, mut cells) = (text.to_owned(), Vec::new());
    for row in 0..rows {
        let start = u32::try_from(arena.len()).unwrap();
        arena.push_str(&row.to_string());
        cells.push(Cell::Text { start, len: u32::try_from(arena.len()).unwrap() - start });
        let value = Cell::Text { start: 0, len: u32::try_from(text.len()).unwrap() };
        cells.resize(cells.len() + layout.len() - 1, value);
    }
    Batch::new(layout, arena, cells, vec![1; rows], Vec::new())
}

fn asked(connection: SqliteConnection, question: &str) -> Vec<DynamicRow> {
    Statement::new(question).rows(&mut Database::Sqlite(connection)).unwrap()
}

fn nothing_is_lent() -> bool {
    LOANS.with_borrow(Vec::is_empty)
}

#[test]
fn no_rows_write_nothing() {
    let mut connection = database("CREATE TABLE kept (id)");
    for batch in [batch(0, 3, ""), batch(5, 3, "")] {
        let rows = Rows { batch: &batch, numbers: &[] };
        assert_eq!(execute(&mut connection, "INSERT INTO kept SELECT c0 FROM", rows, "").unwrap(), 0);
    }
    assert_eq!(asked(connection, "SELECT count(*) FROM kept")[0].int(0), Some(0));
}

#[test]
fn rows_that_the_batch_does_not_have_are_null() {
    let mut connection = database("CREATE TABLE kept (id, f)");
    let batch = batch(2, 1, "x");
    let rows = Rows { batch: &batch, numbers: &[1, 2, u32::MAX] };
    execute(&mut connection, "INSERT INTO kept SELECT c0, c9 FROM", rows, "").unwrap();
    let kept = asked(connection, "SELECT count(*), count(id), count(f) FROM kept");
    assert_eq!((kept[0].int(0), kept[0].int(1), kept[0].int(2)), (Some(3), Some(1), Some(1)));
}

#[test]
fn as_many_columns_as_a_table_may_have_are_read() {
    let fields = COLUMNS - reinstate_describe::system::SYSTEM_COLUMNS.len();
    for fields in [0, 1, 400, fields] {
        let batch = batch(3, fields, "ä");
        let columns = batch.layout().len();
        let list =
            |name: &str| (0..columns).map(|number| format!("{name}{number}")).collect::<Vec<_>>().join(", ");
        let mut connection = database(&format!("CREATE TABLE kept ({})", list("k")));
        let insert = format!("INSERT INTO kept SELECT {} FROM", list("c"));
        execute(&mut connection, &insert, Rows { batch: &batch, numbers: &[2, 1, 0] }, "").unwrap();
        let kept = asked(connection, "SELECT * FROM kept");
        for (row, id) in kept.iter().zip(["2", "1", "0"]) {
            assert_eq!(row.text(0), Some(id));
            assert!((1..columns).all(|column| row.text(column) == Some("ä")), "{columns} columns");
        }
        assert_eq!(kept.len(), 3);
    }
}

#[test]
fn texts_without_a_byte_and_of_a_megabyte_arrive_whole() {
    for text in [String::new(), "ü".repeat(1 << 19), "\0".repeat(3)] {
        let mut connection = database("CREATE TABLE kept (text)");
        let batch = batch(2, 1, &text);
        let rows = Rows { batch: &batch, numbers: &[0, 1] };
        execute(&mut connection, "INSERT INTO kept SELECT c9 FROM", rows, "").unwrap();
        let kept = asked(connection, "SELECT text, typeof(text) FROM kept");
        assert!(kept.iter().all(|row| row.text(0) == Some(&text) && row.text(1) == Some("text")));
        assert_eq!(kept.len(), 2);
    }
}

#[test]
fn panic_among_the_rows_fails_the_statement_and_ends_the_loan() {
    let mut connection = database("CREATE TABLE kept (id)");
    boom_utils::register_impl(&mut connection, |text: String| {
        assert_ne!(text, "3", "a panic that the test wants");
        text
    })
    .unwrap();
    let batch = batch(6, 0, "");
    let rows = Rows { batch: &batch, numbers: &[0, 1, 2, 3, 4, 5] };
    let insert = "INSERT INTO kept SELECT boom(c0) FROM";
    let stopped = execute(&mut connection, insert, rows, "").unwrap_err();
    assert_eq!(stopped.at, 3);
    assert!(nothing_is_lent());
    // The same prepared statement takes other rows afterwards.
    assert_eq!(execute(&mut connection, insert, Rows { batch: &batch, numbers: &[4, 5] }, "").unwrap(), 2);
    assert_eq!(asked(connection, "SELECT count(*) FROM kept")[0].int(0), Some(2));
}

#[test]
fn panic_while_rows_are_lent_ends_the_loan() {
    let batch = batch(1, 0, "");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _open = OpenLoan::new(&Rows { batch: &batch, numbers: &[0] });
        assert!(nothing_is_lent(), "a panic that the test wants");
    }));
    assert!(panicked.is_err() && nothing_is_lent());
}

#[test]
fn panic_of_a_callback_is_an_error_of_the_statement() {
    assert_eq!(guarded(|| panic!("a panic that the test wants")), ffi::SQLITE_INTERNAL);
}

#[test]
fn rows_of_another_thread_are_not_found() {
    let batch = batch(1, 0, "");
    let rows = Rows { batch: &batch, numbers: &[0] };
    let open = OpenLoan::new(&rows);
    let question = format!("SELECT c0 FROM \"$rows\"({})", open.token);
    let is_refused = |question: &str| database("").batch_execute(question).is_err();
    assert!(!is_refused(&question), "this thread may read its own");
    std::thread::scope(|scope| assert!(scope.spawn(|| is_refused(&question)).join().unwrap()));
    drop(open);
    assert!(is_refused(&question), "nobody may read them afterwards");
}

#[test]
fn statement_that_ends_early_ends_the_loan() {
    let mut connection = database("CREATE TABLE kept (id)");
    let batch = batch(9, 0, "");
    let rows = Rows { batch: &batch, numbers: &[0, 1, 2, 3, 4, 5, 6, 7, 8] };
    assert_eq!(execute(&mut connection, "INSERT INTO kept SELECT c0 FROM", rows, "LIMIT 2").unwrap(), 2);
    assert!(execute(&mut connection, "INSERT INTO nowhere SELECT c0 FROM", rows, "").is_err());
    assert!(nothing_is_lent());
    assert_eq!(asked(connection, "SELECT count(*) FROM kept")[0].int(0), Some(2));
}
