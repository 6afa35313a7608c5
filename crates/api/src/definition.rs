//! Definitions of models and fields, as the Describe API takes and gives them. They describe the wire in the
//! OpenAPI document and let clients build requests; the server reads definitions with its own, stricter parser.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ModelDefinition {
    /// The name; where the path names the model it may be left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_name: Option<String>,
    /// `pending`, `active` or `system`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What the model is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sudo: Option<bool>,
    /// No record may be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen: Option<bool>,
    /// Records may be created, never changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub immutable: Option<bool>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<bool>,
    /// The fields by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<BTreeMap<String, FieldDefinition>>,
}

/// A field.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct FieldDefinition {
    /// The name; where the path or a mapping's key names the field it may be left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_name: Option<String>,
    /// The type, as `text`, `decimal` or `timestamp`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub field_type: Option<String>,
    /// A record must have a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// The value of a new record that has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub default_value: Option<serde_json::Value>,
    /// No two records share a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<bool>,
    /// Has an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<bool>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searchable: Option<bool>,
    /// Least number, or least length of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub minimum: Option<serde_json::Number>,
    /// Greatest number, or greatest length of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub maximum: Option<serde_json::Number>,
    /// Regular expression for texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The only values allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enum_values: Option<Vec<String>>,
    /// What the field is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Set once, never changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub immutable: Option<bool>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sudo: Option<bool>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracked: Option<bool>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform: Option<String>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationship_type: Option<String>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related_model: Option<String>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related_field: Option<String>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relationship_name: Option<String>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cascade_delete: Option<bool>,
    /// Kept and given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_relationship: Option<bool>,
    /// Values are arrays of the type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_array: Option<bool>,
}
