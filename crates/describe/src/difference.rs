//! What a described model has that the existing one has not, or has otherwise.

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::definition::{field_attributes, model_attributes};
use crate::model::{Field, Model};
use crate::name::Name;
use crate::value::default_value;

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
/// is ever removed. Types that keep their values alike (`integer`, `bigint`) are no conflict.
#[must_use]
pub fn difference(existing: &Model, described: &Model) -> ModelDifference {
    let mut found = ModelDifference::default();
    let pairs = model_attributes(existing).into_iter().zip(model_attributes(described));
    found.others.extend(pairs.filter_map(|(left, right)| differing(None, left, right)));
    found.others.extend(extras(None, &existing.extra, &described.extra));
    for field in described.fields.values() {
        match existing.fields.get(&field.name) {
            None => found.fields_added.push(field.clone()),
            Some(present) => compare_fields(present, field, &mut found),
        }
    }
    found
}

fn compare_fields(existing: &Field, described: &Field, found: &mut ModelDifference) {
    if existing.column_type() != described.column_type() {
        found.type_conflicts.push(TypeConflict {
            field: existing.name.clone(),
            existing: type_name(existing),
            described: type_name(described),
        });
        return;
    }
    let same_default = match (default_value(existing), default_value(described)) {
        (Ok(left), Ok(right)) => left == right,
        _ => existing.default_value == described.default_value,
    };
    let pairs = field_attributes(existing).into_iter().zip(field_attributes(described));
    let pairs =
        pairs.filter(|((key, _), _)| *key != "is_array" && !(*key == "default_value" && same_default));
    found.others.extend(pairs.filter_map(|(left, right)| differing(Some(&existing.name), left, right)));
    found.others.extend(extras(Some(&existing.name), &existing.extra, &described.extra));
}

fn differing(
    field: Option<&Name>,
    (attribute, existing): (&'static str, Json),
    (_, described): (&'static str, Json),
) -> Option<Difference> {
    let field = field.cloned();
    (existing != described).then(|| Difference {
        field,
        attribute: attribute.to_owned(),
        existing,
        described,
    })
}

/// Unknown attributes that the described side has and the existing side has not, or has otherwise.
fn extras<'a>(
    field: Option<&'a Name>,
    existing: &'a IndexMap<String, Json>,
    described: &'a IndexMap<String, Json>,
) -> impl Iterator<Item = Difference> + 'a {
    described.iter().filter(|(key, value)| existing.get(*key) != Some(*value)).map(move |(key, value)| {
        Difference {
            field: field.cloned(),
            attribute: key.clone(),
            existing: existing.get(key).cloned().unwrap_or_default(),
            described: value.clone(),
        }
    })
}

/// A field's type for a person, with brackets where its values are arrays.
fn type_name(field: &Field) -> String {
    let name = field.field_type.as_str();
    if field.column_type().array && !name.ends_with("[]") { format!("{name}[]") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_type::FieldType;

    fn field(text: &str, field_type: FieldType) -> Field {
        Field::new(Name::new(text).unwrap(), field_type)
    }

    fn model(fields: impl IntoIterator<Item = Field>) -> Model {
        fields.into_iter().fold(Model::new(Name::new("m").unwrap()), Model::with_field)
    }

    #[test]
    fn new_fields_type_conflicts_and_other_attributes_are_told_apart() {
        let existing = model([
            field("a", FieldType::Text),
            field("B", FieldType::Integer),
            field("flags", FieldType::Boolean),
            field("only_here", FieldType::Text),
        ]);
        let mut b = field("b", FieldType::Bigint);
        b.required = true;
        let mut flags = field("flags", FieldType::Boolean);
        flags.is_array = true;
        let mut described = model([field("a", FieldType::Integer), b, flags, field("new", FieldType::Date)]);
        described.description = Some("x".into());
        described.extra.insert("k".into(), 1.into());
        insta::assert_debug_snapshot!(difference(&existing, &described));
    }

    #[test]
    fn equal_definitions_do_not_differ() {
        let mut typed = field("a", FieldType::Integer);
        typed.default_value = Some(5.into());
        let mut spelled = field("A", FieldType::Integer);
        spelled.default_value = Some("5".into());
        let array = field("t", FieldType::TextArray);
        let mut flagged = field("t", FieldType::Text);
        flagged.is_array = true;
        let found = difference(&model([typed, array]), &model([spelled, flagged]));
        assert_eq!(found.type_conflicts, []);
        assert_eq!(found.others.iter().map(|other| other.attribute.as_str()).collect::<Vec<_>>(), ["type"]);
    }
}
