//! The statement that writes many rows of a batch at once.

use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl};
use reinstate_describe::ddl::quote;
use reinstate_describe::{Batch, RowGroup, Value};

/// What a row does whose id is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnId {
    /// Write the group's `updates`.
    Update,
    /// Leave the record as it is.
    Nothing,
}

/// The text of an insert for one group of rows, made once a group: all but the values.
#[derive(Debug)]
pub(super) struct InsertText {
    head: String,
    tail: String,
}

impl InsertText {
    pub(super) fn new(table: &str, batch: &Batch, group: &RowGroup, on_id: OnId) -> Self {
        let name = |position: &usize| batch.layout().column(*position).map(|column| quote(&column.name));
        let columns: Vec<_> = group.columns.iter().filter_map(name).collect();
        // `OR FAIL`: a refused row leaves the rows before it in place, so that SQLite need not note down every
        // page that the statement touches; with ids in no order that is most of the work. The writer writes
        // rows of a failed statement again, which changes nothing about those that are in.
        let head = format!("INSERT OR FAIL INTO {table} ({}) VALUES ", columns.join(", "));
        let updates = group.updates.iter().filter_map(name);
        let mut updates: Vec<_> = updates.map(|column| format!("{column} = excluded.{column}")).collect();
        if updates.is_empty() {
            // SQL wants at least one assignment; this one changes nothing and still counts as an update.
            updates.push("\"id\" = excluded.\"id\"".to_owned());
        }
        let tail = match on_id {
            OnId::Update => format!(" ON CONFLICT (\"id\") DO UPDATE SET {}", updates.join(", ")),
            OnId::Nothing => " ON CONFLICT (\"id\") DO NOTHING".to_owned(),
        };
        Self { head, tail }
    }
}

/// An insert of some rows. Its text depends on their number only, so that its prepared form is used again from
/// chunk to chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Insert<'a> {
    text: &'a InsertText,
    /// Row by row, `columns` values each.
    values: &'a [Value<'a>],
    columns: usize,
}

impl<'a> Insert<'a> {
    /// An insert of rows of `columns` values each; `values` holds them row by row.
    pub(super) fn new(text: &'a InsertText, values: &'a [Value<'a>], columns: usize) -> Self {
        Self { text, values, columns: columns.max(1) }
    }
}

impl QueryFragment<Sqlite> for Insert<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        pass.push_sql(&self.text.head);
        for (index, row) in self.values.chunks(self.columns).enumerate() {
            pass.push_sql(if index == 0 { "(" } else { ",(" });
            for (place, value) in row.iter().enumerate() {
                if place > 0 {
                    pass.push_sql(",");
                }
                match value {
                    // A place of its own too, so that the text stays the same.
                    Value::Absent | Value::Null => {
                        pass.push_bind_param::<Nullable<Text>, Option<&str>>(&None)?;
                    }
                    Value::Int(number) => pass.push_bind_param::<BigInt, i64>(number)?,
                    Value::Text(text) => pass.push_bind_param::<Text, str>(text)?,
                }
            }
            pass.push_sql(")");
        }
        pass.push_sql(&self.text.tail);
        Ok(())
    }
}

impl QueryId for Insert<'_> {
    type QueryId = ();
    // The text depends on the model and the number of rows: the cache has to look at the text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C> RunQueryDsl<C> for Insert<'_> {}
