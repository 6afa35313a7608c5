//! Requests taken apart: paths, queries and bodies, each checked strictly.

mod body;
mod path;
mod query;
mod range;

pub(crate) use body::{JsonText, Shape, check_encoding, tree_of};
pub(crate) use path::{check_path, segment};
pub(crate) use query::Query;
pub(crate) use range::{Part, asked_part, is_unchanged};
