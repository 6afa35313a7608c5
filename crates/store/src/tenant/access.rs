//! What a caller may do with records that are there, read off their own access lists.

use reinstate_describe::access::AccessLists;
use reinstate_describe::{AccessLevel, Caller, CellValue};

use crate::error::StoreError;

/// Refuses a caller whose token does not reach a level.
pub(super) fn require(caller: &Caller, level: AccessLevel, what: &str) -> Result<(), StoreError> {
    if caller.level >= level {
        return Ok(());
    }
    let message = format!("a token of level '{}' may not {what}; '{level}' is needed", caller.level);
    Err(StoreError::Forbidden { message })
}

/// Refuses a record that the caller may not even know of, or may know of but not treat like this. `cells` are
/// those of [`reinstate_describe::access::ACCESS_COLUMNS`].
pub(super) fn require_record(
    caller: &Caller,
    id: &str,
    cells: Option<&Vec<CellValue>>,
    level: AccessLevel,
) -> Result<(), StoreError> {
    match cells.map(|cells| caller.level_for(&AccessLists::of_cells(cells))) {
        Some(granted) if granted >= level => Ok(()),
        Some(granted) if granted >= AccessLevel::Read => Err(StoreError::Forbidden {
            message: format!("record '{id}' grants user '{}' no more than '{granted}'", caller.user_id),
        }),
        _ => Err(StoreError::record_not_found(id)),
    }
}
