//! Who asks: the caller's level and identity, and what a record's own access lists make of it.

use std::collections::BTreeSet;
use std::fmt;

use crate::system::position;
use crate::value::CellValue;

/// The columns with a record's access lists, in the order that [`AccessLists::of_cells`] takes.
pub const ACCESS_COLUMNS: [usize; 4] =
    [position::ACCESS_READ, position::ACCESS_EDIT, position::ACCESS_FULL, position::ACCESS_DENY];

/// How much a token may do, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessLevel {
    /// Nothing at all.
    Deny,
    /// Read records, runs and logs.
    Read,
    /// Create and update records.
    Edit,
    /// Delete, define models, manage restores.
    Full,
    /// Like `Full`, without regard to the access lists of records.
    Root,
}

impl AccessLevel {
    /// The spelling in tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Read => "read",
            Self::Edit => "edit",
            Self::Full => "full",
            Self::Root => "root",
        }
    }

    /// Reads the spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Deny, Self::Read, Self::Edit, Self::Full, Self::Root].into_iter().find(|l| l.as_str() == text)
    }
}

impl fmt::Display for AccessLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The one who asks, within one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The level of the token.
    pub level: AccessLevel,
    /// The user's id.
    pub user_id: String,
    /// Every id by which a record's access lists may name the caller: the user and all its groups.
    pub principals: BTreeSet<String>,
}

/// The four access lists of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessLists {
    /// `access_read`
    pub read: Vec<String>,
    /// `access_edit`
    pub edit: Vec<String>,
    /// `access_full`
    pub full: Vec<String>,
    /// `access_deny`
    pub deny: Vec<String>,
}

impl AccessLists {
    /// Reads the lists off the cells of [`ACCESS_COLUMNS`]; cells behind those are of no account.
    #[must_use]
    pub fn of_cells(cells: &[CellValue]) -> Self {
        let list = |index: usize| cells.get(index).map(read_list).unwrap_or_default();
        Self { read: list(0), edit: list(1), full: list(2), deny: list(3) }
    }
}

fn read_list(cell: &CellValue) -> Vec<String> {
    match cell {
        // A list that cannot be read names nobody, and is still not empty.
        CellValue::Text(text) => serde_json::from_str::<Vec<Option<String>>>(text)
            .map(|ids| ids.into_iter().flatten().collect())
            .unwrap_or_else(|_| vec![String::new()]),
        CellValue::Null | CellValue::Int(_) => Vec::new(),
    }
}

impl Caller {
    /// A caller without groups.
    #[must_use]
    pub fn new(level: AccessLevel, user_id: impl Into<String>) -> Self {
        let user_id = user_id.into();
        Self { level, principals: BTreeSet::from([user_id.clone()]), user_id }
    }

    /// Whether record lists are of no account for this caller.
    #[must_use]
    pub fn ignores_record_lists(&self) -> bool {
        self.level == AccessLevel::Root
    }

    /// What the caller may do with a record that has these lists: never more than the token's level.
    ///
    /// A mention in `access_deny` wins over all. Where all four lists are empty the token decides. Otherwise
    /// the strongest of the other lists that names the caller grants up to its level, and no mention grants
    /// nothing.
    #[must_use]
    pub fn level_for(&self, lists: &AccessLists) -> AccessLevel {
        if self.ignores_record_lists() {
            return AccessLevel::Root;
        }
        let named = |list: &[String]| list.iter().any(|id| self.principals.contains(id));
        if named(&lists.deny) {
            return AccessLevel::Deny;
        }
        if [&lists.read, &lists.edit, &lists.full, &lists.deny].into_iter().all(Vec::is_empty) {
            return self.level;
        }
        let granted = [
            (&lists.full, AccessLevel::Full),
            (&lists.edit, AccessLevel::Edit),
            (&lists.read, AccessLevel::Read),
        ]
        .into_iter()
        .find(|(list, _)| named(list))
        .map_or(AccessLevel::Deny, |(_, level)| level);
        granted.min(self.level)
    }
}
