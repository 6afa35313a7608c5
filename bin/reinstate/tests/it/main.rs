//! Black-box tests of the built program, and the checks that keep the workspace in its form. What a server does
//! with its data runs on every database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::duplicate_mod, reason = "the cases are there once for each database")]

mod archives;
mod configuration;
mod extract;
mod fence;
mod import;
mod inspect;
mod place;
mod program;
mod runs;
mod style;
mod token;
mod workspace;

#[path = "."]
mod sqlite {
    use crate::place::Backend;

    const BACKEND: Backend = Backend::Sqlite;

    mod cases;
}

#[path = "."]
mod postgres {
    use crate::place::Backend;

    const BACKEND: Backend = Backend::Postgres;

    mod cases;
    mod many_servers;
    mod start;
}
