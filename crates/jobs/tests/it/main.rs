//! Whole restores through workers, on real files: what is applied, what is not, and what survives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod cancels;
mod configurations;
mod harness;
mod imports;
mod recovery;
mod uploads;
