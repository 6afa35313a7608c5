//! Where an archive comes from: one file a kind of source.

mod upload;

pub(crate) use upload::upload_key;
