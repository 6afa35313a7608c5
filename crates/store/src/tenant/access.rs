//! What a caller may do with records that are there, read off their own access lists.

use reinstate_describe::access::AccessLists;
use reinstate_describe::system::position;
use reinstate_describe::{AccessLevel, Caller, CellValue};

use crate::error::StoreError;

/// The columns to read for [`record_level`], in its order.
pub(super) const ACCESS_COLUMNS: [usize; 4] =
    [position::ACCESS_READ, position::ACCESS_EDIT, position::ACCESS_FULL, position::ACCESS_DENY];

/// What the caller may do with a record whose [`ACCESS_COLUMNS`] hold `cells`.
pub(super) fn record_level(caller: &Caller, cells: &[CellValue]) -> AccessLevel {
    let list = |index: usize| cells.get(index).map(read_list).unwrap_or_default();
    caller.level_for(&AccessLists { read: list(0), edit: list(1), full: list(2), deny: list(3) })
}

/// Refuses a caller whose token does not reach a level.
pub(super) fn require(caller: &Caller, level: AccessLevel, what: &str) -> Result<(), StoreError> {
    if caller.level >= level {
        return Ok(());
    }
    let message = format!("a token of level '{}' may not {what}; '{level}' is needed", caller.level);
    Err(StoreError::Forbidden { message })
}

/// Refuses a record that the caller may not even know of, or may know of but not treat like this.
pub(super) fn require_record(
    caller: &Caller,
    id: &str,
    cells: Option<&Vec<CellValue>>,
    level: AccessLevel,
) -> Result<(), StoreError> {
    match cells.map(|cells| record_level(caller, cells)) {
        Some(granted) if granted >= level => Ok(()),
        Some(granted) if granted >= AccessLevel::Read => Err(StoreError::Forbidden {
            message: format!("record '{id}' grants user '{}' no more than '{granted}'", caller.user_id),
        }),
        _ => Err(StoreError::record_not_found(id)),
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
