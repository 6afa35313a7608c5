//! A statement put together at run time: pieces of SQL that we wrote, with places for values between them.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};

use diesel::connection::DefaultLoadingMode;
use diesel::pg::{Pg, PgRowByRowLoadingMode};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text, Untyped};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl};
use reinstate_describe::ddl::{Dialect, column_type_name};
use reinstate_describe::value::{date, timestamp};
use reinstate_describe::{BaseType, CellValue, ColumnType};

use crate::database::Database;
use crate::database::kept::Kept;
use crate::postgres::bind::push_typed;
use crate::row::DynamicRow;

#[derive(Debug, Clone)]
enum Piece {
    Sql(String),
    Bind(CellValue),
    Typed(ColumnType, CellValue),
}

/// SQL with its values. Values are only ever bound; what is pushed as SQL is our own text or a quoted name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statement {
    pieces: Vec<Piece>,
    once: bool,
    /// Whether the connection keeps this one prepared though it would not keep all of its kind.
    kept: bool,
}

impl Statement {
    /// A statement that is likely to come again with the same text, so that its prepared form is kept.
    pub(crate) fn new(sql: impl Into<String>) -> Self {
        Self { pieces: vec![Piece::Sql(sql.into())], once: false, kept: false }
    }

    /// A statement whose text depends on what was asked: kept forms of such would pile up.
    pub(crate) fn once(sql: impl Into<String>) -> Self {
        Self { once: true, ..Self::new(sql) }
    }

    /// Adds a piece of SQL.
    pub(crate) fn sql(&mut self, sql: &str) -> &mut Self {
        if let Some(Piece::Sql(last)) = self.pieces.last_mut() {
            last.push_str(sql);
        } else {
            self.pieces.push(Piece::Sql(sql.to_owned()));
        }
        self
    }

    /// Adds a place with its value.
    pub(crate) fn bind(&mut self, value: CellValue) -> &mut Self {
        self.pieces.push(Piece::Bind(value));
        self
    }

    /// Adds a place with a value of a column's type. PostgreSQL needs to know it; a text or a number that is no
    /// column's goes in by [`Statement::bind`].
    pub(crate) fn bind_as(&mut self, column_type: ColumnType, value: CellValue) -> &mut Self {
        self.pieces.push(Piece::Typed(column_type, value));
        self
    }

    /// Adds a place with a text.
    pub(crate) fn text(&mut self, value: impl Into<String>) -> &mut Self {
        self.bind(CellValue::Text(value.into()))
    }

    /// Adds a place with a number.
    pub(crate) fn int(&mut self, value: i64) -> &mut Self {
        self.bind(CellValue::Int(value))
    }

    /// Adds all of another statement.
    #[cfg(test)]
    pub(crate) fn append(&mut self, other: &Self) -> &mut Self {
        self.pieces.extend_from_slice(&other.pieces);
        self
    }

    /// Lets a connection keep the statement prepared, if `kept` finds a place for it. The text must not mean something
    /// else at another time: another tenant's tables, or columns of other types.
    pub(crate) fn kept_by(&mut self, kept: &RefCell<Kept>) -> &mut Self {
        let mut hasher = DefaultHasher::new();
        for piece in &self.pieces {
            // What the text and the types of its values are made of.
            match piece {
                Piece::Sql(sql) => sql.hash(&mut hasher),
                Piece::Bind(value) => std::mem::discriminant(value).hash(&mut hasher),
                Piece::Typed(column_type, value) => {
                    (column_type.base as u8, column_type.array).hash(&mut hasher);
                    std::mem::discriminant(value).hash(&mut hasher);
                }
            }
        }
        self.kept = kept.borrow_mut().admits(hasher.finish());
        self
    }

    /// How many values there are.
    pub(crate) fn bind_count(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Bind(_) | Piece::Typed(..))).count()
    }

    /// The statement as text for `COPY`, which takes no values: they are put into settings of the transaction, by the
    /// statements in front, and read from there.
    pub(crate) fn with_settings(&self) -> (Vec<Self>, String) {
        let (mut settings, mut text) = (Vec::new(), String::new());
        for piece in &self.pieces {
            let (column_type, value) = match piece {
                Piece::Sql(sql) => {
                    text.push_str(sql);
                    continue;
                }
                Piece::Bind(value @ CellValue::Int(_)) => (of_base(BaseType::Integer), value),
                Piece::Bind(value) => (of_base(BaseType::Text), value),
                Piece::Typed(column_type, value) => (*column_type, value),
            };
            let Some(spelled) = spelled(column_type, value) else {
                text.push_str("NULL");
                continue;
            };
            let setting = format!("{SETTING_PREFIX}{}", settings.len());
            let mut set = Self::once(format!("SELECT pg_catalog.set_config('{setting}', "));
            set.text(spelled).sql(", true)");
            settings.push(set);
            text.push_str(&from_setting(column_type, &setting));
        }
        (settings, text)
    }

    /// Runs the statement and says how many rows it changed.
    pub(crate) fn run(&self, connection: &mut Database) -> QueryResult<usize> {
        match connection {
            Database::Sqlite(connection) => RunQueryDsl::execute(self, connection),
            Database::Postgres(connection) => RunQueryDsl::execute(self, connection),
        }
    }

    /// Runs the statement and reads all its rows.
    pub(crate) fn rows(&self, connection: &mut Database) -> QueryResult<Vec<DynamicRow>> {
        match connection {
            Database::Sqlite(connection) => RunQueryDsl::load(self, connection),
            Database::Postgres(connection) => RunQueryDsl::load(self, connection),
        }
    }

    /// Runs the statement and hands out its rows one by one, as long as `take` wants more. Memory holds one row at
    /// a time.
    pub(crate) fn each(
        &self,
        connection: &mut Database,
        take: impl FnMut(&DynamicRow) -> bool,
    ) -> QueryResult<()> {
        match connection {
            Database::Sqlite(connection) => {
                hand_out(RunQueryDsl::load_iter::<DynamicRow, DefaultLoadingMode>(self, connection)?, take)
            }
            Database::Postgres(connection) => {
                hand_out(RunQueryDsl::load_iter::<DynamicRow, PgRowByRowLoadingMode>(self, connection)?, take)
            }
        }
    }

    /// Runs the statement and reads its only number, 0 where there is none.
    pub(crate) fn number(&self, connection: &mut Database) -> QueryResult<i64> {
        Ok(self.rows(connection)?.first().and_then(|row| row.int(0)).unwrap_or_default())
    }
}

fn hand_out(
    rows: impl Iterator<Item = QueryResult<DynamicRow>>,
    mut take: impl FnMut(&DynamicRow) -> bool,
) -> QueryResult<()> {
    for row in rows {
        if !take(&row?) {
            break;
        }
    }
    Ok(())
}

/// What the names of the settings begin with that hold the values of a `COPY`.
const SETTING_PREFIX: &str = "reinstate.value_";

const fn of_base(base: BaseType) -> ColumnType {
    ColumnType { base, array: false }
}

/// A value as PostgreSQL reads it from text; arrays as JSON. `None` for null.
fn spelled(column_type: ColumnType, value: &CellValue) -> Option<String> {
    Some(match value {
        CellValue::Null => return None,
        CellValue::Text(text) => text.clone(),
        CellValue::Int(number) => match column_type.base {
            BaseType::Timestamp => timestamp::format(*number),
            BaseType::Date => date::format(*number),
            _ => number.to_string(),
        },
    })
}

/// The value that a setting holds, as SQL. As the result of a query of its own it is made once, not once a row.
fn from_setting(column_type: ColumnType, setting: &str) -> String {
    let type_name = column_type_name(Dialect::Postgres, column_type);
    let held = format!("pg_catalog.current_setting('{setting}')");
    if !column_type.array {
        return format!("(SELECT {held}::{type_name})");
    }
    // Elements of JSON stay JSON; those of all others are read from their text.
    let function = if column_type.base == BaseType::Json { "" } else { "_text" };
    let element = column_type_name(Dialect::Postgres, of_base(column_type.base));
    format!(
        "(ARRAY(SELECT listed.element::{element} FROM pg_catalog.jsonb_array_elements{function}\
         ({held}::pg_catalog.jsonb) WITH ORDINALITY AS listed (element, place) ORDER BY listed.place)::{type_name})"
    )
}

impl QueryFragment<Sqlite> for Statement {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        if self.once && !self.kept {
            pass.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Sql(sql) => pass.push_sql(sql),
                Piece::Bind(value) | Piece::Typed(_, value) => match value {
                    CellValue::Null => pass.push_sql("NULL"),
                    CellValue::Int(number) => pass.push_bind_param::<BigInt, _>(number)?,
                    CellValue::Text(text) => pass.push_bind_param::<Text, _>(text)?,
                },
            }
        }
        Ok(())
    }
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // A prepared form belongs to the tables that it was made for: another tenant's have the same names, and a
        // restore may have exchanged them.
        if !self.kept {
            pass.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Sql(sql) => pass.push_sql(sql),
                Piece::Bind(CellValue::Null) | Piece::Typed(_, CellValue::Null) => pass.push_sql("NULL"),
                Piece::Bind(CellValue::Int(number)) => pass.push_bind_param::<BigInt, _>(number)?,
                Piece::Bind(CellValue::Text(text)) => pass.push_bind_param::<Text, _>(text)?,
                Piece::Typed(column_type, value) => push_typed(*column_type, value, &mut pass)?,
            }
        }
        Ok(())
    }
}

impl QueryId for Statement {
    type QueryId = ();
    // The text differs from value to value of this one type: the cache has to look at the text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement {
    type SqlType = Untyped;
}

impl<C> RunQueryDsl<C> for &Statement {}
