//! A tenant's data in memory: the reference that the databases are held against, and a target for tests and
//! experiments with strategies.

mod source;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reinstate_describe::record_json::write_record;
use reinstate_describe::system::position;
use reinstate_describe::value::default_value;
use reinstate_describe::{Batch, Catalog, CellValue, Field, Layout, Model, Name, RowGroup, Value};

pub use source::MemorySource;

use crate::port::{Conflict, ConflictRow, Existing, RefusedRow, RunMark, Target, TargetError, WriteOutcome};

/// A tenant's data in memory. Clones share the data.
///
/// # Examples
/// ```
/// use reinstate_engine::MemoryTenant;
///
/// let tenant = MemoryTenant::default();
/// assert!(tenant.catalog().is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryTenant(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    catalog: Catalog,
    tables: HashMap<Name, Table>,
    marks: HashMap<String, RunMark>,
}

/// A row: one value a column of the layout.
type Row = Vec<CellValue>;

#[derive(Debug, Clone, PartialEq)]
struct Table {
    layout: Arc<Layout>,
    rows: BTreeMap<String, Row>,
    /// For each unique field the id of the record that has a value.
    taken: HashMap<usize, HashMap<CellValue, String>>,
}

impl MemoryTenant {
    /// The models as they are committed.
    #[must_use]
    pub fn catalog(&self) -> Catalog {
        self.state().catalog.clone()
    }

    /// The committed records of a model as JSON objects, by id; empty where there is no such model.
    #[must_use]
    pub fn records(&self, model: &str) -> Vec<String> {
        let state = self.state();
        let table = Name::new(model).ok().and_then(|name| state.tables.get(&name));
        table.map(Table::records).unwrap_or_default()
    }

    /// The mark of a run, where it was applied.
    #[must_use]
    pub fn mark(&self, run_id: &str) -> Option<RunMark> {
        self.state().marks.get(run_id).cloned()
    }

    /// Whether two tenants hold the same models, records and marks.
    #[must_use]
    pub fn holds_the_same_as(&self, other: &Self) -> bool {
        let state = self.state().clone();
        state == *other.state()
    }

    /// A tenant of its own with the same data, to compare with later.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Opens the tenant for one run. Nothing shows in the tenant until the target is committed; of several
    /// targets open at once the last to commit wins.
    #[must_use]
    pub fn target(&self) -> MemoryTarget {
        MemoryTarget { tenant: self.clone(), state: self.state().clone(), before: HashMap::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held cannot leave half a state: states are swapped whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`MemoryTenant`] opened for one run.
#[derive(Debug)]
pub struct MemoryTarget {
    tenant: MemoryTenant,
    state: State,
    /// The rows of each model when the run first wrote to it.
    before: HashMap<Name, HashSet<String>>,
}

impl Table {
    fn new(layout: Layout) -> Self {
        let unique = |index: &usize| {
            layout.column(*index).and_then(|column| column.field.as_ref()).is_some_and(|field| field.unique)
        };
        let taken = layout.field_positions().filter(unique).map(|index| (index, HashMap::new())).collect();
        Self { layout: Arc::new(layout), rows: BTreeMap::new(), taken }
    }

    fn records(&self) -> Vec<String> {
        let write = |row: &Row| {
            let mut text = String::new();
            write_record(self.layout.columns().zip(row.iter().map(CellValue::as_value)), &mut text);
            text
        };
        self.rows.values().map(write).collect()
    }

    fn clear(&mut self) -> u64 {
        let count = self.rows.len() as u64;
        self.rows.clear();
        self.taken.values_mut().for_each(HashMap::clear);
        count
    }

    /// The unique column whose value in `row` another record than `id` has.
    fn refused(&self, id: &str, row: &Row) -> Option<usize> {
        self.taken
            .iter()
            .filter_map(|(column, taken)| {
                let owner = taken.get(row.get(*column)?)?;
                (owner != id).then_some(*column)
            })
            .min()
    }

    fn put(&mut self, id: &str, row: Row) {
        self.forget(id);
        for (column, taken) in &mut self.taken {
            match row.get(*column) {
                None | Some(CellValue::Null) => {}
                Some(value) => {
                    taken.insert(value.clone(), id.to_owned());
                }
            }
        }
        self.rows.insert(id.to_owned(), row);
    }

    fn forget(&mut self, id: &str) {
        let Some(old) = self.rows.get(id) else { return };
        for (column, taken) in &mut self.taken {
            if let Some(value) = old.get(*column) {
                taken.remove(value);
            }
        }
    }

    fn inserted(&self, batch: &Batch, row: u32, group: &RowGroup) -> Row {
        let mut values = vec![CellValue::Null; self.layout.len()];
        overwrite(&mut values, batch, row, &group.columns);
        values
    }
}

fn overwrite(values: &mut Row, batch: &Batch, row: u32, columns: &[usize]) {
    for &column in columns {
        if let Some(value) = values.get_mut(column) {
            *value = owned(batch.value(row, column));
        }
    }
}

fn owned(value: Value<'_>) -> CellValue {
    match value {
        Value::Absent | Value::Null => CellValue::Null,
        Value::Int(number) => CellValue::Int(number),
        Value::Text(text) => CellValue::Text(text.to_owned()),
    }
}

fn unknown(model: &Name) -> TargetError {
    TargetError::Failed { doing: "looking for a model".to_owned(), message: format!("no model '{model}'") }
}

impl MemoryTarget {
    fn table(&mut self, model: &Name) -> Result<&mut Table, TargetError> {
        self.state.tables.get_mut(model).ok_or_else(|| unknown(model))
    }

    /// Writes one row and says what became of it.
    fn write_row(
        table: &mut Table,
        batch: &Batch,
        row: u32,
        group: &RowGroup,
        conflict: Conflict,
    ) -> Result<Written, RefusedRow> {
        let id = batch.id(row).to_owned();
        let old = table.rows.get(&id).cloned();
        let is_new = old.is_none();
        if !is_new && conflict != Conflict::Update {
            return Ok(Written::Skipped);
        }
        let values = match old {
            Some(mut values) => {
                overwrite(&mut values, batch, row, &group.updates);
                values
            }
            None => table.inserted(batch, row, group),
        };
        if let Some(column) = table.refused(&id, &values).and_then(|column| table.layout.column(column)) {
            return Err(RefusedRow { row, field: column.name.clone() });
        }
        table.put(&id, values);
        Ok(if is_new { Written::Inserted } else { Written::Updated })
    }
}

enum Written {
    Inserted,
    Updated,
    Skipped,
}

impl Target for MemoryTarget {
    fn catalog(&mut self) -> Result<Catalog, TargetError> {
        Ok(self.state.catalog.clone())
    }

    fn model_create(&mut self, model: &Model) -> Result<(), TargetError> {
        if self.state.catalog.get(&model.name).is_some() {
            let message = format!("model '{}' exists", model.name);
            return Err(TargetError::Failed { doing: "creating a model".to_owned(), message });
        }
        self.state.catalog.insert(model.clone());
        self.state.tables.insert(model.name.clone(), Table::new(Layout::new(model.clone())));
        Ok(())
    }

    fn fields_add(&mut self, model: &Name, fields: &[Field]) -> Result<(), TargetError> {
        let mut changed = self.state.catalog.get(model).cloned().ok_or_else(|| unknown(model))?;
        let defaults: Vec<_> = fields.iter().map(default_of).collect::<Result<_, _>>()?;
        for field in fields {
            changed = changed.with_field(field.clone());
        }
        let mut table = Table::new(Layout::new(changed.clone()));
        let existing = self.table(model)?;
        if existing.rows.len() > 1 {
            let mut shared = fields.iter().zip(&defaults);
            if let Some((field, _)) = shared.find(|(field, value)| field.unique && **value != CellValue::Null)
            {
                let message = format!(
                    "field '{}' of model '{model}' cannot be unique: records share a value",
                    field.name
                );
                return Err(TargetError::Refused { message });
            }
        }
        let rows = std::mem::take(&mut existing.rows);
        for (id, mut row) in rows {
            row.extend(defaults.iter().cloned());
            table.put(&id, row);
        }
        self.state.tables.insert(model.clone(), table);
        self.state.catalog.insert(changed);
        Ok(())
    }

    fn model_has_records(&mut self, model: &Name) -> Result<bool, TargetError> {
        Ok(!self.table(model)?.rows.is_empty())
    }

    fn model_is_restricted(&mut self, model: &Name) -> Result<bool, TargetError> {
        let lists = position::ACCESS_READ..=position::ACCESS_DENY;
        let is_empty = |value: &CellValue| match value {
            CellValue::Null => true,
            CellValue::Text(text) => text == "[]",
            CellValue::Int(_) => false,
        };
        let restricted = |row: &Row| row.get(lists.clone()).is_some_and(|lists| !lists.iter().all(is_empty));
        Ok(self.table(model)?.rows.values().any(restricted))
    }

    fn records_clear(&mut self, model: &Name) -> Result<u64, TargetError> {
        self.before.insert(model.clone(), HashSet::new());
        Ok(self.table(model)?.clear())
    }

    fn records_find(&mut self, batch: &Batch, columns: &[usize]) -> Result<Existing, TargetError> {
        let table = self.table(&batch.layout().model().name.clone())?;
        let rows = batch.groups().iter().flat_map(|group| group.rows.iter().copied());
        let found = |row: u32| {
            let values = table.rows.get(batch.id(row))?;
            let value = |column: &usize| values.get(*column).cloned().unwrap_or(CellValue::Null);
            Some((row, columns.iter().map(value).collect()))
        };
        Ok(rows.filter_map(found).collect())
    }

    fn records_write(&mut self, batch: &Batch, conflict: Conflict) -> Result<WriteOutcome, TargetError> {
        let model = batch.layout().model().name.clone();
        let table = self.state.tables.get_mut(&model).ok_or_else(|| unknown(&model))?;
        let before = self.before.entry(model).or_insert_with(|| table.rows.keys().cloned().collect());
        let report_max = match conflict {
            Conflict::Update => 0,
            Conflict::Ignore { report_max } => report_max,
            Conflict::Fail => usize::MAX,
        };
        let mut outcome = WriteOutcome::default();
        let mut conflicts = Vec::new();
        for group in batch.groups() {
            for &row in &group.rows {
                match Self::write_row(table, batch, row, group, conflict) {
                    Ok(Written::Inserted) => outcome.inserted += 1,
                    Ok(Written::Updated) => outcome.updated += 1,
                    Ok(Written::Skipped) => {
                        outcome.skipped += 1;
                        let existed_before = before.contains(batch.id(row));
                        conflicts.push(ConflictRow { row, existed_before });
                    }
                    Err(refused) => outcome.refused.push(refused),
                }
            }
        }
        conflicts.sort_by_key(|conflict| conflict.row);
        conflicts.truncate(report_max);
        outcome.conflicts = conflicts;
        Ok(outcome)
    }

    fn commit(mut self: Box<Self>, mark: &RunMark) -> Result<(), TargetError> {
        let mut shared = self.tenant.state();
        if shared.marks.contains_key(&mark.run_id) {
            return Err(TargetError::AlreadyApplied);
        }
        self.state.marks.insert(mark.run_id.clone(), mark.clone());
        *shared = std::mem::take(&mut self.state);
        Ok(())
    }
}

fn default_of(field: &Field) -> Result<CellValue, TargetError> {
    let default = default_value(field).map_err(|fault| TargetError::Refused {
        message: format!("the default value of field '{}' {fault}", field.name),
    })?;
    Ok(default.unwrap_or(CellValue::Null))
}
