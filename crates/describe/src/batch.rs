//! Typed rows on their way into a target: one arena of text a batch, cells that point into it.
//!
//! # Encoding of a cell
//! | base type | cell |
//! | --- | --- |
//! | text | text |
//! | integer | int |
//! | decimal | text in canonical form (see `value::decimal`) |
//! | boolean | int, 0 or 1 |
//! | timestamp | int, microseconds since 1970-01-01T00:00:00Z |
//! | date | int, days since 1970-01-01 |
//! | uuid | text, lower case with dashes |
//! | JSON | text, compact JSON |
//! | array of any | text, compact JSON array of the elements' JSON forms |

use std::sync::Arc;

use crate::layout::Layout;
use crate::system::position;

/// One cell of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// The record does not have the column at all.
    Absent,
    /// An explicit null.
    Null,
    /// A number; see the table above for what it counts.
    Int(i64),
    /// A text in the batch's arena.
    Text {
        /// First byte in the arena.
        start: u32,
        /// Length in bytes.
        len: u32,
    },
}

/// The value of a cell, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// The record does not have the column at all.
    Absent,
    /// An explicit null.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(&'a str),
}

/// Rows of a batch that have the same columns, and so can go into one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowGroup {
    /// Positions of the columns that each row of the group has, ascending; the first is always `id`.
    pub columns: Vec<usize>,
    /// The subset of `columns` that an update of an existing record writes: what the record itself named,
    /// and `updated_at`. Never `id`.
    pub updates: Vec<usize>,
    /// The first required column that the rows lack: they may change a record, never create one.
    pub lacks: Option<usize>,
    /// The rows, by their number in the batch.
    pub rows: Vec<u32>,
}

/// Records of one model, typed and checked, on their way into a target. No id occurs twice in a batch.
#[derive(Debug, Clone)]
pub struct Batch {
    layout: Arc<Layout>,
    arena: String,
    cells: Vec<Cell>,
    lines: Vec<u64>,
    groups: Vec<RowGroup>,
}

impl Batch {
    /// Puts a batch together from its parts: `cells` row by row, one cell a column of the layout; `lines`
    /// one number a row.
    #[must_use]
    pub fn new(
        layout: Arc<Layout>,
        arena: String,
        cells: Vec<Cell>,
        lines: Vec<u64>,
        groups: Vec<RowGroup>,
    ) -> Self {
        Self { layout, arena, cells, lines, groups }
    }

    /// The layout that the cells follow.
    #[must_use]
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// How many rows the batch holds, excluded ones too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether the batch holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The groups of rows to write.
    #[must_use]
    pub fn groups(&self) -> &[RowGroup] {
        &self.groups
    }

    /// The value at a row and a column; [`Value::Absent`] outside the batch.
    #[must_use]
    #[inline]
    pub fn value(&self, row: u32, column: usize) -> Value<'_> {
        let index = (row as usize).saturating_mul(self.layout.len()).saturating_add(column);
        if column >= self.layout.len() {
            return Value::Absent;
        }
        match self.cells.get(index) {
            None | Some(Cell::Absent) => Value::Absent,
            Some(Cell::Null) => Value::Null,
            Some(Cell::Int(number)) => Value::Int(*number),
            Some(Cell::Text { start, len }) => {
                let start = *start as usize;
                self.arena.get(start..start.saturating_add(*len as usize)).map_or(Value::Absent, Value::Text)
            }
        }
    }

    /// The cells of a row, one a column of the layout; none outside the batch. For who reads many columns of a row.
    #[must_use]
    pub fn cells(&self, row: u32) -> &[Cell] {
        let first = (row as usize).saturating_mul(self.layout.len());
        self.cells.get(first..first.saturating_add(self.layout.len())).unwrap_or_default()
    }

    /// The texts that cells point into.
    #[must_use]
    pub fn arena(&self) -> &str {
        &self.arena
    }

    /// The id of a row; empty outside the batch.
    #[must_use]
    pub fn id(&self, row: u32) -> &str {
        match self.value(row, position::ID) {
            Value::Text(id) => id,
            _ => "",
        }
    }

    /// The line of the file that a row came from, 1-based; for records of a request, their place in it.
    #[must_use]
    pub fn line(&self, row: u32) -> u64 {
        self.lines.get(row as usize).copied().unwrap_or_default()
    }

    /// Takes rows out of the groups, so that a target will not see them; their cells stay readable.
    pub fn exclude(&mut self, mut is_excluded: impl FnMut(u32) -> bool) {
        for group in &mut self.groups {
            group.rows.retain(|row| !is_excluded(*row));
        }
        self.groups.retain(|group| !group.rows.is_empty());
    }

    /// How many rows are left to write.
    #[must_use]
    pub fn rows_to_write(&self) -> usize {
        self.groups.iter().map(|group| group.rows.len()).sum()
    }

    /// The buffers that the values are in.
    #[must_use]
    pub fn into_buffers(self) -> (String, Vec<Cell>, Vec<u64>) {
        (self.arena, self.cells, self.lines)
    }
}
