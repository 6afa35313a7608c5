//! The API as its users meet it: a server in process on a free port, and requests over a socket. Every case runs on
//! every database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::duplicate_mod, reason = "the cases are there once for each database")]

mod both_databases;
mod harness;

#[path = "."]
mod sqlite {
    use crate::harness::Backend;

    const BACKEND: Backend = Backend::Sqlite;

    mod cases;
    mod retention;
}

#[path = "."]
mod postgres {
    use crate::harness::Backend;

    const BACKEND: Backend = Backend::Postgres;

    mod cases;
    mod database_away;
}
