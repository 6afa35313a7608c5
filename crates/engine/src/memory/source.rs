//! Reading a [`MemoryTenant`]: the reference that databases are held against.

use std::ops::ControlFlow;
use std::sync::Arc;

use reinstate_describe::access::{ACCESS_COLUMNS, AccessLists};
use reinstate_describe::{AccessLevel, Batch, Caller, Catalog, CellValue, Layout, RowsBuilder, Value};

use super::{MemoryTenant, Row, State};
use crate::source::{Selection, Source, SourceError};

/// Rows of a batch: few, so that tests with small data see more than one.
const BATCH_ROWS: usize = 16;

/// A [`MemoryTenant`] as it was when the source was opened.
#[derive(Debug)]
pub struct MemorySource {
    state: State,
}

impl MemoryTenant {
    /// Opens the tenant for reading; what is committed from now on does not show.
    #[must_use]
    pub fn source(&self) -> MemorySource {
        MemorySource { state: self.state().clone() }
    }
}

impl MemorySource {
    fn rows<'a>(&'a self, selection: &'a Selection<'_>) -> impl Iterator<Item = &'a Row> {
        let table = self.state.tables.get(&selection.layout.model().name);
        let rows = table.into_iter().flat_map(|table| table.rows.values());
        rows.filter(|row| is_selected(row, selection))
    }
}

impl Source for MemorySource {
    fn catalog(&mut self) -> Result<Catalog, SourceError> {
        Ok(self.state.catalog.clone())
    }

    fn records_count(&mut self, selection: &Selection<'_>) -> Result<u64, SourceError> {
        Ok(self.rows(selection).count() as u64)
    }

    fn records_read(
        &mut self,
        selection: &Selection<'_>,
        take: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let mut builder = RowsBuilder::new(Arc::clone(selection.layout));
        for row in self.rows(selection) {
            row.iter().for_each(|value| builder.push(value.as_value()));
            builder.end_row();
            if builder.len() >= BATCH_ROWS && take(builder.take()).is_break() {
                return Ok(());
            }
        }
        if !builder.is_empty() {
            // Nothing comes after it, whatever the answer is.
            let _ = take(builder.take());
        }
        Ok(())
    }
}

fn is_selected(row: &Row, selection: &Selection<'_>) -> bool {
    let matches = |layout: &Layout| {
        let value = |column: usize| row.get(column).map_or(Value::Absent, CellValue::as_value);
        selection.filter.is_none_or(|filter| filter.matches(layout, &value))
    };
    is_readable(row, selection.caller) && matches(selection.layout)
}

fn is_readable(row: &Row, caller: &Caller) -> bool {
    let lists: Vec<_> =
        ACCESS_COLUMNS.iter().map(|column| row.get(*column).cloned().unwrap_or(CellValue::Null)).collect();
    caller.level_for(&AccessLists::of_cells(&lists)) >= AccessLevel::Read
}
