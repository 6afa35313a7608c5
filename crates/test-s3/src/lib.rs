//! A server that speaks S3, for tests: real requests, signatures, parts and ranges against a folder, and faults on demand.
#![allow(clippy::panic, reason = "a test that has no server has nothing else to say")]

mod cut_body;
mod fault;
mod server;

pub use fault::Fault;
pub use server::{ACCESS_KEY_ID, BUCKET, S3Server, SECRET_ACCESS_KEY};
