//! Rows as a database holds them, gathered into batches on their way out.
//!
//! Unlike a [`crate::BatchBuilder`] nothing is checked: the values were when they were written.

use std::sync::Arc;

use crate::batch::{Batch, Cell, Value};
use crate::layout::Layout;

/// Gathers rows cell by cell, in the order of the layout's columns.
///
/// ```
/// use std::sync::Arc;
/// use reinstate_describe::{Layout, Model, Name, RowsBuilder, Value};
///
/// let layout = Arc::new(Layout::new(Model::new(Name::new("items")?)));
/// let mut rows = RowsBuilder::new(Arc::clone(&layout));
/// rows.push(Value::Text("a"));
/// rows.end_row();
/// assert_eq!(rows.take().value(0, 0), Value::Text("a"));
/// # Ok::<(), reinstate_describe::NameError>(())
/// ```
#[derive(Debug)]
pub struct RowsBuilder {
    layout: Arc<Layout>,
    arena: String,
    cells: Vec<Cell>,
    rows: u64,
    /// Where in the arena the texts of the row under way begin.
    row_text_start: usize,
}

impl RowsBuilder {
    /// Starts without a row.
    #[must_use]
    pub fn new(layout: Arc<Layout>) -> Self {
        Self { layout, arena: String::new(), cells: Vec::new(), rows: 0, row_text_start: 0 }
    }

    /// The layout that the rows follow.
    #[must_use]
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Appends the value of the next column. More values than columns are of no account.
    pub fn push(&mut self, value: Value<'_>) {
        let cell = match value {
            Value::Absent => Cell::Absent,
            Value::Null => Cell::Null,
            Value::Int(number) => Cell::Int(number),
            Value::Text(text) => {
                let start = self.arena.len();
                self.arena.push_str(text);
                text_cell(start, text.len())
            }
        };
        self.push_cell(cell);
    }

    /// Appends a text that `write` appends to the arena, as the value of the next column.
    ///
    /// # Errors
    /// What `write` says; then there is no value, and what it wrote is gone.
    pub fn push_text_with<E>(&mut self, write: impl FnOnce(&mut String) -> Result<(), E>) -> Result<(), E> {
        let start = self.arena.len();
        if let Err(error) = write(&mut self.arena) {
            self.arena.truncate(start);
            return Err(error);
        }
        self.push_cell(text_cell(start, self.arena.len().saturating_sub(start)));
        Ok(())
    }

    fn push_cell(&mut self, cell: Cell) {
        if self.cells.len() < self.row_start().saturating_add(self.layout.len()) {
            self.cells.push(cell);
        }
    }

    /// Ends the row; columns without a value are absent.
    pub fn end_row(&mut self) {
        self.rows += 1;
        self.cells.resize(self.row_start(), Cell::Absent);
        self.row_text_start = self.arena.len();
    }

    /// Takes back the values of the row that was not ended.
    pub fn drop_row(&mut self) {
        self.cells.truncate(self.row_start());
        self.arena.truncate(self.row_text_start);
    }

    /// Rows that were ended.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.rows).unwrap_or(usize::MAX)
    }

    /// Whether no row was ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Bytes that the rows take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.arena.len().saturating_add(self.cells.len().saturating_mul(size_of::<Cell>()))
    }

    /// The rows as a batch, in no group and numbered from 1; the builder is empty afterwards.
    pub fn take(&mut self) -> Batch {
        let lines = (1..=self.rows).collect();
        let (arena, cells) = (std::mem::take(&mut self.arena), std::mem::take(&mut self.cells));
        // The next rows will take about as much room.
        self.arena.reserve(arena.len());
        self.cells.reserve(cells.len());
        self.rows = 0;
        self.row_text_start = 0;
        Batch::new(Arc::clone(&self.layout), arena, cells, lines, Vec::new())
    }

    fn row_start(&self) -> usize {
        self.len().saturating_mul(self.layout.len())
    }
}

/// A text in the arena. Arenas end long before 4 GiB, which no record comes near; a text beyond that is nobody's.
fn text_cell(start: usize, len: usize) -> Cell {
    match (u32::try_from(start), u32::try_from(len)) {
        (Ok(start), Ok(len)) => Cell::Text { start, len },
        _ => Cell::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_type::FieldType;
    use crate::model::{Field, Model};
    use crate::name::Name;

    fn builder() -> RowsBuilder {
        let name = |text: &str| Name::new(text).unwrap();
        let model = Model::new(name("m")).with_field(Field::new(name("note"), FieldType::Text));
        RowsBuilder::new(Arc::new(Layout::new(model)))
    }

    #[test]
    fn rows_come_out_as_they_went_in_batch_after_batch() {
        let mut rows = builder();
        for round in 0..2_i64 {
            rows.push(Value::Text("a"));
            rows.end_row();
            rows.push(Value::Text("half"));
            rows.drop_row();
            rows.push(Value::Text("b"));
            for _ in 1..9 {
                rows.push(Value::Int(round));
            }
            rows.push_text_with(|arena| -> Result<(), ()> {
                arena.push_str("note");
                Ok(())
            })
            .unwrap();
            rows.end_row();
            let batch = rows.take();
            assert_eq!((batch.len(), batch.id(0), batch.id(1)), (2, "a", "b"));
            assert_eq!(batch.value(0, 9), Value::Absent);
            assert_eq!((batch.value(1, 8), batch.value(1, 9)), (Value::Int(round), Value::Text("note")));
            assert!(rows.is_empty());
            assert_eq!(batch.into_buffers().0, "abnote");
        }
    }

    #[test]
    fn a_text_whose_writing_fails_leaves_no_trace() {
        let mut rows = builder();
        let failed = rows.push_text_with(|arena| {
            arena.push_str("half");
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        rows.push(Value::Text("id"));
        rows.end_row();
        assert_eq!(rows.take().id(0), "id");
    }
}
