//! Requests taken apart: paths, queries and bodies, each checked strictly.

mod body;
mod path;
mod query;

pub(crate) use body::{JsonText, Shape, check_encoding, tree_of};
pub(crate) use path::{check_path, segment};
pub(crate) use query::Query;
