//! What is so on SQLite only.

mod files;
