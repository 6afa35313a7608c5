//! Whole restores through workers, on real databases: what is applied, what is not, and what survives. Every case runs
//! on every database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::duplicate_mod, reason = "the cases are there once for each database")]

mod backend;
mod extracts;
mod harness;
mod lost_worker;

#[path = "."]
mod sqlite {
    use crate::backend::Backend;

    const BACKEND: Backend = Backend::Sqlite;

    mod buckets;
    mod cases;
    mod exclusive;
}

#[path = "."]
mod postgres {
    use crate::backend::Backend;

    const BACKEND: Backend = Backend::Postgres;

    mod buckets;
    mod cases;
    mod faults;
    mod shared;
}
