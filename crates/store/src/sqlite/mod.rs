//! What both planes need of SQLite: connections set up alike, and what we add to its SQL.

pub(crate) mod connection;
pub(crate) mod functions;
pub(crate) mod interrupt;
pub(crate) mod row_table;
