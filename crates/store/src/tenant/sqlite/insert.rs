//! The statement that writes the rows of a group.

use diesel::result::Error as DieselError;
use reinstate_describe::ddl::quote;
use reinstate_describe::system::position;
use reinstate_describe::{Batch, RowGroup};

use crate::database::Database;
use crate::sqlite::row_table::{self, Rows, Stopped};

/// What a row does whose id is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnId {
    /// Write the group's `updates`.
    Update,
    /// Leave the record as it is.
    Nothing,
    /// The same, and most of the rows are expected to be there: their ids are looked for before anything else of
    /// them is read.
    NothingMostly,
    /// Surely none is there, and there may be no key to ask.
    Unasked,
}

/// An insert for one group of rows, whichever they are.
#[derive(Debug)]
pub(super) struct Insert {
    head: String,
    tail: String,
}

impl Insert {
    pub(super) fn new(table: &str, batch: &Batch, group: &RowGroup, on_id: OnId) -> Self {
        let name = |position: &usize| batch.layout().column(*position).map(|column| quote(&column.name));
        let columns: Vec<_> = group.columns.iter().filter_map(name).collect();
        let values: Vec<_> = group.columns.iter().map(|position| format!("c{position}")).collect();
        // `OR FAIL`: a refused row leaves the rows before it in place, so that SQLite need not note down every
        // page that the statement touches; with ids in no order that is most of the work. The writer writes
        // rows of a failed statement again, which changes nothing about those that are in.
        let head =
            format!("INSERT OR FAIL INTO {table} ({}) SELECT {} FROM", columns.join(", "), values.join(", "));
        let updates = group.updates.iter().filter_map(name);
        let mut updates: Vec<_> = updates.map(|column| format!("{column} = excluded.{column}")).collect();
        if updates.is_empty() {
            // SQL wants at least one assignment; this one changes nothing and still counts as an update.
            updates.push("\"id\" = excluded.\"id\"".to_owned());
        }
        // Without a condition `ON` would be read as a part of the table's join.
        let tail = match on_id {
            OnId::Update => format!("WHERE true ON CONFLICT (\"id\") DO UPDATE SET {}", updates.join(", ")),
            OnId::Unasked => String::new(),
            OnId::Nothing => "WHERE true ON CONFLICT (\"id\") DO NOTHING".to_owned(),
            OnId::NothingMostly => format!(
                "AS \"$row\" WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE \"id\" = \"$row\".c{}) \
                 ON CONFLICT (\"id\") DO NOTHING",
                position::ID
            ),
        };
        Self { head, tail }
    }

    /// Writes some rows of the group.
    pub(super) fn execute(&self, connection: &mut Database, rows: Rows<'_>) -> Result<(), Stopped> {
        match connection {
            Database::Sqlite(connection) => {
                row_table::execute(connection, &self.head, rows, &self.tail).map(drop)
            }
            Database::Postgres(_) => Err(Stopped { error: DieselError::NotFound, at: 0 }),
        }
    }
}
