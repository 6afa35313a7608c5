//! A whole list request: filter, order, page, columns.

use super::{Filter, FilterFault};
use crate::layout::Layout;

/// Records of a page where the request does not say.
pub const LIMIT_DEFAULT: u32 = 1_000;
/// Most records of a page.
pub const LIMIT_MAX: u32 = 10_000;

/// Which records a list holds, by whether they are trashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trashed {
    /// Those that are not.
    #[default]
    Exclude,
    /// All.
    Include,
    /// Those that are.
    Only,
}

/// One key of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Position of the column in the layout.
    pub column: usize,
    /// Greatest first. Nulls are less than every value.
    pub descending: bool,
}

/// A checked list request.
#[derive(Debug, Clone, PartialEq)]
pub struct ListQuery {
    /// The condition; `None` for all records.
    pub filter: Option<Filter>,
    /// The keys of the order, greatest weight first; the last is always `id`, so that the order is total.
    pub order: Vec<Order>,
    /// Most records to answer.
    pub limit: u32,
    /// Records to pass over.
    pub offset: u64,
    /// Positions of the columns to answer, in order; `None` for all.
    pub select: Option<Vec<usize>>,
    /// Whether trashed records are listed.
    pub trashed: Trashed,
    /// Whether to count all records that match.
    pub count: bool,
}

/// Reads the settings of a list request from its decoded query pairs, in both spellings. Pairs that are none
/// of the list language's are refused.
///
/// # Errors
/// [`FilterFault`] for the first thing that is wrong.
pub fn parse_list_query(pairs: &[(String, String)], layout: &Layout) -> Result<ListQuery, FilterFault> {
    let _ = (pairs, layout);
    todo!()
}
