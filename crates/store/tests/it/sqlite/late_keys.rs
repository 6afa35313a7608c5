//! Keys that are made when their table is filled, in files of this version and of earlier ones.

use std::cell::Cell;

use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use proptest::prelude::*;
use reinstate_describe::Model;
use reinstate_engine::{Cancellation, Conflict, Stop, Target, TargetError};

use crate::conformance::{Subject, apply, seed, write};
use crate::fixtures::{Backend, Scratch, items, name};
use crate::postgres::late_keys::{case, run};

#[test]
fn tables_filled_before_their_keys_end_as_those_filled_after() {
    let scratch = Scratch::new(Backend::Sqlite);
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    let number = Cell::new(0);
    proptest::test_runner::TestRunner::new(config)
        .run(&case(), |case| {
            number.set(number.get() + 1);
            run(&scratch.store, number.get(), &case);
            Ok(())
        })
        .unwrap();
}

/// Ids in no order, each of which is the same for the same number.
fn lines(numbers: std::ops::Range<u64>) -> Vec<String> {
    let id = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    numbers.map(|number| format!(r#"{{"id":"{:012x}","size":{number}}}"#, id(number))).collect()
}

fn put(target: &mut dyn Target, numbers: std::ops::Range<u64>) -> (u64, u64) {
    let lines = lines(numbers);
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let written = write(target, &plain_items(), &lines, Conflict::Update);
    (written.inserted, written.updated)
}

/// Items of which nothing but the id is unique.
fn plain_items() -> Model {
    let mut model = items();
    model.fields.values_mut().for_each(|field| field.unique = false);
    model
}

/// Gives the table of items the form that earlier versions made: its key within it.
fn to_earlier_form(scratch: &Scratch) {
    #[derive(diesel::QueryableByName)]
    struct Sql {
        #[diesel(sql_type = diesel::sql_types::Text)]
        sql: String,
    }
    let file = scratch.dir().join("tenants/acme.db");
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let asked = diesel::sql_query("SELECT sql FROM sqlite_schema WHERE name = 'items'");
    let Sql { sql } = asked.get_result(&mut connection).unwrap();
    let earlier = sql.replace("\"id\" TEXT NOT NULL", "\"id\" TEXT NOT NULL UNIQUE");
    assert_ne!(earlier, sql);
    connection.batch_execute(&format!("DROP TABLE items; {earlier}")).unwrap();
}

#[test]
fn table_with_its_key_in_it_is_filled_emptied_and_filled_again() {
    let scratch = Scratch::new(Backend::Sqlite);
    seed(&scratch, &plain_items(), &[]);
    to_earlier_form(&scratch);
    apply(&scratch, "run_1", |target| {
        assert_eq!(put(target, 0..300), (300, 0));
        assert_eq!(put(target, 200..500), (200, 100));
    });
    apply(&scratch, "run_2", |target| {
        assert_eq!(target.records_clear(&name("items")).unwrap(), 500);
        assert_eq!(put(target, 400..900), (500, 0));
        assert_eq!(put(target, 800..1_000), (100, 100));
    });
    assert_eq!(scratch.records("items").len(), 600);
    assert!(!scratch.state().contains("$k$items"));
}

#[test]
fn run_that_is_stopped_makes_no_key_and_leaves_nothing() {
    let scratch = Scratch::new(Backend::Sqlite);
    seed(&scratch, &Model::new(name("other")), &[]);
    let before = scratch.state();
    let cancellation = Cancellation::default();
    let run = reinstate_store::RunToken { run_id: "run_1", fence: 1 };
    let mut target = scratch.tenant().target(run, &cancellation).unwrap();
    target.model_create(&plain_items()).unwrap();
    for number in 0..20 {
        assert_eq!(put(target.as_mut(), number * 2_000..(number + 1) * 2_000), (2_000, 0));
    }
    cancellation.stop(Stop::Cancelled);
    assert!(matches!(target.records_end(&name("items")), Err(TargetError::Stopped)));
    drop(target);
    assert_eq!(scratch.state(), before);
    apply(&scratch, "run_2", |target| target.model_create(&plain_items()).unwrap());
}
