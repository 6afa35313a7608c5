//! What both planes need of PostgreSQL: connections, and cells in its binary formats.

pub(crate) mod address;
pub(crate) mod bind;
pub(crate) mod codec;
pub(crate) mod connection;
pub(crate) mod copy;
pub(crate) mod notify;
pub(crate) mod rows;
pub(crate) mod schema;
