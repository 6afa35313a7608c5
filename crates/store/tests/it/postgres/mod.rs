//! What is so on PostgreSQL only.

mod copies;
mod extracts;
mod faults;
mod late_keys;
mod names;
mod proxy;
mod runs;
mod swaps;
