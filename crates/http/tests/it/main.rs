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

/// What has to do with archives, once more with the archives in a bucket.
#[path = "cases"]
mod sqlite_and_bucket {
    use crate::harness::Backend;

    const BACKEND: Backend = Backend::SqliteAndBucket;

    mod archives;
    mod cancelling;
    mod downloads;
    mod extract_access;
    mod extract_client;
    mod extracts;
    mod restores;
    mod strategies;
    mod uploads;
}
