//! Tests of the crate through its public face.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod filter;
mod models;
mod quick;
mod record;
mod schema;
mod stability;
mod yaml;
