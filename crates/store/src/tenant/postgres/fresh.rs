//! Tables that are filled beside those that they will replace.
//!
//! Emptying a model or adding fields to it would lock its readers out from then to the end of the run. A run
//! instead fills a fresh table, and puts it in the old one's place in its last moments.

use std::collections::{BTreeMap, BTreeSet};

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use reinstate_describe::ddl::{self, Dialect, Stage, column_name, table_name, table_name_at};
use reinstate_describe::{Field, Model, Name};
use reinstate_engine::TargetError;

use super::super::tables;
use super::super::target_error::{failed, from_store};
use super::locks::Patience;
use crate::database::Database;
use crate::statement::Statement;

const DIALECT: Dialect = Dialect::Postgres;

/// What is to become of the tables of models that were there before the run.
#[derive(Debug, Default)]
pub(super) struct FreshTables {
    /// Fields without default value and index, which are added in the end: no record is touched or looked at.
    waiting: BTreeMap<Name, Vec<Field>>,
    /// Models with a fresh table, as they are defined now.
    made: BTreeMap<Name, Model>,
    /// Models that the run itself made: nobody else sees their tables.
    own: BTreeSet<Name>,
}

/// What became of a model that was emptied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cleared {
    /// How many records the run saw before.
    pub(super) records: u64,
    /// The table was made for it, and has no keys yet.
    pub(super) is_without_keys: bool,
}

impl FreshTables {
    /// Whether the model has a fresh table.
    pub(super) fn has(&self, model: &Name) -> bool {
        self.made.contains_key(model)
    }

    /// Whether the model waits for fields.
    pub(super) fn waits(&self, model: &Name) -> bool {
        self.waiting.contains_key(model)
    }

    /// The run made the model.
    pub(super) fn created(&mut self, model: &Name) {
        self.own.insert(model.clone());
    }

    /// Gives a model new fields; `model` has them by now.
    pub(super) fn extend(
        &mut self,
        connection: &mut Database,
        model: &Model,
        fields: &[Field],
        patience: &Patience,
    ) -> Result<(), TargetError> {
        let name = &model.name;
        if self.own.contains(name) {
            return add_fields(connection, model, fields, Stage::Live);
        }
        if self.has(name) {
            self.made.insert(name.clone(), model.clone());
            return add_fields(connection, model, fields, Stage::Fresh);
        }
        let fills = |field: &Field| field.default_value.is_some() || field.unique || field.index;
        let fills = fields.iter().any(fills);
        self.waiting.entry(name.clone()).or_default().extend_from_slice(fields);
        // Records get values, or all of them are looked at: that is done beside the table that others read.
        if fills { self.make_filled(connection, model, patience) } else { Ok(()) }
    }

    /// Makes the fresh table where the model waits for fields: its records are going to be looked at or written.
    pub(super) fn settle(
        &mut self,
        connection: &mut Database,
        model: &Model,
        patience: &Patience,
    ) -> Result<(), TargetError> {
        if self.waits(&model.name) { self.make_filled(connection, model, patience) } else { Ok(()) }
    }

    /// Leaves the run with an empty table of the model, a fresh one where others see the old one, and says how many
    /// records it saw before. One that is made now is without keys.
    pub(super) fn clear(
        &mut self,
        connection: &mut Database,
        model: &Model,
        patience: &Patience,
    ) -> Result<Cleared, TargetError> {
        let failed = |error| failed("emptying a model", error);
        let name = &model.name;
        // What goes is what the run sees: the records of the fresh table, once there is one.
        let stage = if self.has(name) { Stage::Fresh } else { Stage::Live };
        let table = table_name_at(DIALECT, name, stage);
        let is_seen_by_others = stage == Stage::Live && !self.own.contains(name);
        if is_seen_by_others {
            self.make(connection, model, patience)?;
        }
        let count =
            Statement::once(format!("SELECT count(*) FROM {table}")).number(connection).map_err(failed)?;
        if !is_seen_by_others {
            Statement::once(format!("TRUNCATE {table}")).run(connection).map_err(failed)?;
        }
        Ok(Cleared { records: u64::try_from(count).unwrap_or_default(), is_without_keys: is_seen_by_others })
    }

    /// Whether something is left for the end.
    pub(super) fn is_needed(&self) -> bool {
        !self.made.is_empty() || !self.waiting.is_empty()
    }

    /// The tables that others know and that the end changes.
    pub(super) fn seen_by_others(&self) -> Vec<String> {
        let names: BTreeSet<_> = self.made.keys().chain(self.waiting.keys()).collect();
        names.into_iter().map(|name| table_name(DIALECT, name)).collect()
    }

    /// Puts the fresh tables in their places and adds the fields that waited, while nobody else is in the tenant.
    pub(super) fn publish(&mut self, connection: &mut Database) -> Result<(), TargetError> {
        for (model, fields) in std::mem::take(&mut self.waiting) {
            for field in &fields {
                run(connection, ddl::add_column(DIALECT, &model, field))?;
            }
        }
        for model in std::mem::take(&mut self.made).values() {
            for sql in ddl::publish_fresh(model) {
                run(connection, sql)?;
            }
        }
        Ok(())
    }

    /// Makes the fresh table with all records of the old one, the new fields filled.
    fn make_filled(
        &mut self,
        connection: &mut Database,
        model: &Model,
        patience: &Patience,
    ) -> Result<(), TargetError> {
        let added = self.waiting.get(&model.name).cloned().unwrap_or_default();
        self.make(connection, model, patience)?;
        fill(connection, model, &added)?;
        run(connection, ddl::add_key_at(&model.name, Stage::Fresh))?;
        model.fields.values().try_for_each(|field| index(connection, &model.name, field, Stage::Fresh))
    }

    /// Makes an empty fresh table of the model, without keys. Writers of the model wait from here on, its readers do not.
    fn make(
        &mut self,
        connection: &mut Database,
        model: &Model,
        patience: &Patience,
    ) -> Result<(), TargetError> {
        let table = table_name(DIALECT, &model.name);
        patience.lock(connection, &format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))?;
        run(connection, ddl::create_table_without_key_at(model, Stage::Fresh))?;
        self.waiting.remove(&model.name);
        self.made.insert(model.name.clone(), model.clone());
        Ok(())
    }
}

/// Adds fields to a table that nobody else sees.
fn add_fields(
    connection: &mut Database,
    model: &Model,
    fields: &[Field],
    stage: Stage,
) -> Result<(), TargetError> {
    let name = &model.name;
    for field in fields {
        run(connection, ddl::add_column_at(DIALECT, name, field, stage))?;
        if let Some(value) = tables::default_value(name, field).map_err(from_store)? {
            let table = table_name_at(DIALECT, name, stage);
            let column = column_name(DIALECT, &field.name);
            let mut statement = Statement::once(format!("UPDATE {table} SET {column} = "));
            let filled = statement.bind_as(field.column_type(), value).run(connection);
            filled.map_err(|error| failed("giving records a default value", error))?;
        }
        index(connection, name, field, stage)?;
    }
    Ok(())
}

fn index(connection: &mut Database, model: &Name, field: &Field, stage: Stage) -> Result<(), TargetError> {
    let Some(sql) = ddl::create_index_at(DIALECT, model, field, stage) else { return Ok(()) };
    Statement::once(sql).run(connection).map(drop).map_err(|error| match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => {
            TargetError::Refused { message: tables::not_unique(model, field) }
        }
        error => failed("making an index", error),
    })
}

/// Copies the old table's records into the fresh one.
fn fill(connection: &mut Database, model: &Model, added: &[Field]) -> Result<(), TargetError> {
    let is_added = |name: &Name| added.iter().any(|field| field.name == *name);
    let system = reinstate_describe::system::SYSTEM_COLUMNS.iter().map(|(name, _)| format!("\"{name}\""));
    let kept = model.fields.keys().filter(|name| !is_added(name)).map(|name| column_name(DIALECT, name));
    let kept: Vec<_> = system.chain(kept).collect();
    let kept = kept.join(", ");
    let mut defaults = Vec::new();
    for field in added {
        let value = tables::default_value(&model.name, field).map_err(from_store)?;
        defaults.extend(value.map(|value| (field, value)));
    }
    let fresh = table_name_at(DIALECT, &model.name, Stage::Fresh);
    let mut statement = Statement::once(format!("INSERT INTO {fresh} ({kept}"));
    for (field, _) in &defaults {
        statement.sql(", ").sql(&column_name(DIALECT, &field.name));
    }
    statement.sql(&format!(") SELECT {kept}"));
    for (field, value) in defaults {
        statement.sql(", ").bind_as(field.column_type(), value);
    }
    statement.sql(" FROM ").sql(&table_name(DIALECT, &model.name));
    statement.run(connection).map(drop).map_err(|error| failed("copying a model", error))
}

fn run(connection: &mut Database, sql: String) -> Result<(), TargetError> {
    Statement::once(sql).run(connection).map(drop).map_err(|error| failed("changing a table", error))
}
