//! Changes of definitions together with the tables behind them, inside the caller's transaction.
//!
//! The Describe API and restores both come through here, so that a model is made in one way only.

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use reinstate_describe::ddl::{self, Dialect, SEQUENCE_COLUMN, quote};
use reinstate_describe::definition::DefinitionFault;
use reinstate_describe::{CellValue, Field, Model, Name};

use super::catalog;
use crate::database::Database;
use crate::error::StoreError;
use crate::statement::Statement;

/// Columns that SQLite gives a table at most, as it is built by default.
const COLUMNS_MAX: usize = 2_000;

/// Columns of a model's table that are no fields: the system columns and the row number.
const COLUMNS_OF_OUR_OWN: usize = reinstate_describe::system::SYSTEM_COLUMNS.len() + 1;

/// Records that one statement looks at or changes where the work may be called off: a few hundredths of a
/// second, so that a cancel is noticed within its 250 ms.
const STEP_RECORDS: i64 = 50_000;

/// Asked between two steps of long work; `false` ends it early, and the caller, who knows why, takes it back.
pub(super) type GoOn<'a> = &'a dyn Fn() -> bool;

/// The quoted table of a model.
pub(super) fn table_name(model: &Name) -> String {
    ddl::table_name(Dialect::Sqlite, model)
}

/// Creates a model: definition, table, indexes.
pub(super) fn model_create(connection: &mut Database, model: &Model) -> Result<(), StoreError> {
    check_columns(&model.name, model.fields.len())?;
    catalog::model_insert(connection, model)?;
    define(connection, &ddl::create_table(Dialect::Sqlite, model))?;
    define_all(connection, &ddl::create_indexes(Dialect::Sqlite, model))
}

/// Removes a model: definition, table, records.
pub(super) fn model_drop(connection: &mut Database, model: &Name) -> Result<(), StoreError> {
    catalog::model_remove(connection, model)?;
    define(connection, &ddl::drop_table(Dialect::Sqlite, model))
}

/// Adds fields to a model that has `existing` of them; its records get their default values.
pub(super) fn fields_add(
    connection: &mut Database,
    model: &Name,
    existing: usize,
    fields: &[Field],
    go_on: GoOn<'_>,
) -> Result<(), StoreError> {
    check_columns(model, existing + fields.len())?;
    catalog::fields_insert(connection, model, fields)?;
    for field in fields {
        define(connection, &ddl::add_column(Dialect::Sqlite, model, field))?;
    }
    fill_defaults(connection, model, fields, go_on)?;
    for field in fields.iter().take_while(|_| go_on()) {
        indexes_create(connection, model, field)?;
    }
    Ok(())
}

/// Makes the indexes that a field asks for.
pub(super) fn indexes_create(
    connection: &mut Database,
    model: &Name,
    field: &Field,
) -> Result<(), StoreError> {
    if let Some(sql) = ddl::create_index(Dialect::Sqlite, model, field) {
        Statement::once(sql).run(connection).map_err(|error| match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => StoreError::Conflict {
                message: format!(
                    "field '{}' of model '{model}' cannot be unique: records share a value",
                    field.name
                ),
            },
            error => definition_failed(error),
        })?;
    }
    Ok(())
}

/// Drops the indexes of a field.
pub(super) fn indexes_drop(connection: &mut Database, model: &Name, field: &Name) -> Result<(), StoreError> {
    define_all(connection, &ddl::drop_indexes(Dialect::Sqlite, model, field))
}

/// Removes a field: definition, indexes, column with its values.
pub(super) fn field_drop(connection: &mut Database, model: &Name, field: &Name) -> Result<(), StoreError> {
    catalog::field_remove(connection, model, field)?;
    indexes_drop(connection, model, field)?;
    define(connection, &ddl::drop_column(Dialect::Sqlite, model, field))
}

/// Whether a model holds any record.
pub(super) fn has_records(connection: &mut Database, model: &Name) -> Result<bool, StoreError> {
    exists(connection, &format!("SELECT EXISTS (SELECT 1 FROM {})", table_name(model)))
}

/// Whether any record of a model has an access list that is not empty.
pub(super) fn is_restricted(
    connection: &mut Database,
    model: &Name,
    go_on: GoOn<'_>,
) -> Result<bool, StoreError> {
    let lists = ["access_read", "access_edit", "access_full", "access_deny"];
    let used = lists.map(|list| format!("(\"{list}\" IS NOT NULL AND \"{list}\" <> '[]')")).join(" OR ");
    let table = table_name(model);
    let mut restricted = false;
    in_steps(connection, model, |connection, first, last| {
        let mut statement = Statement::new(format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE "));
        statement.sql(SEQUENCE_COLUMN).sql(" BETWEEN ").int(first).sql(" AND ").int(last);
        statement.sql(&format!(" AND ({used}))"));
        let found = statement.number(connection)?;
        restricted = found != 0;
        Ok(!restricted && go_on())
    })
    .map_err(|error| StoreError::from_diesel("looking for access lists", error))?;
    Ok(restricted)
}

/// Goes through the row numbers of a model step by step, while `step` says so.
fn in_steps(
    connection: &mut Database,
    model: &Name,
    mut step: impl FnMut(&mut Database, i64, i64) -> QueryResult<bool>,
) -> QueryResult<()> {
    let sql = format!("SELECT coalesce(max({SEQUENCE_COLUMN}), 0) FROM {}", table_name(model));
    let greatest = Statement::once(sql).number(connection)?;
    let mut first = 1;
    while first <= greatest && step(connection, first, first + STEP_RECORDS - 1)? {
        first += STEP_RECORDS;
    }
    Ok(())
}

fn exists(connection: &mut Database, sql: &str) -> Result<bool, StoreError> {
    let failed = |error| StoreError::from_diesel("looking for records", error);
    Ok(Statement::once(sql).number(connection).map_err(failed)? != 0)
}

fn fill_defaults(
    connection: &mut Database,
    model: &Name,
    fields: &[Field],
    go_on: GoOn<'_>,
) -> Result<(), StoreError> {
    let mut defaults = Vec::new();
    for field in fields {
        defaults.extend(default_value(model, field)?.map(|value| (quote(&field.name), value)));
    }
    if defaults.is_empty() {
        return Ok(());
    }
    in_steps(connection, model, |connection, first, last| {
        let mut statement = Statement::new(format!("UPDATE {} SET ", table_name(model)));
        for (column, value) in &defaults {
            statement.sql(if statement.bind_count() == 0 { "" } else { ", " });
            statement.sql(column).sql(" = ").bind(value.clone());
        }
        statement.sql(&format!(" WHERE {SEQUENCE_COLUMN} BETWEEN ")).int(first).sql(" AND ").int(last);
        statement.run(connection)?;
        Ok(go_on())
    })
    .map_err(|error| StoreError::from_diesel("giving records a default value", error))
}

/// The default value of a field as its cells hold it.
fn default_value(model: &Name, field: &Field) -> Result<Option<CellValue>, StoreError> {
    reinstate_describe::value::default_value(field).map_err(|fault| {
        StoreError::DefinitionInvalid(vec![DefinitionFault {
            field: field.name.to_string(),
            rule: "value",
            message: format!("the default value of field '{}' of model '{model}' {fault}", field.name),
        }])
    })
}

fn check_columns(model: &Name, fields: usize) -> Result<(), StoreError> {
    let fields_max = COLUMNS_MAX - COLUMNS_OF_OUR_OWN;
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
