//! Restores into a tenant's schema, and extracts out of it.

mod block;
mod canceller;
mod feed;
mod fresh;
mod holder;
mod keys;
mod lock_budget;
mod locks;
mod queue;
mod source;
mod target;
mod writer;

pub(super) use source::PostgresSource;
pub(super) use target::{Place, PostgresTarget};
pub(super) use writer::Writer;
