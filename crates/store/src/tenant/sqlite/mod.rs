//! Restores into a tenant's file, and extracts out of it.

mod insert;
mod late_keys;
mod source;
mod target;
mod writer;

pub(super) use source::SqliteSource;
pub(super) use target::SqliteTarget;
pub(super) use writer::Writer;
