//! The whole of a tenant's file as text, for comparisons before and after.
//!
//! It asks the database what there is instead of naming it, so that nothing added later can be forgotten.

use std::fmt::Write as _;

use diesel::QueryResult;
use reinstate_describe::CellValue;

use crate::database::Database;
use crate::row::DynamicRow;
use crate::statement::Statement;

/// Where the migrations keep their own notes, with the time of day in them.
const MIGRATION_NOTES: &str = "__diesel_schema_migrations";

/// Writes schema and rows: tables by name, rows by their columns from the left, ids first where there are any.
pub(super) fn dump(connection: &mut Database) -> QueryResult<String> {
    let mut text = String::new();
    let schema =
        Statement::new("SELECT \"type\", \"name\", \"sql\" FROM sqlite_schema ORDER BY \"type\", \"name\"")
            .rows(connection)?;
    for entry in &schema {
        push_row(entry, &mut text);
    }
    for entry in schema.iter().filter(|entry| entry.text(0) == Some("table")) {
        let name = entry.text(1).unwrap_or_default();
        if name != MIGRATION_NOTES {
            push_table(connection, name, &mut text)?;
        }
    }
    Ok(text)
}

fn push_table(connection: &mut Database, name: &str, text: &mut String) -> QueryResult<()> {
    let mut columns = Statement::new("SELECT \"name\" FROM pragma_table_info(");
    let columns = columns.text(name).sql(") ORDER BY \"name\" <> 'id', \"cid\"").rows(connection)?;
    let columns: Vec<_> = columns.iter().filter_map(|row| row.text(0)).map(quote_any).collect();
    // A wide table has more columns than a query may have keys; the first tell its rows apart.
    let keys: Vec<_> = columns.iter().take(4).map(String::as_str).collect();
    let columns = columns.join(", ");
    let _ = writeln!(text, "== {name} ({columns})");
    let rows =
        Statement::once(format!("SELECT {columns} FROM {} ORDER BY {}", quote_any(name), keys.join(", ")));
    for row in rows.rows(connection)? {
        push_row(&row, text);
    }
    Ok(())
}

fn push_row(row: &DynamicRow, text: &mut String) {
    for (index, value) in row.values().iter().enumerate() {
        let separator = if index == 0 { "" } else { "|" };
        let _ = match value {
            CellValue::Null => write!(text, "{separator}null"),
            CellValue::Int(number) => write!(text, "{separator}{number}"),
            CellValue::Text(value) => write!(text, "{separator}{value:?}"),
        };
    }
    text.push('\n');
}

/// Quotes a name that the database itself told us.
fn quote_any(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
