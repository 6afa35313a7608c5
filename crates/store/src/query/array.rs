//! Questions to arrays as SQL.

use reinstate_describe::ddl::{Dialect, column_name};
use reinstate_describe::{BaseType, CellValue, Column};

use crate::statement::Statement;

/// Adds the condition that an array has one of `elements`, or all of them. Elements are JSON texts.
pub(super) fn push_elements_test(
    dialect: Dialect,
    column: &Column,
    elements: &[String],
    all: bool,
    out: &mut Statement,
) {
    let name = column_name(dialect, &column.name);
    match dialect {
        Dialect::Sqlite => {
            let function = match (column.column_type.base == BaseType::Json, all) {
                (false, false) => "reinstate_has_any(",
                (false, true) => "reinstate_has_all(",
                (true, false) => "reinstate_has_any_json(",
                (true, true) => "reinstate_has_all_json(",
            };
            out.sql(function).sql(&name).sql(", ").text(json_array(elements.iter())).sql(")");
        }
        Dialect::Postgres => push_native(column, &name, elements, all, out),
    }
}

/// PostgreSQL's own operators never find a null among the elements; ours are asked for it apart. In an array of
/// JSON a null is a value like any other.
fn push_native(column: &Column, name: &str, elements: &[String], all: bool, out: &mut Statement) {
    let is_null = |element: &&String| column.column_type.base != BaseType::Json && *element == "null";
    let asks_for_null = elements.iter().any(|element| is_null(&element));
    let values = json_array(elements.iter().filter(|element| !is_null(element)));
    out.sql("(").sql(name).sql(if all { " @> " } else { " && " });
    out.bind_as(column.column_type, CellValue::Text(values));
    if asks_for_null {
        out.sql(if all { " AND " } else { " OR " });
        out.sql("array_position(").sql(name).sql(", NULL) IS NOT NULL");
    }
    out.sql(")");
}

/// Adds the condition that an array has so many elements.
pub(super) fn push_size(dialect: Dialect, name: &str, count: u64, out: &mut Statement) {
    out.sql(match dialect {
        Dialect::Sqlite => "json_array_length(",
        Dialect::Postgres => "cardinality(",
    });
    out.sql(name).sql(") = ").int(i64::try_from(count).unwrap_or(i64::MAX));
}

/// A JSON array of elements that are JSON already.
fn json_array<'a>(elements: impl Iterator<Item = &'a String>) -> String {
    let elements: Vec<_> = elements.map(String::as_str).collect();
    format!("[{}]", elements.join(","))
}
