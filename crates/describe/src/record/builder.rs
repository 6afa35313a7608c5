//! A batch in the making.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use super::ids::IdIndex;
use crate::batch::{Batch, Cell, RowGroup};
use crate::layout::{Column, Layout};
use crate::system::position;

/// Rows at which a batch counts as full: enough that the cost of a batch no longer shows.
pub const BATCH_ROWS_MAX: usize = 2048;
/// Bytes at which a batch counts as full; one record may go beyond it.
pub const BATCH_BYTES_MAX: usize = 512 * 1024;

/// A set of columns, one bit each.
pub(super) type ColumnSet = Vec<u64>;

/// Collects rows until they are a [`Batch`]; filled by [`super::RecordParser`].
#[derive(Debug)]
pub struct BatchBuilder {
    layout: Arc<Layout>,
    arena: String,
    cells: Vec<Cell>,
    lines: Vec<u64>,
    groups: Vec<RowGroup>,
    /// The group of each set of columns that a row named.
    shapes: HashMap<ColumnSet, usize>,
    /// The shape of the last row and its group: most rows are like the one before.
    last: Option<(ColumnSet, usize)>,
    ids: IdIndex,
    /// Rows of one shape only: a target writes group by group, and where a field is unique the order of lines
    /// decides whether a value is free.
    keeps_order: bool,
}

impl BatchBuilder {
    /// An empty builder for rows of `layout`.
    #[must_use]
    pub fn new(layout: Arc<Layout>) -> Self {
        let is_unique = |column: &Column| column.field.as_ref().is_some_and(|field| field.unique);
        let keeps_order = layout.columns().any(is_unique);
        Self {
            keeps_order,
            layout,
            arena: String::new(),
            cells: Vec::new(),
            lines: Vec::new(),
            groups: Vec::new(),
            shapes: HashMap::new(),
            last: None,
            ids: IdIndex::default(),
        }
    }

    /// The layout of the rows.
    #[must_use]
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Memory that the rows take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.arena.len() + mem::size_of_val(self.cells.as_slice()) + mem::size_of_val(self.lines.as_slice())
    }

    /// Whether [`BATCH_ROWS_MAX`] or [`BATCH_BYTES_MAX`] is reached.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= BATCH_ROWS_MAX || self.bytes() >= BATCH_BYTES_MAX
    }

    /// Takes the rows out as a batch; the builder is empty afterwards and can be filled again.
    pub fn finish(&mut self) -> Batch {
        self.shapes.clear();
        self.last = None;
        self.ids.clear();
        // The next rows will take about as much room, which then need not grow by copies; but one huge record is no
        // measure.
        let arena_bytes = self.arena.len().min(BATCH_BYTES_MAX);
        let arena = String::with_capacity(with_slack(arena_bytes));
        let cells = Vec::with_capacity(with_slack(self.cells.len()));
        let lines = Vec::with_capacity(with_slack(self.lines.len()));
        Batch::new(
            Arc::clone(&self.layout),
            mem::replace(&mut self.arena, arena),
            mem::replace(&mut self.cells, cells),
            mem::replace(&mut self.lines, lines),
            mem::take(&mut self.groups),
        )
    }

    /// The text that cells of the next row are appended to.
    pub(super) fn arena_mut(&mut self) -> &mut String {
        &mut self.arena
    }

    /// The text of a cell.
    pub(super) fn text(&self, cell: Cell) -> Option<&str> {
        cell_text(&self.arena, cell)
    }

    /// The end of the text, to come back to with [`Self::roll_back`].
    pub(super) fn mark(&self) -> usize {
        self.arena.len()
    }

    /// Takes back what was appended since `mark`.
    pub(super) fn roll_back(&mut self, mark: usize) {
        self.arena.truncate(mark);
    }

    /// Adds a row unless it has to wait for the next batch, because its id is here already or its shape is
    /// another and order counts; false then. `named` holds the columns that the record
    /// named itself; `required` says of a column whether a new record needs it.
    pub(super) fn push_row(
        &mut self,
        row: &[Cell],
        line: u64,
        named: &ColumnSet,
        required: impl Fn(usize) -> bool,
    ) -> bool {
        if self.keeps_order && self.last.as_ref().is_some_and(|(shape, _)| shape != named) {
            return false;
        }
        let id = row.get(position::ID).and_then(|cell| self.text(*cell)).unwrap_or_default();
        let hash = self.ids.hash(id);
        let width = self.layout.len();
        let has_id = |row: u32| {
            let cell = self.cells.get(row as usize * width + position::ID);
            cell.and_then(|cell| self.text(*cell)) == Some(id)
        };
        if self.ids.contains(hash, has_id) {
            return false;
        }
        let number = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        self.ids.insert(hash, number);
        let group = self.group(row, named, required);
        if let Some(group) = self.groups.get_mut(group) {
            group.rows.push(number);
        }
        self.cells.extend_from_slice(row);
        self.lines.push(line);
        true
    }

    /// The number of the group for rows like this one.
    fn group(&mut self, row: &[Cell], named: &ColumnSet, required: impl Fn(usize) -> bool) -> usize {
        if let Some((shape, group)) = &self.last
            && shape == named
        {
            return *group;
        }
        let group = self.shapes.get(named).copied().unwrap_or_else(|| {
            self.groups.push(group_of(row, named, required));
            self.shapes.insert(named.clone(), self.groups.len() - 1);
            self.groups.len() - 1
        });
        self.last = Some((named.clone(), group));
        group
    }
}

/// A little more than last time.
const fn with_slack(last: usize) -> usize {
    last.saturating_add(last / 8)
}

fn group_of(row: &[Cell], named: &ColumnSet, required: impl Fn(usize) -> bool) -> RowGroup {
    let is_present = |column: &usize| row.get(*column).is_some_and(|cell| *cell != Cell::Absent);
    let is_written = |column: &usize| {
        *column == position::UPDATED_AT || (*column != position::ID && contains(named, *column))
    };
    RowGroup {
        columns: (0..row.len()).filter(is_present).collect(),
        updates: (0..row.len()).filter(is_written).collect(),
        lacks: (0..row.len()).find(|column| !is_present(column) && required(*column)),
        rows: Vec::new(),
    }
}

/// Adds a column to a set that is large enough.
#[inline]
pub(super) fn insert(set: &mut ColumnSet, column: usize) {
    if let Some(word) = set.get_mut(column / 64) {
        *word |= 1 << (column % 64);
    }
}

fn contains(set: &ColumnSet, column: usize) -> bool {
    set.get(column / 64).is_some_and(|word| word & (1 << (column % 64)) != 0)
}

/// The text of a cell in an arena.
#[inline]
pub(super) fn cell_text(arena: &str, cell: Cell) -> Option<&str> {
    let Cell::Text { start, len } = cell else { return None };
    let start = start as usize;
    arena.get(start..start.checked_add(len as usize)?)
}
