//! Handlers: take a request apart, call one thing, put the answer together. No rule and no SQL lives here.

pub(crate) mod definitions;
pub(crate) mod downloads;
pub(crate) mod extracts;
pub(crate) mod fields;
pub(crate) mod imports;
pub(crate) mod operations;
pub(crate) mod records;
pub(crate) mod restores;
