//! A PostgreSQL for tests: every test gets a database of its own, and never has to look for the server.
//!
//! The server is the one that `REINSTATE_TEST_POSTGRES_URL` names, else a throw-away cluster made from the programs
//! that are installed here; they are installed first where that is possible. Without a server a test fails and says
//! what to do. A cluster listens on loopback only, keeps nothing safe on purpose, and is stopped and removed as soon
//! as the process that started it is gone, however that ended.

// The one purpose of this crate is to fail tests with a clear word.
#![allow(clippy::expect_used, clippy::panic)]

mod cluster;
mod database;
mod programs;
mod tls;

pub use cluster::{Cluster, ClusterOptions};
pub use database::{TestDatabase, database};
