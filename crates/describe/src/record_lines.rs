//! Records as lines of canonical JSON, written value by value without rows in between.
//!
//! The lines are those of [`crate::record_json::write_canonical_record`], in which the names and types of columns are
//! looked up anew for each record.

use crate::access::ACCESS_COLUMNS;
use crate::batch::Value;
use crate::field_type::ColumnType;
use crate::layout::Layout;
use crate::record_json::write_canonical_value;

/// Room that is made for the next lines before they are there, in bytes: more than anybody gathers of usual lines.
const ROOM_BYTES_MAX: usize = 1 << 20;

/// Whole lines of JSON, a record each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// The lines, each with its line break.
    pub text: String,
    /// How many there are.
    pub records: u64,
    /// Where in the text the longest line begins, in bytes.
    pub longest_start: usize,
    /// How long the longest line is without its line break, in bytes.
    pub longest_bytes: usize,
    /// Whether one of the records has an access list that names anybody.
    pub is_restricted: bool,
}

impl Lines {
    /// The longest line without its line break.
    #[must_use]
    pub fn longest(&self) -> &str {
        self.text
            .get(self.longest_start..)
            .and_then(|rest| rest.get(..self.longest_bytes))
            .unwrap_or_default()
    }
}

/// Writes records of one layout, value by value in the order of its columns.
///
/// ```
/// use reinstate_describe::{Layout, LinesBuilder, Model, Name, Value};
///
/// let mut lines = LinesBuilder::new(&Layout::new(Model::new(Name::new("items")?)));
/// lines.push(Value::Text("a"));
/// lines.end_record();
/// assert_eq!(lines.take().text, "{\"id\":\"a\"}\n");
/// # Ok::<(), reinstate_describe::NameError>(())
/// ```
#[derive(Debug)]
pub struct LinesBuilder {
    columns: Vec<LineColumn>,
    /// The column whose value comes next.
    next: usize,
    /// Where the line under way begins.
    line_start: usize,
    lines: Lines,
}

/// What a line needs to know of a column.
#[derive(Debug)]
struct LineColumn {
    /// `,"NAME":`.
    prefix: String,
    column_type: ColumnType,
    is_access_list: bool,
}

impl LinesBuilder {
    /// Starts without a line.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let columns = layout.columns().enumerate().map(|(index, column)| LineColumn {
            // A name needs no escape.
            prefix: format!(",\"{}\":", column.name),
            column_type: column.column_type,
            is_access_list: ACCESS_COLUMNS.contains(&index),
        });
        Self { columns: columns.collect(), next: 0, line_start: 0, lines: empty(0) }
    }

    /// How many columns a record has.
    #[must_use]
    pub fn columns_len(&self) -> usize {
        self.columns.len()
    }

    /// Appends the value of the next column; an absent one is left out. More values than columns are of no account.
    pub fn push(&mut self, value: Value<'_>) {
        if value == Value::Absent {
            self.next += 1;
            return;
        }
        let Ok(()) = self.push_with(|column_type, out| {
            write_canonical_value(column_type, value, out);
            Ok::<(), std::convert::Infallible>(())
        });
    }

    /// Appends the value of the next column as `write` writes it, which must be canonical JSON of the column's type.
    ///
    /// # Errors
    /// What `write` says; then the line has to be dropped by [`drop_record`](Self::drop_record).
    pub fn push_with<E>(
        &mut self,
        write: impl FnOnce(ColumnType, &mut String) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(column) = self.columns.get(self.next) else { return Ok(()) };
        self.next += 1;
        let out = &mut self.lines.text;
        if out.len() == self.line_start {
            out.push('{');
            out.push_str(column.prefix.get(1..).unwrap_or_default());
        } else {
            out.push_str(&column.prefix);
        }
        let start = out.len();
        write(column.column_type, out)?;
        if column.is_access_list && !self.lines.is_restricted {
            self.lines.is_restricted = !matches!(out.get(start..), Some("null" | "[]"));
        }
        Ok(())
    }

    /// Ends the record; columns without a value are left out.
    pub fn end_record(&mut self) {
        let text = &mut self.lines.text;
        text.push_str(if text.len() == self.line_start { "{}" } else { "}" });
        let bytes = text.len() - self.line_start;
        if bytes > self.lines.longest_bytes {
            self.lines.longest_start = self.line_start;
            self.lines.longest_bytes = bytes;
        }
        text.push('\n');
        self.lines.records += 1;
        self.line_start = text.len();
        self.next = 0;
    }

    /// Takes back what was written of the record under way.
    pub fn drop_record(&mut self) {
        self.lines.text.truncate(self.line_start);
        self.next = 0;
    }

    /// Bytes that were written.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lines.text.len()
    }

    /// Whether no record was ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.records == 0
    }

    /// The lines of the records that were ended; the builder is empty afterwards.
    pub fn take(&mut self) -> Lines {
        self.drop_record();
        self.line_start = 0;
        // The next lines will take about as much room, unless one of these was of an unusual length.
        let next = empty(self.lines.text.capacity().min(ROOM_BYTES_MAX));
        std::mem::replace(&mut self.lines, next)
    }
}

/// No line, with room for so many bytes.
fn empty(capacity: usize) -> Lines {
    let text = String::with_capacity(capacity);
    Lines { text, records: 0, longest_start: 0, longest_bytes: 0, is_restricted: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_type::FieldType;
    use crate::model::{Field, Model};
    use crate::name::Name;

    fn builder() -> LinesBuilder {
        let name = |text: &str| Name::new(text).unwrap();
        LinesBuilder::new(&Layout::new(
            Model::new(name("m")).with_field(Field::new(name("note"), FieldType::Text)),
        ))
    }

    fn record(lines: &mut LinesBuilder, id: &str, readers: Value<'_>, note: &str) {
        lines.push(Value::Text(id));
        lines.push(readers);
        for _ in 2..9 {
            lines.push(Value::Absent);
        }
        lines.push(Value::Text(note));
        lines.end_record();
    }

    #[test]
    fn lines_come_out_with_what_is_to_know_of_them() {
        let mut lines = builder();
        for _ in 0..2 {
            record(&mut lines, "a", Value::Text("[]"), "longest");
            record(&mut lines, "b", Value::Null, "x");
            let taken = lines.take();
            assert_eq!(
                taken.text,
                "{\"id\":\"a\",\"access_read\":[],\"note\":\"longest\"}\n{\"id\":\"b\",\"access_read\":null,\"note\":\"x\"}\n"
            );
            assert_eq!((taken.records, taken.is_restricted), (2, false));
            assert_eq!(taken.longest(), "{\"id\":\"a\",\"access_read\":[],\"note\":\"longest\"}");
            assert!(lines.is_empty());
        }
        record(&mut lines, "c", Value::Text("[\"ann\"]"), "x");
        assert!(lines.take().is_restricted);
        assert!(!lines.take().is_restricted);
    }

    #[test]
    fn a_record_that_is_dropped_or_not_ended_leaves_no_trace() {
        let mut lines = builder();
        lines.push(Value::Text("half"));
        assert_eq!(lines.push_with(|_, _| Err("no")), Err("no"));
        lines.drop_record();
        record(&mut lines, "a", Value::Null, "");
        lines.push(Value::Text("half"));
        let taken = lines.take();
        assert_eq!(
            (taken.text.as_str(), taken.records),
            ("{\"id\":\"a\",\"access_read\":null,\"note\":\"\"}\n", 1)
        );
    }
}
