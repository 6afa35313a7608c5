//! Restores into a tenant's schema.

mod canceller;
mod fresh;
mod holder;
mod locks;
mod target;
mod writer;

pub(super) use target::{Place, PostgresTarget};
pub(super) use writer::Writer;
