//! Conditions as SQL.
//!
//! The list language knows true and false only (see [`reinstate_describe::filter`]); SQL knows null as well.
//! Where it matters, under `NOT`, null is turned into false; elsewhere a null test already counts as not met.

use reinstate_describe::ddl::{Dialect, column_name};
use reinstate_describe::filter::Test;
use reinstate_describe::record_json::write_value;
use reinstate_describe::{BaseType, CellValue, Column, ColumnType, Filter, Layout};

use super::array::{push_elements_test, push_size};
use super::like::push_like;
use crate::error::StoreError;
use crate::sqlite::connection::DECIMAL_COLLATION;
use crate::statement::Statement;

/// Adds a filter.
pub(super) fn push_filter(
    dialect: Dialect,
    filter: &Filter,
    layout: &Layout,
    out: &mut Statement,
) -> Result<(), StoreError> {
    match filter {
        Filter::And(parts) => push_joined(dialect, parts, (" AND ", "TRUE"), layout, out),
        Filter::Or(parts) => push_joined(dialect, parts, (" OR ", "FALSE"), layout, out),
        Filter::Not(inner) => {
            out.sql("NOT coalesce((");
            push_filter(dialect, inner, layout, out)?;
            out.sql("), FALSE)");
            Ok(())
        }
        Filter::Compare { column, test } => {
            let column = layout.column(*column).ok_or_else(|| {
                StoreError::failed("making a query", "a column that the model does not have")
            })?;
            push_test(dialect, column, test, out);
            Ok(())
        }
    }
}

/// Joins parts by an operator, which stands beside what an empty list means. They become a balanced tree: SQLite
/// refuses expressions nested deeper than 1,000, and a plain chain of `a AND b AND c` nests once a part.
fn push_joined(
    dialect: Dialect,
    parts: &[Filter],
    (operator, where_empty): (&str, &str),
    layout: &Layout,
    out: &mut Statement,
) -> Result<(), StoreError> {
    match parts {
        [] => {
            out.sql(where_empty);
            Ok(())
        }
        [only] => push_filter(dialect, only, layout, out),
        _ => {
            let (left, right) = parts.split_at(parts.len() / 2);
            out.sql("(");
            push_joined(dialect, left, (operator, where_empty), layout, out)?;
            out.sql(operator);
            push_joined(dialect, right, (operator, where_empty), layout, out)?;
            out.sql(")");
            Ok(())
        }
    }
}

fn push_test(dialect: Dialect, column: &Column, test: &Test, out: &mut Statement) {
    let name = column_name(dialect, &column.name);
    match test {
        Test::Equal(value) => push_equal(dialect, column, value, out),
        Test::NotEqual(value) if is_json_text(dialect, column) => {
            out.sql("NOT ");
            push_equal(dialect, column, value, out);
        }
        Test::NotEqual(value) => {
            out.sql(&name).sql(" IS DISTINCT FROM ").bind_as(column.column_type, value.clone());
        }
        Test::Greater(value) => push_ordered(dialect, column, " > ", value, out),
        Test::GreaterOrEqual(value) => push_ordered(dialect, column, " >= ", value, out),
        Test::Less(value) => push_ordered(dialect, column, " < ", value, out),
        Test::LessOrEqual(value) => push_ordered(dialect, column, " <= ", value, out),
        Test::Between(least, greatest) => {
            out.sql("(");
            push_ordered(dialect, column, " >= ", least, out);
            out.sql(" AND ");
            push_ordered(dialect, column, " <= ", greatest, out);
            out.sql(")");
        }
        Test::In(values) => push_in(dialect, column, values, out),
        Test::NotIn(values) => {
            out.sql("NOT coalesce((");
            push_in(dialect, column, values, out);
            out.sql("), FALSE)");
        }
        Test::Like { pattern, ignores_case } => push_like(dialect, &name, pattern, *ignores_case, out),
        Test::IsNull => {
            out.sql(&name).sql(" IS NULL");
        }
        Test::IsNotNull => {
            out.sql(&name).sql(" IS NOT NULL");
        }
        Test::Any(elements) => push_elements_test(dialect, column, elements, false, out),
        Test::All(elements) => push_elements_test(dialect, column, elements, true, out),
        Test::Size(count) => push_size(dialect, &name, *count, out),
    }
}

/// Whether a column is compared as JSON values although the database holds them as texts.
fn is_json_text(dialect: Dialect, column: &Column) -> bool {
    dialect == Dialect::Sqlite && column.column_type.base == BaseType::Json
}

fn push_equal(dialect: Dialect, column: &Column, value: &CellValue, out: &mut Statement) {
    let name = column_name(dialect, &column.name);
    if is_json_text(dialect, column) {
        // False for null, as all of our functions are.
        out.sql("reinstate_same_json(").sql(&name).sql(", ").bind(value.clone()).sql(")");
    } else {
        out.sql(&name).sql(" = ").bind_as(column.column_type, value.clone());
    }
}

fn push_ordered(dialect: Dialect, column: &Column, operator: &str, value: &CellValue, out: &mut Statement) {
    push_sort_key(dialect, column, out);
    out.sql(operator).bind_as(column.column_type, value.clone());
}

/// Adds a column in the form in which it is ordered: decimals by value, everything else as it is.
pub(super) fn push_sort_key(dialect: Dialect, column: &Column, out: &mut Statement) {
    out.sql(&column_name(dialect, &column.name));
    let is_decimal = column.column_type.base == BaseType::Decimal && !column.column_type.array;
    if is_decimal && dialect == Dialect::Sqlite {
        out.sql(" COLLATE ").sql(DECIMAL_COLLATION);
    }
}

/// All values go in as one array in one place: a statement has room for some tens of thousands of places only.
fn push_in(dialect: Dialect, column: &Column, values: &[CellValue], out: &mut Statement) {
    let name = column_name(dialect, &column.name);
    if column.column_type.array {
        return push_in_arrays(dialect, column, values, out);
    }
    match dialect {
        Dialect::Sqlite => {
            let array = values.iter().map(|value| match value {
                CellValue::Null => serde_json::Value::Null,
                CellValue::Int(number) => (*number).into(),
                CellValue::Text(text) => text.as_str().into(),
            });
            let array = serde_json::Value::Array(array.collect()).to_string();
            out.sql(&name).sql(" IN (SELECT value FROM json_each(").text(array).sql("))");
        }
        Dialect::Postgres => {
            let mut array = String::from("[");
            for value in values {
                array.push_str(if array.len() > 1 { "," } else { "" });
                write_value(column.column_type, value.as_value(), &mut array);
            }
            array.push(']');
            let array_type = ColumnType { array: true, ..column.column_type };
            out.sql(&name).sql(" = ANY(").bind_as(array_type, CellValue::Text(array)).sql(")");
        }
    }
}

/// No database has arrays of arrays of different lengths: these are compared one by one. A request has room for
/// few of them.
fn push_in_arrays(dialect: Dialect, column: &Column, values: &[CellValue], out: &mut Statement) {
    match values {
        [] => {
            out.sql("FALSE");
        }
        [only] => push_equal(dialect, column, only, out),
        _ => {
            let (left, right) = values.split_at(values.len() / 2);
            out.sql("(");
            push_in_arrays(dialect, column, left, out);
            out.sql(" OR ");
            push_in_arrays(dialect, column, right, out);
            out.sql(")");
        }
    }
}
