//! Changes of definitions together with the tables behind them, inside the caller's transaction.
//!
//! The Describe API and restores both come through here, so that a model is made in one way only.

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use reinstate_describe::ddl::{self, Dialect, SEQUENCE_COLUMN, Stage, column_name, table_name};
use reinstate_describe::definition::DefinitionFault;
use reinstate_describe::system::SYSTEM_COLUMNS;
use reinstate_describe::{CellValue, Field, Model, Name};

use super::catalog;
use crate::database::Database;
use crate::error::StoreError;
use crate::statement::Statement;

/// Records that one statement looks at or changes where the work may be called off: a few hundredths of a
/// second, so that a cancel is noticed within its 250 ms.
const STEP_RECORDS: i64 = 50_000;

/// Asked between two steps of long work; `false` ends it early, and the caller, who knows why, takes it back.
pub(super) type GoOn<'a> = &'a dyn Fn() -> bool;

/// Creates a model: definition, table, indexes.
pub(super) fn model_create(connection: &mut Database, model: &Model) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    model_define(connection, model)?;
    define(connection, &ddl::create_table(dialect, model))?;
    define_all(connection, &ddl::create_indexes(dialect, model))
}

/// Creates a model whose table gets its key and indexes later; when is the caller's business.
pub(super) fn model_create_without_keys(connection: &mut Database, model: &Model) -> Result<(), StoreError> {
    model_define(connection, model)?;
    let sql = match connection.dialect() {
        Dialect::Sqlite => ddl::create_table(Dialect::Sqlite, model),
        Dialect::Postgres => ddl::create_table_without_key_at(model, Stage::Live),
    };
    define(connection, &sql)
}

fn model_define(connection: &mut Database, model: &Model) -> Result<(), StoreError> {
    check_columns(connection.dialect(), &model.name, model.fields.len(), 0)?;
    catalog::model_insert(connection, model)
}

/// Removes a model: definition, table, records.
pub(super) fn model_drop(connection: &mut Database, model: &Name) -> Result<(), StoreError> {
    catalog::model_remove(connection, model)?;
    let sql = ddl::drop_table(connection.dialect(), model);
    define(connection, &sql)
}

/// Adds fields to a model that has `existing` of them; its records get their default values.
pub(super) fn fields_add(
    connection: &mut Database,
    model: &Name,
    existing: usize,
    fields: &[Field],
    go_on: GoOn<'_>,
) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    fields_define_beside(connection, model, existing, fields)?;
    for field in fields {
        define(connection, &ddl::add_column(dialect, model, field))?;
    }
    fill_defaults(connection, model, fields, go_on)?;
    for field in fields.iter().take_while(|_| go_on()) {
        indexes_create(connection, model, field)?;
    }
    Ok(())
}

/// Writes the definitions of new fields; the table is the caller's business.
pub(super) fn fields_define(
    connection: &mut Database,
    model: &Name,
    fields: &[Field],
) -> Result<(), StoreError> {
    let existing = catalog::field_count(connection, model)?;
    fields_define_beside(connection, model, existing, fields)
}

fn fields_define_beside(
    connection: &mut Database,
    model: &Name,
    existing: usize,
    fields: &[Field],
) -> Result<(), StoreError> {
    let dropped = columns_dropped(connection, model)?;
    check_columns(connection.dialect(), model, existing + fields.len(), dropped)?;
    catalog::fields_insert(connection, model, fields)
}

/// Says that a field cannot become unique.
pub(super) fn not_unique(model: &Name, field: &Field) -> String {
    format!("field '{}' of model '{model}' cannot be unique: records share a value", field.name)
}

/// Makes the indexes that a field asks for.
pub(super) fn indexes_create(
    connection: &mut Database,
    model: &Name,
    field: &Field,
) -> Result<(), StoreError> {
    if let Some(sql) = ddl::create_index(connection.dialect(), model, field) {
        Statement::once(sql).run(connection).map_err(|error| match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
                StoreError::Conflict { message: not_unique(model, field) }
            }
            error => definition_failed(error),
        })?;
    }
    Ok(())
}

/// Drops the indexes of a field.
pub(super) fn indexes_drop(connection: &mut Database, model: &Name, field: &Name) -> Result<(), StoreError> {
    let statements = ddl::drop_indexes(connection.dialect(), model, field);
    define_all(connection, &statements)
}

/// Removes a field: definition, indexes, column with its values.
pub(super) fn field_drop(connection: &mut Database, model: &Name, field: &Name) -> Result<(), StoreError> {
    catalog::field_remove(connection, model, field)?;
    indexes_drop(connection, model, field)?;
    let sql = ddl::drop_column(connection.dialect(), model, field);
    define(connection, &sql)
}

/// Whether a model holds any record.
pub(super) fn has_records(connection: &mut Database, model: &Name) -> Result<bool, StoreError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {})", table_name(connection.dialect(), model));
    Statement::once(sql)
        .number(connection)
        .map(|exists| exists != 0)
        .map_err(|error| StoreError::from_diesel("looking for records", error))
}

/// Whether any record of a model has an access list that is not empty.
pub(super) fn is_restricted(
    connection: &mut Database,
    model: &Name,
    go_on: GoOn<'_>,
) -> Result<bool, StoreError> {
    let dialect = connection.dialect();
    let is_used = |list: &str| match dialect {
        Dialect::Sqlite => format!("(\"{list}\" IS NOT NULL AND \"{list}\" <> '[]')"),
        Dialect::Postgres => format!("cardinality(\"{list}\") > 0"),
    };
    let used = ["access_read", "access_edit", "access_full", "access_deny"].map(is_used).join(" OR ");
    let table = table_name(dialect, model);
    let mut restricted = false;
    in_steps(connection, model, |connection, rows| {
        let mut statement = Statement::new(format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE ({used})"));
        rows.push(" AND ", &mut statement);
        let found = statement.sql(")").number(connection)?;
        restricted = found != 0;
        Ok(!restricted && go_on())
    })
    .map_err(|error| StoreError::from_diesel("looking for access lists", error))?;
    Ok(restricted)
}

/// The records that one step of long work takes on.
#[derive(Debug, Clone, Copy)]
enum Rows {
    All,
    /// Those with row numbers from the first to the second.
    Numbered(i64, i64),
}

impl Rows {
    /// Adds the condition, where there is one, behind a word.
    fn push(self, word: &str, out: &mut Statement) {
        if let Self::Numbered(first, last) = self {
            out.sql(word).sql(SEQUENCE_COLUMN).sql(" BETWEEN ").int(first).sql(" AND ").int(last);
        }
    }
}

/// Goes through the records of a model step by step, while `step` says so. On SQLite the steps are short, because
/// nobody else could end a statement; a server is told by another connection to end one, so that it has one step.
fn in_steps(
    connection: &mut Database,
    model: &Name,
    mut step: impl FnMut(&mut Database, Rows) -> QueryResult<bool>,
) -> QueryResult<()> {
    let dialect = connection.dialect();
    if dialect == Dialect::Postgres {
        return step(connection, Rows::All).map(drop);
    }
    let sql = format!("SELECT coalesce(max({SEQUENCE_COLUMN}), 0) FROM {}", table_name(dialect, model));
    let greatest = Statement::once(sql).number(connection)?;
    let mut first = 1;
    while first <= greatest && step(connection, Rows::Numbered(first, first + STEP_RECORDS - 1))? {
        first += STEP_RECORDS;
    }
    Ok(())
}

fn fill_defaults(
    connection: &mut Database,
    model: &Name,
    fields: &[Field],
    go_on: GoOn<'_>,
) -> Result<(), StoreError> {
    let mut defaults = Vec::new();
    for field in fields {
        defaults.extend(default_value(model, field)?.map(|value| (field, value)));
    }
    if defaults.is_empty() {
        return Ok(());
    }
    let dialect = connection.dialect();
    in_steps(connection, model, |connection, rows| {
        let mut statement = Statement::new(format!("UPDATE {} SET ", table_name(dialect, model)));
        for (field, value) in &defaults {
            statement.sql(if statement.bind_count() == 0 { "" } else { ", " });
            statement.sql(&column_name(dialect, &field.name)).sql(" = ");
            statement.bind_as(field.column_type(), value.clone());
        }
        rows.push(" WHERE ", &mut statement);
        statement.run(connection)?;
        Ok(go_on())
    })
    .map_err(|error| StoreError::from_diesel("giving records a default value", error))
}

/// The default value of a field as its cells hold it.
pub(super) fn default_value(model: &Name, field: &Field) -> Result<Option<CellValue>, StoreError> {
    reinstate_describe::value::default_value(field).map_err(|fault| {
        StoreError::DefinitionInvalid(vec![DefinitionFault {
            field: field.name.to_string(),
            rule: "value",
            message: format!("the default value of field '{}' of model '{model}' {fault}", field.name),
        }])
    })
}

/// Columns of a table that are no longer there but still count, as they do on PostgreSQL.
fn columns_dropped(connection: &mut Database, model: &Name) -> Result<usize, StoreError> {
    let dialect = connection.dialect();
    if dialect == Dialect::Sqlite {
        return Ok(0);
    }
    let mut statement = Statement::once(
        "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attisdropped AND attrelid = pg_catalog.to_regclass(",
    );
    statement.text(table_name(dialect, model)).sql(")");
    let count = statement.number(connection);
    let count = count.map_err(|error| StoreError::from_diesel("counting the columns of a table", error))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Refuses a model that would have more fields than its table has room for. `dropped`: columns that are gone but
/// still count.
pub(super) fn check_columns(
    dialect: Dialect,
    model: &Name,
    fields: usize,
    dropped: usize,
) -> Result<(), StoreError> {
    let of_our_own = SYSTEM_COLUMNS.len() + usize::from(dialect == Dialect::Sqlite) + dropped;
    let fields_max = ddl::columns_max(dialect).saturating_sub(of_our_own);
    if fields <= fields_max {
        return Ok(());
    }
    Err(StoreError::DefinitionInvalid(vec![DefinitionFault {
        field: "fields".to_owned(),
        rule: "range",
        message: format!(
            "model '{model}' would have {fields} fields; the database takes {fields_max} at most"
        ),
    }]))
}

fn define_all(connection: &mut Database, statements: &[String]) -> Result<(), StoreError> {
    statements.iter().try_for_each(|sql| define(connection, sql))
}

fn define(connection: &mut Database, sql: &str) -> Result<(), StoreError> {
    Statement::once(sql).run(connection).map(drop).map_err(definition_failed)
}

fn definition_failed(error: DieselError) -> StoreError {
    StoreError::from_diesel("changing a table", error)
}
