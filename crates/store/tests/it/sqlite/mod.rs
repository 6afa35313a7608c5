//! What is so on SQLite only.

mod files;
mod late_keys;
