//! Definitions as JSON, for the Describe API and the tenant's catalog.

use serde_json::Value as Json;

use crate::model::{Field, Model};

/// What is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionFault {
    /// The attribute, with the field in front where it lies in a list of fields (`fields.age.minimum`).
    pub field: String,
    /// The rule that is broken: `name`, `required`, `unknown`, `type`, `value`, `read_only`, `range`, `duplicate`.
    pub rule: &'static str,
    /// One sentence for a person.
    pub message: String,
}

/// Reads the definition of a new model. `name` is the name from the request's path; the body may repeat it as
/// `model_name`. `fields` may be absent, a mapping by name, or a list with `field_name` in each.
///
/// # Errors
/// All faults at once. An attribute that is not known is one.
pub fn model_from_json(name: &str, body: &Json) -> Result<Model, Vec<DefinitionFault>> {
    let _ = (name, body);
    todo!()
}

/// The existing model with the attributes that the patch names. The name stays; fields are changed one by one,
/// not here.
///
/// # Errors
/// All faults at once.
pub fn model_patched(existing: &Model, patch: &Json) -> Result<Model, Vec<DefinitionFault>> {
    let _ = (existing, patch);
    todo!()
}

/// Reads the definition of a new field. `name` is the name from the request's path, where it has one; else the
/// body needs `field_name`.
///
/// # Errors
/// All faults at once. An attribute that is not known is one.
pub fn field_from_json(name: Option<&str>, body: &Json) -> Result<Field, Vec<DefinitionFault>> {
    let _ = (name, body);
    todo!()
}

/// The existing field with the attributes that the patch names. The name stays; a change of the type is let
/// through, for the caller to refuse.
///
/// # Errors
/// All faults at once.
pub fn field_patched(existing: &Field, patch: &Json) -> Result<Field, Vec<DefinitionFault>> {
    let _ = (existing, patch);
    todo!()
}

/// The model with all attributes, `model_name` first, `fields` as a list.
#[must_use]
pub fn model_to_json(model: &Model) -> Json {
    let _ = model;
    todo!()
}

/// The field with all attributes, `field_name` first.
#[must_use]
pub fn field_to_json(field: &Field) -> Json {
    let _ = field;
    todo!()
}

/// Reads a model back that [`model_to_json`] wrote, from the tenant's catalog; unknown attributes are kept.
///
/// # Errors
/// All faults at once.
pub fn model_from_catalog(json: &Json) -> Result<Model, Vec<DefinitionFault>> {
    let _ = json;
    todo!()
}

/// Reads a field back that [`field_to_json`] wrote, from the tenant's catalog; unknown attributes are kept.
///
/// # Errors
/// All faults at once.
pub fn field_from_catalog(json: &Json) -> Result<Field, Vec<DefinitionFault>> {
    let _ = json;
    todo!()
}
