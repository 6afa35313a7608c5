//! What is so on PostgreSQL only.

mod faults;
mod names;
mod proxy;
mod runs;
mod swaps;
