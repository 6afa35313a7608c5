//! Restores into a tenant's file.

mod insert;
mod target;
mod writer;

pub(super) use target::SqliteTarget;
pub(super) use writer::Writer;
