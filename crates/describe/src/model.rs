//! Definitions of models and fields, as `describe.yaml`, the Describe API and the tenant's catalog hold them.

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::field_type::{ColumnType, FieldType};
use crate::name::Name;

/// The state of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModelStatus {
    /// Defined, not yet in use.
    Pending,
    /// In use.
    #[default]
    Active,
    /// Belongs to the platform's own furniture (`users`, `filters`, …).
    System,
}

impl ModelStatus {
    /// The spelling in definitions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::System => "system",
        }
    }

    /// Reads the spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::System].into_iter().find(|s| s.as_str() == text)
    }
}

/// A model: a kind of record, with its flags and fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The model's name; never reserved once checked.
    pub name: Name,
    /// The model's state.
    pub status: ModelStatus,
    /// What the model is for, in the user's words.
    pub description: Option<String>,
    /// Kept and written back; nothing here depends on it.
    pub sudo: bool,
    /// No record may be written.
    pub frozen: bool,
    /// Records may be created, never changed.
    pub immutable: bool,
    /// Kept and written back; nothing here depends on it.
    pub external: bool,
    /// The fields in their order, system columns excluded.
    pub fields: IndexMap<Name, Field>,
    /// Keys of the definition that this version does not know, written back as they came.
    pub extra: IndexMap<String, Json>,
}

/// A field of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The field's name; never a system column's once checked.
    pub name: Name,
    /// The type as spelled.
    pub field_type: FieldType,
    /// Values are arrays of the type.
    pub is_array: bool,
    /// A record must have a value.
    pub required: bool,
    /// The value of a new record that has none: JSON of the field's type (typed or as a string, see `value`).
    pub default_value: Option<Json>,
    /// No two records share a value; nulls do not count.
    pub unique: bool,
    /// Has an index.
    pub index: bool,
    /// Kept and written back; nothing here depends on it.
    pub searchable: bool,
    /// Least value of a number, least length in characters of a text; a JSON number.
    pub minimum: Option<serde_json::Number>,
    /// Greatest value of a number, greatest length in characters of a text; a JSON number.
    pub maximum: Option<serde_json::Number>,
    /// Regular expression that a text must match somewhere.
    pub pattern: Option<String>,
    /// The only values allowed.
    pub enum_values: Option<Vec<String>>,
    /// What the field is for, in the user's words.
    pub description: Option<String>,
    /// Set once, never changed.
    pub immutable: bool,
    /// Kept and written back.
    pub sudo: bool,
    /// Kept and written back.
    pub tracked: bool,
    /// Kept and written back.
    pub transform: Option<String>,
    /// Kept and written back.
    pub relationship_type: Option<String>,
    /// Kept and written back.
    pub related_model: Option<String>,
    /// Kept and written back.
    pub related_field: Option<String>,
    /// Kept and written back.
    pub relationship_name: Option<String>,
    /// Kept and written back.
    pub cascade_delete: bool,
    /// Kept and written back.
    pub required_relationship: bool,
    /// Keys of the definition that this version does not know, written back as they came.
    pub extra: IndexMap<String, Json>,
}

impl Model {
    /// An active model without fields.
    #[must_use]
    pub fn new(name: Name) -> Self {
        Self {
            name,
            status: ModelStatus::Active,
            description: None,
            sudo: false,
            frozen: false,
            immutable: false,
            external: false,
            fields: IndexMap::new(),
            extra: IndexMap::new(),
        }
    }

    /// The same model with one more field, for building definitions in code.
    #[must_use]
    pub fn with_field(mut self, field: Field) -> Self {
        self.fields.insert(field.name.clone(), field);
        self
    }
}

impl Field {
    /// An optional field of a type, every flag off.
    #[must_use]
    pub fn new(name: Name, field_type: FieldType) -> Self {
        Self {
            name,
            field_type,
            is_array: false,
            required: false,
            default_value: None,
            unique: false,
            index: false,
            searchable: false,
            minimum: None,
            maximum: None,
            pattern: None,
            enum_values: None,
            description: None,
            immutable: false,
            sudo: false,
            tracked: false,
            transform: None,
            relationship_type: None,
            related_model: None,
            related_field: None,
            relationship_name: None,
            cascade_delete: false,
            required_relationship: false,
            extra: IndexMap::new(),
        }
    }

    /// How the field's values are kept.
    #[must_use]
    pub const fn column_type(&self) -> ColumnType {
        self.field_type.column_type(self.is_array)
    }
}
