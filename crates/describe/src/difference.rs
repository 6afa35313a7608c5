//! What a described model has that the existing one has not, or has otherwise.

use serde_json::Value as Json;

use crate::model::{Field, Model};
use crate::name::Name;

/// Everything in which two definitions of a model differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelDifference {
    /// Fields that only the described model has.
    pub fields_added: Vec<Field>,
    /// Fields whose values are kept in different ways.
    pub type_conflicts: Vec<TypeConflict>,
    /// Attributes that differ otherwise.
    pub others: Vec<Difference>,
}

/// A field whose type differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeConflict {
    /// The field.
    pub field: Name,
    /// The type that it has, for a person (`text`, `boolean[]`).
    pub existing: String,
    /// The type that is described.
    pub described: String,
}

/// An attribute that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The field; `None` for an attribute of the model itself.
    pub field: Option<Name>,
    /// The attribute's key in definitions.
    pub attribute: String,
    /// What the existing definition says.
    pub existing: Json,
    /// What the described one says.
    pub described: Json,
}

/// Compares two definitions of one model. Fields that only the existing model has are no difference: nothing
/// is ever removed.
#[must_use]
pub fn difference(existing: &Model, described: &Model) -> ModelDifference {
    let _ = (existing, described);
    todo!()
}
