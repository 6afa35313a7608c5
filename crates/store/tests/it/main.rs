//! The store from outside: both planes through their public calls, on either backend, on data of each test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod conformance;
mod data_api;
mod describe_api;
mod extracts;
mod filters;
mod fixtures;
mod kept_statements;
mod postgres;
mod races;
mod sqlite;
mod tenants;
