//! Patterns as SQL, with the meaning of [`reinstate_describe::filter::like`].

use reinstate_describe::ddl::Dialect;

use crate::statement::Statement;

/// A text in lower case by Unicode's rules, whatever the database's locale: letter by letter what Rust makes of it,
/// but for capitals that Unicode took in later than the server's ICU library knows.
const POSTGRES_LOWER: [&str; 2] = ["lower(", " COLLATE pg_catalog.\"und-x-icu\") COLLATE pg_catalog.\"C\""];

/// Adds the condition that a column has the form of a pattern.
pub(super) fn push_like(
    dialect: Dialect,
    column: &str,
    pattern: &str,
    ignores_case: bool,
    out: &mut Statement,
) {
    match (dialect, ignores_case) {
        (Dialect::Sqlite, _) => {
            let function = if ignores_case { "reinstate_ilike(" } else { "reinstate_like(" };
            out.sql(function).sql(column).sql(", ").text(pattern).sql(")");
        }
        (Dialect::Postgres, false) => {
            out.sql(column).sql(" LIKE ").text(closed(pattern));
        }
        (Dialect::Postgres, true) => {
            let [before, behind] = POSTGRES_LOWER;
            out.sql(before).sql(column).sql(behind).sql(" LIKE ").text(closed(&pattern.to_lowercase()));
        }
    }
}

/// The pattern as PostgreSQL takes it: the same language as ours, but an escape that escapes nothing is an error
/// there and a backslash here.
fn closed(pattern: &str) -> String {
    let escapes = pattern.bytes().rev().take_while(|byte| *byte == b'\\').count();
    let closing = if escapes % 2 == 1 { "\\" } else { "" };
    format!("{pattern}{closing}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_escape_at_the_end_stands_for_itself() {
        for (pattern, expected) in
            [("a", "a"), ("a\\", "a\\\\"), ("a\\\\", "a\\\\"), ("\\%", "\\%"), ("", "")]
        {
            assert_eq!(closed(pattern), expected);
        }
    }
}
