//! Which rows a caller may read, as SQL. The rule is [`Caller::level_for`]'s.

use reinstate_describe::ddl::Dialect;
use reinstate_describe::{BaseType, Caller, CellValue, ColumnType};

use crate::statement::Statement;

/// Adds the condition that a row's own access lists let the caller read it. Rows without lists are passed over
/// cheaply.
pub(super) fn push_readable_by(dialect: Dialect, caller: &Caller, out: &mut Statement) {
    // No list has a NUL in it, and PostgreSQL takes none in a text.
    let principals = caller.principals.iter().map(String::as_str).filter(|name| !name.contains('\0'));
    let principals = serde_json::Value::from_iter(principals).to_string();
    let names_caller = |list: &str, out: &mut Statement| push_names(dialect, list, &principals, out);
    let is_empty = |list: &str| match dialect {
        Dialect::Sqlite => format!("coalesce(\"{list}\", '[]') = '[]'"),
        Dialect::Postgres => format!("coalesce(cardinality(\"{list}\"), 0) = 0"),
    };
    let unused = ["access_read", "access_edit", "access_full", "access_deny"].map(is_empty).join(" AND ");
    out.sql("((").sql(&unused).sql(") OR (NOT ");
    names_caller("access_deny", out);
    out.sql(" AND (");
    names_caller("access_read", out);
    out.sql(" OR ");
    names_caller("access_edit", out);
    out.sql(" OR ");
    names_caller("access_full", out);
    out.sql(")))");
}

/// Adds the condition that a list names one of the principals, a JSON array; false where there is no list.
fn push_names(dialect: Dialect, list: &str, principals: &str, out: &mut Statement) {
    match dialect {
        Dialect::Sqlite => {
            out.sql("EXISTS (SELECT 1 FROM json_each(coalesce(\"").sql(list).sql("\", '[]')) AS listed");
            out.sql(" WHERE listed.value IN (SELECT value FROM json_each(").text(principals).sql(")))");
        }
        Dialect::Postgres => {
            let texts = ColumnType { base: BaseType::Text, array: true };
            out.sql("coalesce(\"").sql(list).sql("\" && ");
            out.bind_as(texts, CellValue::Text(principals.to_owned())).sql(", FALSE)");
        }
    }
}
