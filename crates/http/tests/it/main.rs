//! The API as its users meet it: a server in process on a free port, and requests over a socket.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod archives;
mod cancelling;
mod client;
mod data;
mod definitions;
mod filters;
mod harness;
mod isolation;
mod levels;
mod operations;
mod protocol;
mod restores;
mod strategies;
mod tokens;
mod uploads;
