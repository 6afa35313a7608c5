//! The Describe API's storage calls: definitions and their tables change together or not at all.

use diesel::SqliteConnection;
use reinstate_describe::ddl::quote;
use reinstate_describe::definition::DefinitionFault;
use reinstate_describe::{Field, Model, Name};

use super::{Tenant, catalog, tables};
use crate::error::StoreError;
use crate::sqlite::statement::Statement;

impl Tenant {
    /// Creates a model with its table.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the name is taken, [`StoreError::DefinitionInvalid`] where it has too many
    /// fields.
    pub fn model_create(&self, model: &Model) -> Result<(), StoreError> {
        self.write(|connection, snapshot| {
            if snapshot.catalog.get(&model.name).is_some() {
                let message = format!("model '{}' exists already", model.name);
                return Err(StoreError::Conflict { message });
            }
            tables::model_create(connection, model)
        })
    }

    /// Replaces the attributes of a model; its fields stay as they are, whatever `model.fields` holds.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`].
    pub fn model_update(&self, model: &Model) -> Result<(), StoreError> {
        self.write(|connection, snapshot| {
            let existing = snapshot.model(&model.name)?;
            // The name keeps the spelling under which the table was made.
            let updated = Model { name: existing.name.clone(), ..model.clone() };
            catalog::model_update(connection, &updated)
        })
    }

    /// Removes a model and all its records for good.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::ModelProtected`] where it is frozen.
    pub fn model_delete(&self, model: &Name) -> Result<(), StoreError> {
        self.write(|connection, snapshot| {
            let existing = snapshot.model(model)?;
            require_thawed(existing)?;
            tables::model_drop(connection, &existing.name)
        })
    }

    /// Adds a field; see [`Tenant::fields_create`].
    ///
    /// # Errors
    /// As [`Tenant::fields_create`].
    pub fn field_create(&self, model: &Name, field: &Field) -> Result<(), StoreError> {
        self.fields_create(model, std::slice::from_ref(field))
    }

    /// Adds fields, all or none; existing records get each one's default value, where it has one.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`]; [`StoreError::Conflict`] where a name is taken or comes twice, or where a
    /// field is unique and its default value would be shared; [`StoreError::DefinitionInvalid`] where one is
    /// required without a default while there are records, or where the table is full.
    pub fn fields_create(&self, model: &Name, fields: &[Field]) -> Result<(), StoreError> {
        self.write(|connection, snapshot| {
            let existing = snapshot.model(model)?;
            for (place, field) in fields.iter().enumerate() {
                let comes_twice = fields.iter().take(place).any(|other| other.name == field.name);
                if comes_twice || existing.fields.contains_key(&field.name) {
                    let message = format!("model '{}' has a field '{}' already", existing.name, field.name);
                    return Err(StoreError::Conflict { message });
                }
                let lacks_values = field.required && field.default_value.is_none();
                if lacks_values && tables::has_records(connection, &existing.name)? {
                    return Err(definition_invalid(
                        "default_value",
                        "required",
                        format!(
                            "a required field '{}' needs a default value, because there are records",
                            field.name
                        ),
                    ));
                }
            }
            tables::fields_add(connection, &existing.name, existing.fields.len(), fields)
        })
    }

    /// Replaces the definition of a field; see [`Tenant::fields_update`].
    ///
    /// # Errors
    /// As [`Tenant::fields_update`].
    pub fn field_update(&self, model: &Name, field: &Field) -> Result<(), StoreError> {
        self.fields_update(model, std::slice::from_ref(field))
    }

    /// Replaces the definitions of fields, all or none.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::FieldNotFound`]; [`StoreError::DefinitionInvalid`] where a
    /// type would change; [`StoreError::Conflict`] where existing records stand against it: duplicates under a
    /// new `unique`, missing values under a new `required`.
    pub fn fields_update(&self, model: &Name, fields: &[Field]) -> Result<(), StoreError> {
        self.write(|connection, snapshot| {
            let model = snapshot.model(model)?;
            for field in fields {
                let existing = snapshot.field(model, &field.name)?;
                require_same_type(existing, field)?;
                if field.required && !existing.required {
                    require_values(connection, &model.name, &existing.name)?;
                }
                // The name keeps the spelling under which the column was made.
                let updated = Field { name: existing.name.clone(), ..field.clone() };
                catalog::field_update(connection, &model.name, &updated)?;
                if (updated.unique, updated.index) != (existing.unique, existing.index) {
                    tables::indexes_drop(connection, &model.name, &updated.name)?;
                    tables::indexes_create(connection, &model.name, &updated)?;
                }
            }
            Ok(())
        })
    }

    /// Removes a field and its values for good.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::FieldNotFound`], [`StoreError::ModelProtected`] where the
    /// model is frozen.
    pub fn field_delete(&self, model: &Name, field: &Name) -> Result<(), StoreError> {
        self.write(|connection, snapshot| {
            let model = snapshot.model(model)?;
            let field = snapshot.field(model, field)?;
            require_thawed(model)?;
            tables::field_drop(connection, &model.name, &field.name)
        })
    }
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

fn require_values(connection: &mut SqliteConnection, model: &Name, field: &Name) -> Result<(), StoreError> {
    let sql = format!("SELECT count(*) FROM {} WHERE {} IS NULL", tables::table_name(model), quote(field));
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
