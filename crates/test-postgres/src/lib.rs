//! A PostgreSQL for tests: every test gets a database of its own, and never has to look for the server.
//!
//! The server is the one that `REINSTATE_TEST_POSTGRES_URL` names, else a throw-away cluster made from the programs
//! that are installed here; they are installed first where that is possible. Without a server a test fails and says
//! what to do. The test binaries of a user share the cluster, side by side and one after another; it listens on
//! loopback only, keeps nothing safe on purpose, and is stopped and removed when nobody has used it for a while,
//! however its users ended.
//!
//! A test that has to stop its server, or needs TLS, makes a [`Cluster`] of its own.

// The one purpose of this crate is to fail tests with a clear word.
#![allow(clippy::expect_used, clippy::panic)]

mod cluster;
mod database;
mod instance;
mod programs;
mod shared;
mod tls;

pub use cluster::{Cluster, ClusterOptions};
pub use database::{TestDatabase, database};
