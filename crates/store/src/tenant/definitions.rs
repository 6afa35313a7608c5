//! The Describe API's storage calls: definitions and their tables change together or not at all.

use std::collections::HashSet;

use reinstate_describe::ddl::{column_name, table_name};
use reinstate_describe::definition::DefinitionFault;
use reinstate_describe::system::is_reserved_model;
use reinstate_describe::{Field, Model, ModelStatus, Name};

use super::catalog::Snapshot;
use super::{Tenant, catalog, tables};
use crate::database::Database;
use crate::error::StoreError;
use crate::statement::Statement;

impl Tenant {
    /// Creates a model with its table.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the name is taken, [`StoreError::DefinitionInvalid`] where it has too many
    /// fields.
    pub fn model_create(&self, model: &Model) -> Result<(), StoreError> {
        self.define(|connection, snapshot| {
            if snapshot.catalog.get(&model.name).is_some() {
                let message = format!("model '{}' exists already", model.name);
                return Err(StoreError::Conflict { message });
            }
            tables::model_create(connection, model)
        })
    }

    /// Changes attributes of a model and answers what it is now. `change` makes the new definition from the
    /// present one, inside the transaction that writes, so that no change of another request gets lost. Name and
    /// fields stay as they are, whatever it makes of them.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`]; [`StoreError::ModelProtected`] where it belongs to the platform;
    /// [`StoreError::DefinitionInvalid`] with the faults of `change`.
    pub fn model_update(
        &self,
        model: &str,
        change: impl Fn(&Model) -> Result<Model, Vec<DefinitionFault>>,
    ) -> Result<Model, StoreError> {
        self.define(|connection, snapshot| {
            let existing = definable(snapshot, model)?;
            let changed = change(existing).map_err(StoreError::DefinitionInvalid)?;
            // The name keeps the spelling under which the table was made.
            let updated = Model { name: existing.name.clone(), fields: existing.fields.clone(), ..changed };
            catalog::model_update(connection, &updated)?;
            Ok(updated)
        })
    }

    /// Removes a model and all its records for good and answers what it was.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`]; [`StoreError::ModelProtected`] where it is frozen or belongs to the
    /// platform.
    pub fn model_delete(&self, model: &str) -> Result<Model, StoreError> {
        self.define(|connection, snapshot| {
            let existing = definable(snapshot, model)?;
            require_thawed(existing)?;
            tables::model_drop(connection, &existing.name)?;
            Ok(existing.clone())
        })
    }

    /// Adds fields, all or none; existing records get each one's default value, where it has one.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`]; [`StoreError::ModelProtected`] where the model belongs to the platform, or
    /// where it is frozen and its records would get values; [`StoreError::Conflict`] where a name is taken or
    /// comes twice, or where a field is unique and its default value would be shared;
    /// [`StoreError::DefinitionInvalid`] where one is required without a default while there are records, or
    /// where the table is full.
    pub fn fields_create(&self, model: &str, fields: &[Field]) -> Result<(), StoreError> {
        self.define(|connection, snapshot| {
            let existing = definable(snapshot, model)?;
            let has_records = tables::has_records(connection, &existing.name)?;
            let mut seen = HashSet::new();
            for field in fields {
                if !seen.insert(&field.name) || existing.fields.contains_key(&field.name) {
                    let message = format!("model '{}' has a field '{}' already", existing.name, field.name);
                    return Err(StoreError::Conflict { message });
                }
                if has_records {
                    require_addable(existing, field)?;
                }
            }
            tables::fields_add(connection, &existing.name, existing.fields.len(), fields, &|| true)
        })
    }

    /// Changes the definitions of fields, all or none, and answers what they are now, in the order of `fields`.
    /// `change` makes the new definition from the place in `fields` and the present definition, inside the
    /// transaction that writes. Names stay as they are, whatever it makes of them.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::FieldNotFound`]; [`StoreError::ModelProtected`] where the
    /// model belongs to the platform; [`StoreError::DefinitionInvalid`] with the faults of `change`, or where a
    /// type would change; [`StoreError::Conflict`] where a field is named twice, or where existing records stand
    /// against it: duplicates under a new `unique`, missing values under a new `required`.
    pub fn fields_update(
        &self,
        model: &str,
        fields: &[&str],
        mut change: impl FnMut(usize, &Field) -> Result<Field, Vec<DefinitionFault>>,
    ) -> Result<Vec<Field>, StoreError> {
        self.define(|connection, snapshot| {
            let model = definable(snapshot, model)?;
            let (mut all_changed, mut seen) = (Vec::with_capacity(fields.len()), HashSet::new());
            for (place, name) in fields.iter().enumerate() {
                let existing = snapshot.field(model, name)?;
                let changed = change(place, existing).map_err(StoreError::DefinitionInvalid)?;
                // The name keeps the spelling under which the column was made.
                all_changed.push(Field { name: existing.name.clone(), ..changed });
                if !seen.insert(&existing.name) {
                    let message = format!("field '{}' is named twice in one request", existing.name);
                    return Err(StoreError::Conflict { message });
                }
            }
            for changed in &all_changed {
                let existing = snapshot.field(model, changed.name.as_str())?;
                field_update(connection, &model.name, existing, changed)?;
            }
            Ok(all_changed)
        })
    }

    /// Removes a field and its values for good and answers what it was.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::FieldNotFound`]; [`StoreError::ModelProtected`] where the
    /// model is frozen or belongs to the platform.
    pub fn field_delete(&self, model: &str, field: &str) -> Result<Field, StoreError> {
        self.define(|connection, snapshot| {
            let model = definable(snapshot, model)?;
            let field = snapshot.field(model, field)?;
            require_thawed(model)?;
            tables::field_drop(connection, &model.name, &field.name)?;
            Ok(field.clone())
        })
    }
}

/// The model of that name, where a tenant may change its definition.
fn definable<'a>(snapshot: &'a Snapshot, model: &str) -> Result<&'a Model, StoreError> {
    let of_the_platform = |model: &str| StoreError::ModelProtected {
        model: model.to_owned(),
        why: "it belongs to the platform",
    };
    if is_reserved_model(model) {
        return Err(of_the_platform(model));
    }
    let existing = snapshot.model(model)?;
    if existing.status == ModelStatus::System {
        return Err(of_the_platform(existing.name.as_str()));
    }
    Ok(existing)
}

/// Refuses a new field that the model's records cannot have.
fn require_addable(model: &Model, field: &Field) -> Result<(), StoreError> {
    if field.default_value.is_some() {
        // Existing records get the value, and records of a frozen model are not written.
        return require_thawed(model);
    }
    if field.required {
        let message =
            format!("a required field '{}' needs a default value, because there are records", field.name);
        return Err(definition_invalid("default_value", "required", message));
    }
    Ok(())
}

fn field_update(
    connection: &mut Database,
    model: &Name,
    existing: &Field,
    changed: &Field,
) -> Result<(), StoreError> {
    require_same_type(existing, changed)?;
    if changed.required && !existing.required {
        require_values(connection, model, &existing.name)?;
    }
    catalog::field_update(connection, model, changed)?;
    if (changed.unique, changed.index) != (existing.unique, existing.index) {
        tables::indexes_drop(connection, model, &changed.name)?;
        tables::indexes_create(connection, model, changed)?;
    }
    Ok(())
}

fn require_thawed(model: &Model) -> Result<(), StoreError> {
    if model.frozen {
        Err(StoreError::ModelProtected { model: model.name.to_string(), why: "it is frozen" })
    } else {
        Ok(())
    }
}

fn require_same_type(existing: &Field, field: &Field) -> Result<(), StoreError> {
    if (existing.field_type, existing.is_array) == (field.field_type, field.is_array) {
        return Ok(());
    }
    let spelled =
        |field: &Field| format!("{}{}", field.field_type, if field.is_array { " (array)" } else { "" });
    Err(definition_invalid(
        "type",
        "immutable",
        format!("field '{}' is {} and cannot become {}", existing.name, spelled(existing), spelled(field)),
    ))
}

fn require_values(connection: &mut Database, model: &Name, field: &Name) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let (table, column) = (table_name(dialect, model), column_name(dialect, field));
    let sql = format!("SELECT count(*) FROM {table} WHERE {column} IS NULL");
    let missing = Statement::once(sql)
        .number(connection)
        .map_err(|error| StoreError::from_diesel("counting missing values", error))?;
    if missing == 0 {
        return Ok(());
    }
    let message =
        format!("field '{field}' of model '{model}' cannot be required: {missing} record(s) have no value");
    Err(StoreError::Conflict { message })
}

fn definition_invalid(field: &str, rule: &'static str, message: String) -> StoreError {
    StoreError::DefinitionInvalid(vec![DefinitionFault { field: field.to_owned(), rule, message }])
}
