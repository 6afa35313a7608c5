//! What both planes need of SQLite: connections and pools, statements put together at run time, rows of any
//! shape.

pub(crate) mod connection;
pub(crate) mod functions;
pub(crate) mod pool;
pub(crate) mod row;
pub(crate) mod statement;

pub(crate) use pool::{Pool, PooledConnection, ThreadPool};
