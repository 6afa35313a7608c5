//! What a batch may do to records that exist: rules that need the old record beside the new one.
//!
//! The target finds the old records set-wise; the rules are decided here, alike for every target.

use reinstate_describe::access::{ACCESS_COLUMNS, AccessLists};
use reinstate_describe::record::{FaultCode, RecordFault};
use reinstate_describe::system::position;
use reinstate_describe::value::is_same_json;
use reinstate_describe::{AccessLevel, BaseType, Batch, Caller, CellValue, Layout, Value};

use crate::port::{Existing, Target, TargetError};

/// The rules that a model's batches must be checked against, compiled once a model.
#[derive(Debug, Clone)]
pub struct Guard {
    updates: bool,
    caller: Option<Caller>,
    immutable: Vec<usize>,
    columns: Vec<usize>,
}

impl Guard {
    /// The rules for a model: `updates` says whether existing records are updated at all, `restricted` whether
    /// any record of the model has an access list.
    #[must_use]
    pub fn new(layout: &Layout, caller: &Caller, updates: bool, restricted: bool) -> Self {
        let caller = (updates && restricted && !caller.ignores_record_lists()).then(|| caller.clone());
        let model_is_immutable = layout.model().immutable;
        let is_immutable = |index: &usize| {
            let of_field = layout.column(*index).and_then(|column| column.field.as_ref());
            // `updated_at` moves by itself and is no change of the record's content.
            (model_is_immutable && *index != position::ID && *index != position::UPDATED_AT)
                || of_field.is_some_and(|field| field.immutable)
        };
        let immutable: Vec<_> = (0..layout.len()).filter(|index| updates && is_immutable(index)).collect();
        let access = caller.iter().flat_map(|_| ACCESS_COLUMNS);
        let columns = access.chain(immutable.iter().copied()).collect();
        Self { updates, caller, immutable, columns }
    }

    /// Checks a batch against the records that it meets. The rows of the faults must not be written.
    ///
    /// # Errors
    /// Where the target fails.
    pub fn check(
        &self,
        batch: &Batch,
        target: &mut dyn Target,
    ) -> Result<Vec<(u32, RecordFault)>, TargetError> {
        let lacking = batch.groups().iter().any(|group| group.lacks.is_some());
        if !lacking && self.columns.is_empty() {
            return Ok(Vec::new());
        }
        let existing = target.records_find(batch, &self.columns)?;
        Ok(self.faults(batch, &existing))
    }

    /// The faults of a batch, given the records that it meets with the values of [`Guard::columns`].
    #[must_use]
    pub fn faults(&self, batch: &Batch, existing: &Existing) -> Vec<(u32, RecordFault)> {
        let mut faults = Vec::new();
        for group in batch.groups() {
            for &row in &group.rows {
                let fault = match existing.get(&row) {
                    None => group.lacks.map(|column| lacks_required(batch, row, column)),
                    Some(old) if self.updates => self
                        .denied(batch, row, &group.updates, old)
                        .or_else(|| self.changes_immutable(batch, row, &group.updates, old)),
                    Some(_) => None,
                };
                faults.extend(fault.map(|fault| (row, fault)));
            }
        }
        faults
    }

    /// The columns of existing records that [`Guard::faults`] wants to see.
    #[must_use]
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    fn denied(&self, batch: &Batch, row: u32, updates: &[usize], old: &[CellValue]) -> Option<RecordFault> {
        let caller = self.caller.as_ref()?;
        let granted = caller.level_for(&AccessLists::of_cells(old));
        if granted < AccessLevel::Edit {
            let message =
                format!("Record '{}' may not be changed by user '{}'", batch.id(row), caller.user_id);
            return Some(fault(batch, row, None, FaultCode::Forbidden, message));
        }
        if granted >= AccessLevel::Full {
            return None;
        }
        // Whoever may edit a record must not grant himself more, nor shut others out.
        let mut lists = ACCESS_COLUMNS.into_iter().zip(old);
        let (column, _) = lists.find(|(column, old)| {
            updates.contains(column) && !is_same_list(batch.value(row, *column), old)
        })?;
        let (name, user) = (column_name(batch, column), &caller.user_id);
        let message = format!(
            "Record '{}' grants user '{user}' no more than '{granted}': '{name}' stays",
            batch.id(row)
        );
        Some(fault(batch, row, Some(name), FaultCode::Forbidden, message))
    }

    fn changes_immutable(
        &self,
        batch: &Batch,
        row: u32,
        updates: &[usize],
        old: &[CellValue],
    ) -> Option<RecordFault> {
        let offset = self.columns.len() - self.immutable.len();
        let changed = self
            .immutable
            .iter()
            .zip(old.iter().skip(offset))
            .find(|(column, old)| updates.contains(column) && !is_same(batch, row, **column, old));
        changed.map(|(column, _)| {
            let name = column_name(batch, *column);
            let message = if batch.layout().model().immutable {
                format!(
                    "Record '{}' exists and records of model '{}' never change; the line changes '{name}'",
                    batch.id(row),
                    batch.layout().model().name
                )
            } else {
                format!("Field '{name}' of record '{}' is immutable and has another value", batch.id(row))
            };
            fault(batch, row, Some(name), FaultCode::Immutable, message)
        })
    }
}

fn lacks_required(batch: &Batch, row: u32, column: usize) -> RecordFault {
    let name = column_name(batch, column);
    let message = format!("Field '{name}' is required and record '{}' is new without it", batch.id(row));
    fault(batch, row, Some(name), FaultCode::Required, message)
}

fn column_name(batch: &Batch, column: usize) -> String {
    batch.layout().column(column).map(|column| column.name.to_string()).unwrap_or_default()
}

/// A fault of a row of a batch.
pub(crate) fn fault(
    batch: &Batch,
    row: u32,
    field: Option<String>,
    code: FaultCode,
    message: String,
) -> RecordFault {
    RecordFault { line: batch.line(row), record_id: Some(batch.id(row).to_owned()), field, code, message }
}

fn is_same(batch: &Batch, row: u32, column: usize, old: &CellValue) -> bool {
    match (batch.value(row, column), old) {
        (Value::Absent, _) | (Value::Null, CellValue::Null) => true,
        (Value::Int(new), CellValue::Int(old)) => new == *old,
        (Value::Text(new), CellValue::Text(old)) => {
            let holds_json = || {
                let kept_as = batch.layout().column(column).map(|column| column.column_type);
                kept_as.is_some_and(|kept_as| kept_as.array || kept_as.base == BaseType::Json)
            };
            new == old || (holds_json() && is_same_json(new, old))
        }
        (Value::Null | Value::Int(_) | Value::Text(_), _) => false,
    }
}

/// Whether an access list stays as it is; none at all is an empty one.
fn is_same_list(new: Value<'_>, old: &CellValue) -> bool {
    let text = |value| match value {
        Value::Text(text) => text,
        Value::Absent | Value::Null | Value::Int(_) => "[]",
    };
    matches!(new, Value::Absent) || is_same_json(text(new), text(old.as_value()))
}
