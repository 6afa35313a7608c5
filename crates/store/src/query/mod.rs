//! Reading records by a list query: the filter becomes SQL with bound values, each row one JSON object.
//!
//! The same code reads a tenant's models and the static tables of the control plane that the Data API shows as
//! models: what differs is the [`TableRef`].

use diesel::SqliteConnection;
use reinstate_describe::{Caller, Layout, ListQuery, Trashed};

use crate::error::StoreError;

/// The table to read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableRef<'a> {
    /// Name of a table or a view, quoted already, that has a column for each of the layout's.
    pub table: &'a str,
    /// Shows only the rows that hold a value: the tenant's, in tables that all tenants share.
    pub only: Option<Only<'a>>,
}

/// A column that must hold a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Only<'a> {
    /// The column's name, quoted already.
    pub column: &'a str,
    /// The value, which is bound.
    pub value: &'a str,
}

/// One page of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordPage {
    /// The records, each as the text of a JSON object.
    pub records: Vec<String>,
    /// Whether there are more after these.
    pub has_more: bool,
    /// How many records match in all, where that was asked for.
    pub total: Option<u64>,
    /// The limit that was applied.
    pub limit: u32,
    /// How many matching records were passed over.
    pub offset: u64,
}

/// Reads one page. Rows that `caller` may not read are as if they were not there; without a caller none is
/// hidden. Run it in a transaction where page and total must agree.
///
/// # Errors
/// Where the database fails.
pub(crate) fn list(
    _connection: &mut SqliteConnection,
    _table: TableRef<'_>,
    _layout: &Layout,
    _caller: Option<&Caller>,
    _query: &ListQuery,
) -> Result<RecordPage, StoreError> {
    todo!()
}

/// Reads one record as the text of a JSON object; `None` where there is none that `caller` may read.
///
/// # Errors
/// Where the database fails.
pub(crate) fn get(
    _connection: &mut SqliteConnection,
    _table: TableRef<'_>,
    _layout: &Layout,
    _caller: Option<&Caller>,
    _id: &str,
    _trashed: Trashed,
) -> Result<Option<String>, StoreError> {
    todo!()
}
