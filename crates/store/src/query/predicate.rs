//! Conditions as SQL.
//!
//! The list language knows true and false only (see [`reinstate_describe::filter`]); SQL knows null as well.
//! Where it matters, under `NOT`, null is turned into false; elsewhere a null test already counts as not met.

use reinstate_describe::filter::Test;
use reinstate_describe::{BaseType, Caller, CellValue, Column, Filter, Layout};

use crate::error::StoreError;
use crate::sqlite::connection::DECIMAL_COLLATION;
use crate::statement::Statement;
use reinstate_describe::ddl::quote;

/// Adds a filter.
pub(crate) fn push_filter(filter: &Filter, layout: &Layout, out: &mut Statement) -> Result<(), StoreError> {
    match filter {
        Filter::And(parts) => push_joined(parts, " AND ", "TRUE", layout, out),
        Filter::Or(parts) => push_joined(parts, " OR ", "FALSE", layout, out),
        Filter::Not(inner) => {
            out.sql("NOT coalesce((");
            push_filter(inner, layout, out)?;
            out.sql("), FALSE)");
            Ok(())
        }
        Filter::Compare { column, test } => {
            let column = layout.column(*column).ok_or_else(|| {
                StoreError::failed("making a query", "a column that the model does not have")
            })?;
            push_test(column, test, out);
            Ok(())
        }
    }
}

/// Joins parts as a balanced tree: SQLite refuses expressions nested deeper than 1,000, and a plain chain of
/// `a AND b AND c` nests once a part.
fn push_joined(
    parts: &[Filter],
    operator: &str,
    where_empty: &str,
    layout: &Layout,
    out: &mut Statement,
) -> Result<(), StoreError> {
    match parts {
        [] => {
            out.sql(where_empty);
            Ok(())
        }
        [only] => push_filter(only, layout, out),
        _ => {
            let (left, right) = parts.split_at(parts.len() / 2);
            out.sql("(");
            push_joined(left, operator, where_empty, layout, out)?;
            out.sql(operator);
            push_joined(right, operator, where_empty, layout, out)?;
            out.sql(")");
            Ok(())
        }
    }
}

fn push_test(column: &Column, test: &Test, out: &mut Statement) {
    let name = quote(&column.name);
    match test {
        Test::Equal(value) => push_binary(&name, " = ", value, out),
        Test::NotEqual(value) => push_binary(&name, " IS DISTINCT FROM ", value, out),
        Test::Greater(value) => push_ordered(column, " > ", value, out),
        Test::GreaterOrEqual(value) => push_ordered(column, " >= ", value, out),
        Test::Less(value) => push_ordered(column, " < ", value, out),
        Test::LessOrEqual(value) => push_ordered(column, " <= ", value, out),
        Test::Between(least, greatest) => {
            out.sql("(");
            push_ordered(column, " >= ", least, out);
            out.sql(" AND ");
            push_ordered(column, " <= ", greatest, out);
            out.sql(")");
        }
        Test::In(values) => push_in(&name, values, out),
        Test::NotIn(values) => {
            out.sql("NOT coalesce((");
            push_in(&name, values, out);
            out.sql("), FALSE)");
        }
        Test::Like { pattern, ignores_case } => {
            let function = if *ignores_case { "reinstate_ilike" } else { "reinstate_like" };
            push_call(function, &name, pattern, out);
        }
        Test::IsNull => {
            out.sql(&name).sql(" IS NULL");
        }
        Test::IsNotNull => {
            out.sql(&name).sql(" IS NOT NULL");
        }
        Test::Any(elements) => push_call("reinstate_has_any", &name, &json_array(elements), out),
        Test::All(elements) => push_call("reinstate_has_all", &name, &json_array(elements), out),
        Test::Size(count) => {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            out.sql("json_array_length(").sql(&name).sql(") = ").int(count);
        }
    }
}

fn push_binary(name: &str, operator: &str, value: &CellValue, out: &mut Statement) {
    out.sql(name).sql(operator).bind(value.clone());
}

fn push_call(function: &str, name: &str, argument: &str, out: &mut Statement) {
    out.sql(function).sql("(").sql(name).sql(", ").text(argument).sql(")");
}

fn push_ordered(column: &Column, operator: &str, value: &CellValue, out: &mut Statement) {
    push_sort_key(column, out);
    out.sql(operator).bind(value.clone());
}

/// Adds a column in the form in which it is ordered: decimals by value, everything else as it is.
pub(crate) fn push_sort_key(column: &Column, out: &mut Statement) {
    out.sql(&quote(&column.name));
    if column.column_type.base == BaseType::Decimal && !column.column_type.array {
        out.sql(" COLLATE ").sql(DECIMAL_COLLATION);
    }
}

/// All values go in as one array in one place: a statement has room for some 32,000 places only.
fn push_in(name: &str, values: &[CellValue], out: &mut Statement) {
    let array = values.iter().map(|value| match value {
        CellValue::Null => serde_json::Value::Null,
        CellValue::Int(number) => (*number).into(),
        CellValue::Text(text) => text.as_str().into(),
    });
    let array = serde_json::Value::Array(array.collect()).to_string();
    out.sql(name).sql(" IN (SELECT value FROM json_each(").text(array).sql("))");
}

/// A JSON array of elements that are JSON already.
fn json_array(elements: &[String]) -> String {
    format!("[{}]", elements.join(","))
}

/// Adds the condition that a row's own access lists let the caller read it. The rule is
/// [`Caller::level_for`]'s; the first line makes it cheap where no list is in use.
pub(crate) fn push_readable_by(caller: &Caller, out: &mut Statement) {
    let principals = serde_json::Value::from_iter(caller.principals.iter().map(String::as_str)).to_string();
    let names_caller = |column: &str, out: &mut Statement| {
        out.sql("EXISTS (SELECT 1 FROM json_each(coalesce(\"").sql(column).sql("\", '[]')) AS listed");
        out.sql(" WHERE listed.value IN (SELECT value FROM json_each(").text(principals.as_str()).sql(")))");
    };
    out.sql(
        "((coalesce(\"access_read\", '[]') = '[]' AND coalesce(\"access_edit\", '[]') = '[]' \
         AND coalesce(\"access_full\", '[]') = '[]' AND coalesce(\"access_deny\", '[]') = '[]') OR (NOT ",
    );
    names_caller("access_deny", out);
    out.sql(" AND (");
    names_caller("access_read", out);
    out.sql(" OR ");
    names_caller("access_edit", out);
    out.sql(" OR ");
    names_caller("access_full", out);
    out.sql(")))");
}
