//! What is so on PostgreSQL only.

mod copies;
mod extracts;
mod faults;
pub(crate) mod late_keys;
mod names;
mod proxy;
mod runs;
mod swaps;
