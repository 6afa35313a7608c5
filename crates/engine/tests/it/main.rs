//! The engine as its embedders use it: archives from memory into the in-memory target.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod definitions;
mod document;
mod extracts;
mod faults;
mod harness;
mod properties;
mod real_archives;
mod records;
mod strategies;
