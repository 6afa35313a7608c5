//! The tenant's definitions as rows, and a copy in memory that is good as long as their version stays.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use reinstate_describe::ddl::Dialect;
use reinstate_describe::definition::{field_from_catalog, field_to_json, model_from_catalog, model_to_json};
use reinstate_describe::{Catalog, Field, Layout, Model, Name};
use serde_json::Value as Json;

use super::tenants::lock;
use crate::database::Database;
use crate::error::StoreError;
use crate::row::DynamicRow;
use crate::statement::Statement;

/// The definitions of a tenant as one transaction saw them.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// What the tenant counted when they were read.
    pub(super) version: i64,
    pub(super) catalog: Catalog,
    layouts: Mutex<HashMap<Name, Arc<Layout>>>,
}

impl Snapshot {
    /// A model by its name.
    pub(super) fn model(&self, name: &str) -> Result<&Model, StoreError> {
        self.catalog.find(name).ok_or_else(|| StoreError::ModelNotFound { model: name.to_owned() })
    }

    /// A field of a model.
    pub(super) fn field<'a>(&self, model: &'a Model, name: &str) -> Result<&'a Field, StoreError> {
        let found = Name::new(name).ok().and_then(|name| model.fields.get(&name));
        found.ok_or_else(|| StoreError::FieldNotFound {
            model: model.name.to_string(),
            field: name.to_owned(),
        })
    }

    /// The layout of a model.
    pub(super) fn layout(&self, model: &str) -> Result<Arc<Layout>, StoreError> {
        let model = self.model(model)?;
        let mut layouts = lock(&self.layouts);
        let layout =
            layouts.entry(model.name.clone()).or_insert_with(|| Arc::new(Layout::new(model.clone())));
        Ok(Arc::clone(layout))
    }
}

/// The newest snapshot of a tenant, so that a request need not read hundreds of definitions again.
#[derive(Debug, Default)]
pub(super) struct SnapshotCache(Mutex<Option<Arc<Snapshot>>>);

impl SnapshotCache {
    /// The definitions as the open transaction sees them. Must come before the transaction changes any:
    /// what a rollback takes back must not stay here.
    pub(super) fn read(&self, connection: &mut Database) -> Result<Arc<Snapshot>, StoreError> {
        let version = version(connection)?;
        let cached = lock(&self.0).clone();
        if let Some(snapshot) = cached.filter(|snapshot| snapshot.version == version) {
            return Ok(snapshot);
        }
        let catalog = read(connection)?;
        let snapshot = Arc::new(Snapshot { version, catalog, layouts: Mutex::default() });
        *lock(&self.0) = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// The definitions as they were last read, which may be old.
    pub(super) fn last(&self) -> Option<Arc<Snapshot>> {
        lock(&self.0).clone()
    }
}

/// Reads every definition.
pub(super) fn read(connection: &mut Database) -> Result<Catalog, StoreError> {
    let mut by_model: HashMap<Name, Vec<Field>> = HashMap::new();
    let fields = "SELECT \"model\", \"definition\" FROM \"$fields\" ORDER BY \"model\", \"position\"";
    definitions(connection, &Statement::new(fields), |model, definition| {
        let field = field_from_catalog(definition).map_err(|faults| damaged(&model, &faults))?;
        by_model.entry(model).or_default().push(field);
        Ok(())
    })?;
    let mut catalog = Catalog::default();
    let models = "SELECT \"name\", \"definition\" FROM \"$models\" ORDER BY \"position\"";
    definitions(connection, &Statement::new(models), |name, definition| {
        let mut model = model_from_catalog(definition).map_err(|faults| damaged(&name, &faults))?;
        let fields = by_model.remove(&name).unwrap_or_default();
        model.fields = fields.into_iter().map(|field| (field.name.clone(), field)).collect();
        catalog.insert(model);
        Ok(())
    })?;
    Ok(catalog)
}

/// Reads the definition of one model; [`StoreError::ModelNotFound`] where there is none.
pub(super) fn model_read(connection: &mut Database, model: &Name) -> Result<Model, StoreError> {
    let mut of_model = Statement::new("SELECT \"name\", \"definition\" FROM \"$models\" WHERE ");
    push_named(connection.dialect(), "name", model, &mut of_model);
    let mut of_fields = Statement::new("SELECT \"model\", \"definition\" FROM \"$fields\" WHERE ");
    push_named(connection.dialect(), "model", model, &mut of_fields);
    of_fields.sql(" ORDER BY \"position\"");
    let mut read = None;
    definitions(connection, &of_model, |name, definition| {
        read = Some(model_from_catalog(definition).map_err(|faults| damaged(&name, &faults))?);
        Ok(())
    })?;
    let mut read: Model = read.ok_or_else(|| StoreError::ModelNotFound { model: model.to_string() })?;
    definitions(connection, &of_fields, |name, definition| {
        let field = field_from_catalog(definition).map_err(|faults| damaged(&name, &faults))?;
        read.fields.insert(field.name.clone(), field);
        Ok(())
    })?;
    Ok(read)
}

/// Adds a model and its fields. Like every change of definitions it is followed by [`changed`] before its transaction
/// ends.
pub(super) fn model_insert(connection: &mut Database, model: &Model) -> Result<(), StoreError> {
    let mut statement = Statement::new(
        "INSERT INTO \"$models\" (\"position\", \"name\", \"definition\") \
         SELECT coalesce(max(\"position\"), 0) + 1, ",
    );
    statement.text(model.name.as_str()).sql(", ").text(model_text(model)).sql(" FROM \"$models\"");
    write(connection, &statement)?;
    fields_insert_behind(connection, &model.name, 0, model.fields.values())
}

/// Writes the attributes of a model anew.
pub(super) fn model_update(connection: &mut Database, model: &Model) -> Result<(), StoreError> {
    let mut statement = Statement::new("UPDATE \"$models\" SET \"definition\" = ");
    statement.text(model_text(model)).sql(" WHERE ");
    push_named(connection.dialect(), "name", &model.name, &mut statement);
    write(connection, &statement)
}

/// Removes a model and its fields.
pub(super) fn model_remove(connection: &mut Database, model: &Name) -> Result<(), StoreError> {
    for (table, column) in [("$fields", "model"), ("$models", "name")] {
        let mut statement = Statement::new(format!("DELETE FROM \"{table}\" WHERE "));
        push_named(connection.dialect(), column, model, &mut statement);
        write(connection, &statement)?;
    }
    Ok(())
}

/// Adds fields behind those that a model has.
pub(super) fn fields_insert(
    connection: &mut Database,
    model: &Name,
    fields: &[Field],
) -> Result<(), StoreError> {
    let mut last = Statement::new("SELECT coalesce(max(\"position\"), 0) FROM \"$fields\" WHERE ");
    push_named(connection.dialect(), "model", model, &mut last);
    let last = last
        .number(connection)
        .map_err(|error| StoreError::from_diesel("looking for the last field", error))?;
    fields_insert_behind(connection, model, last, fields)
}

/// Writes the definition of a field anew.
pub(super) fn field_update(connection: &mut Database, model: &Name, field: &Field) -> Result<(), StoreError> {
    let mut statement = Statement::new("UPDATE \"$fields\" SET \"definition\" = ");
    statement.text(field_to_json(field).to_string());
    statement.sql(" WHERE ");
    push_field(connection.dialect(), model, &field.name, &mut statement);
    write(connection, &statement)
}

/// Removes a field.
pub(super) fn field_remove(connection: &mut Database, model: &Name, field: &Name) -> Result<(), StoreError> {
    let mut statement = Statement::new("DELETE FROM \"$fields\" WHERE ");
    push_field(connection.dialect(), model, field, &mut statement);
    write(connection, &statement)
}

/// How many fields a model has.
pub(super) fn field_count(connection: &mut Database, model: &Name) -> Result<usize, StoreError> {
    let mut statement = Statement::new("SELECT count(*) FROM \"$fields\" WHERE ");
    push_named(connection.dialect(), "model", model, &mut statement);
    let count =
        statement.number(connection).map_err(|error| StoreError::from_diesel("counting fields", error))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Adds fields behind the position `last`, in one statement.
fn fields_insert_behind<'a>(
    connection: &mut Database,
    model: &Name,
    last: i64,
    fields: impl IntoIterator<Item = &'a Field>,
) -> Result<(), StoreError> {
    const INSERT: &str =
        "INSERT INTO \"$fields\" (\"position\", \"model\", \"name\", \"definition\") VALUES ";
    let mut statement = Statement::once(INSERT);
    for (position, field) in (last + 1..).zip(fields) {
        statement.sql(if statement.bind_count() == 0 { "(" } else { ", (" });
        statement.int(position).sql(", ").text(model.as_str()).sql(", ").text(field.name.as_str());
        statement.sql(", ").text(field_to_json(field).to_string()).sql(")");
    }
    if statement.bind_count() == 0 { Ok(()) } else { write(connection, &statement) }
}

/// Adds the condition that a column holds a name, in whatever case. SQLite's columns compare so by themselves.
fn push_named(dialect: Dialect, column: &str, name: &Name, out: &mut Statement) {
    match dialect {
        Dialect::Sqlite => out.sql(&format!("\"{column}\" = ")),
        Dialect::Postgres => out.sql(&format!("lower(\"{column}\") = ")),
    };
    out.text(name.folded());
}

/// Adds the condition that a row of `"$fields"` is that of a field.
fn push_field(dialect: Dialect, model: &Name, field: &Name, out: &mut Statement) {
    push_named(dialect, "model", model, out);
    out.sql(" AND ");
    push_named(dialect, "name", field, out);
}

fn version(connection: &mut Database) -> Result<i64, StoreError> {
    Statement::new("SELECT \"version\" FROM \"$catalog\"")
        .number(connection)
        .map_err(|error| StoreError::from_diesel("reading the version of the definitions", error))
}

/// Tells everybody to read the definitions again. Once a transaction, at its end: to count up for each of thousands of
/// models would make PostgreSQL look through as many dead versions of the one row each time.
pub(super) fn changed(connection: &mut Database) -> Result<(), StoreError> {
    write(connection, &Statement::new("UPDATE \"$catalog\" SET \"version\" = \"version\" + 1"))
}

fn write(connection: &mut Database, statement: &Statement) -> Result<(), StoreError> {
    statement
        .run(connection)
        .map(drop)
        .map_err(|error| StoreError::from_diesel("writing a definition", error))
}

/// Hands out a statement's names with their definitions one by one: as trees of JSON they take many times the room
/// of what is made of them.
fn definitions(
    connection: &mut Database,
    statement: &Statement,
    mut take: impl FnMut(Name, &Json) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let doing = "reading the definitions";
    let mut row_taken = |row: &DynamicRow| {
        let name = Name::new(row.text(0).unwrap_or_default());
        let name = name.map_err(|error| StoreError::failed(doing, error.to_string()))?;
        let json = serde_json::from_str(row.text(1).unwrap_or_default());
        take(name, &json.map_err(|error| StoreError::failed(doing, error.to_string()))?)
    };
    let mut taken = Ok(());
    let read = statement.each(connection, |row| {
        taken = row_taken(row);
        taken.is_ok()
    });
    read.map_err(|error| StoreError::from_diesel(doing, error)).and(taken)
}

/// The model's own attributes; its fields have rows of their own.
fn model_text(model: &Model) -> String {
    let mut json = model_to_json(model);
    if let Some(object) = json.as_object_mut() {
        object.remove("fields");
    }
    json.to_string()
}

fn damaged(name: &Name, faults: &[reinstate_describe::definition::DefinitionFault]) -> StoreError {
    let first = faults.first().map_or("", |fault| fault.message.as_str());
    StoreError::failed("reading the definitions", format!("model '{name}': {first}"))
}
