//! The whole of a tenant's state as text, for comparisons before and after.
//!
//! It asks the database what there is instead of naming it, so that nothing added later can be forgotten.

use std::fmt::Write as _;

use diesel::QueryResult;
use reinstate_describe::CellValue;
use reinstate_describe::ddl::Dialect;

use crate::database::Database;
use crate::row::DynamicRow;
use crate::statement::Statement;

/// Where the migrations keep their own notes, with the time of day in them.
const MIGRATION_NOTES: &str = "__diesel_schema_migrations";

/// What a file holds.
const SQLITE_SCHEMA: [&str; 1] =
    ["SELECT \"type\", \"name\", \"sql\" FROM sqlite_schema ORDER BY \"type\", \"name\""];

/// What a schema holds: columns, constraints, indexes, and things that we make none of.
const POSTGRES_SCHEMA: [&str; 4] = [
    "SELECT 'column', c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, \
     l.collname, pg_catalog.pg_get_expr(d.adbin, d.adrelid) \
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid \
     LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation \
     LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
     WHERE c.relkind = 'r' AND c.relnamespace = pg_catalog.current_schema()::pg_catalog.regnamespace \
     AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum",
    "SELECT 'constraint', c.relname, o.conname, pg_catalog.pg_get_constraintdef(o.oid) \
     FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid \
     WHERE o.connamespace = pg_catalog.current_schema()::pg_catalog.regnamespace ORDER BY c.relname, o.conname",
    "SELECT 'index', indexname, indexdef FROM pg_catalog.pg_indexes \
     WHERE schemaname = pg_catalog.current_schema() ORDER BY indexname",
    "SELECT 'other', relname FROM pg_catalog.pg_class WHERE relkind NOT IN ('r', 'i', 't', 'c') \
     AND relnamespace = pg_catalog.current_schema()::pg_catalog.regnamespace ORDER BY relname",
];

/// Writes schema and rows: tables by name, rows by their columns from the left, ids first where there are any.
pub(super) fn dump(connection: &mut Database) -> QueryResult<String> {
    let mut text = String::new();
    let schema: &[&str] = match connection.dialect() {
        Dialect::Sqlite => &SQLITE_SCHEMA,
        Dialect::Postgres => &POSTGRES_SCHEMA,
    };
    for sql in schema {
        for entry in Statement::new(*sql).rows(connection)? {
            push_row(&entry, &mut text);
        }
    }
    for name in tables(connection)? {
        if name != MIGRATION_NOTES {
            push_table(connection, &name, &mut text)?;
        }
    }
    Ok(text)
}

/// The names of all tables in order.
fn tables(connection: &mut Database) -> QueryResult<Vec<String>> {
    let sql = match connection.dialect() {
        Dialect::Sqlite => "SELECT \"name\" FROM sqlite_schema WHERE \"type\" = 'table' ORDER BY \"name\"",
        Dialect::Postgres => {
            "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = pg_catalog.current_schema() \
             ORDER BY tablename"
        }
    };
    texts(&Statement::new(sql), connection)
}

/// The columns of a table, the id first.
fn columns(connection: &mut Database, table: &str) -> QueryResult<Vec<String>> {
    let (sql, behind) = match connection.dialect() {
        Dialect::Sqlite => {
            ("SELECT \"name\" FROM pragma_table_info(", ") ORDER BY \"name\" <> 'id', \"cid\"")
        }
        Dialect::Postgres => (
            "SELECT attname FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped \
             AND attrelid = pg_catalog.to_regclass(",
            ") ORDER BY attname <> 'id', attnum",
        ),
    };
    let argument = match connection.dialect() {
        Dialect::Sqlite => table.to_owned(),
        Dialect::Postgres => quote_any(table),
    };
    let mut statement = Statement::new(sql);
    statement.text(argument).sql(behind);
    texts(&statement, connection)
}

fn texts(statement: &Statement, connection: &mut Database) -> QueryResult<Vec<String>> {
    let rows = statement.rows(connection)?;
    Ok(rows.iter().filter_map(|row| row.text(0)).map(str::to_owned).collect())
}

fn push_table(connection: &mut Database, name: &str, text: &mut String) -> QueryResult<()> {
    let columns: Vec<_> = columns(connection, name)?.iter().map(|column| quote_any(column)).collect();
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
