//! What a parser knows of its model before any line is read, and what it uses again for every line.

use std::collections::HashMap;
use std::sync::Arc;

use super::builder::ColumnSet;
use super::rules::{Broken, Rules};
use super::{AccessListMode, ParserError};
use crate::batch::Cell;
use crate::field_type::ColumnType;
use crate::layout::{Column, Layout};
use crate::system::position;
use crate::value::{CellValue, default_value};

/// Bytes that the cells of a record may take beyond four times the length of its line; see the growth of arrays.
const ROW_GROWTH_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The end of the text, which now ends at `arena_end`, at which the record of a line takes too much.
pub(super) fn arena_end_max(arena_end: usize, line: &str) -> usize {
    arena_end.saturating_add(line.len().saturating_mul(4)).saturating_add(ROW_GROWTH_BYTES_MAX)
}

/// What is known of the model before any line is read.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) layout: Arc<Layout>,
    pub(super) columns: Vec<ColumnPlan>,
    /// What columns get that a line does not have, ascending.
    pub(super) fills: Vec<(usize, Fill)>,
    pub(super) access_lists: AccessListMode,
    /// Positions by the exact name.
    positions: HashMap<Box<str>, usize>,
}

/// One column.
#[derive(Debug)]
pub(super) struct ColumnPlan {
    pub(super) name: Box<str>,
    pub(super) key: KeyText,
    pub(super) column_type: ColumnType,
    pub(super) required: bool,
    pub(super) rules: Option<Rules>,
}

/// What a column gets that a line does not have.
#[derive(Debug)]
pub(super) enum Fill {
    /// A new id.
    Id,
    /// No entry in an access list.
    EmptyList,
    /// The time of the run.
    Now,
    /// The default value of the field.
    Value(CellValue),
}

/// What is used again for every line.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) row: Vec<Cell>,
    pub(super) named: ColumnSet,
    /// For each column, the one that came after it in the last line; the last entry is for the first key.
    pub(super) next: Vec<usize>,
    pub(super) broken: Vec<Broken>,
}

impl Plan {
    pub(super) fn new(layout: Arc<Layout>, access_lists: AccessListMode) -> Result<Self, ParserError> {
        let columns: Vec<ColumnPlan> = layout.columns().map(ColumnPlan::new).collect();
        let positions = columns.iter().enumerate().map(|(at, column)| (column.name.clone(), at)).collect();
        let mut fills = Vec::new();
        for (at, column) in layout.columns().enumerate() {
            fills.extend(Fill::of(at, column)?.map(|fill| (at, fill)));
        }
        Ok(Self { layout, columns, fills, access_lists, positions })
    }

    /// The column of a key: by its exact name or, failing that, without case.
    pub(super) fn position(&self, key: &str) -> Option<usize> {
        self.positions.get(key).copied().or_else(|| self.layout.position(key))
    }
}

impl ColumnPlan {
    fn new(column: &Column) -> Self {
        Self {
            name: column.name.as_str().into(),
            key: KeyText::new(column.name.as_str()),
            column_type: column.column_type,
            required: column.field.as_ref().is_some_and(|field| field.required),
            rules: column.field.as_ref().and_then(Rules::of),
        }
    }
}

impl Fill {
    fn of(at: usize, column: &Column) -> Result<Option<Self>, ParserError> {
        let Some(field) = &column.field else {
            return Ok(match at {
                position::ID => Some(Self::Id),
                position::ACCESS_READ..=position::ACCESS_DENY => Some(Self::EmptyList),
                position::CREATED_AT | position::UPDATED_AT => Some(Self::Now),
                _ => None,
            });
        };
        let default = default_value(field).map_err(|fault| ParserError::DefaultValue {
            field: field.name.to_string(),
            message: fault.message,
        })?;
        Ok(default.map(Self::Value))
    }
}

impl Scratch {
    pub(super) fn new(width: usize) -> Self {
        Self {
            row: vec![Cell::Absent; width],
            named: vec![0; width.div_ceil(64)],
            next: (1..=width).chain([0]).collect(),
            broken: Vec::new(),
        }
    }

    /// Makes room for the next line.
    pub(super) fn clear(&mut self) {
        self.row.fill(Cell::Absent);
        self.named.fill(0);
    }
}

/// A key as most lines spell it, with quotes and colon, made to be compared at once.
#[derive(Debug)]
pub(super) struct KeyText {
    text: Box<[u8]>,
    /// The first bytes as a number, and the bits of it that count.
    head: u128,
    mask: u128,
}

impl KeyText {
    /// Bytes of a head.
    const HEAD_BYTES: usize = 16;

    fn new(name: &str) -> Self {
        // A name needs no escape.
        let text = format!("\"{name}\":").into_bytes().into_boxed_slice();
        let (mut head, mut mask) = ([0; Self::HEAD_BYTES], [0; Self::HEAD_BYTES]);
        for ((byte, head), mask) in text.iter().zip(&mut head).zip(&mut mask) {
            (*head, *mask) = (*byte, u8::MAX);
        }
        Self { text, head: u128::from_le_bytes(head), mask: u128::from_le_bytes(mask) }
    }

    /// How long the key is, where `bytes` begin with it.
    #[inline]
    pub(super) fn length_in(&self, bytes: &[u8]) -> Option<usize> {
        let begins = match bytes.first_chunk::<{ Self::HEAD_BYTES }>() {
            Some(chunk) if (u128::from_le_bytes(*chunk) ^ self.head) & self.mask != 0 => false,
            Some(_) if self.text.len() <= Self::HEAD_BYTES => true,
            _ => bytes.starts_with(&self.text),
        };
        begins.then_some(self.text.len())
    }
}

/// Appends a text to the arena as a cell.
#[inline]
pub(super) fn push_text(arena: &mut String, text: &str) -> Cell {
    let start = arena.len();
    arena.push_str(text);
    text_cell(arena, start)
}

/// The cell of the text from `start` to the end of the arena.
#[inline]
pub(super) fn text_cell(arena: &str, start: usize) -> Cell {
    let number = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    Cell::Text { start: number(start), len: number(arena.len().saturating_sub(start)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_whole_whatever_its_length_and_whatever_follows() {
        for name in
            ["a", "eleven_char", "twelve_chars", "thirteen_char", "fourteen_chars", "of_sixteen_or_more"]
        {
            let key = KeyText::new(name);
            for behind in ["", "1", "null,\"b\":\"more of the line\"}"] {
                let text = format!("\"{name}\":{behind}");
                assert_eq!(key.length_in(text.as_bytes()), Some(name.len() + 3), "{text}");
                let other = format!("\"{name}x\":{behind}");
                assert_eq!(key.length_in(other.as_bytes()), None, "{other}");
            }
            assert_eq!(key.length_in(&name.as_bytes()[1..]), None);
        }
    }
}
