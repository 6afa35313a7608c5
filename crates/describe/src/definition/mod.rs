//! Definitions as JSON, for the Describe API and the tenant's catalog.

pub(crate) mod attributes;
pub(crate) mod node;
pub(crate) mod reader;

use serde_json::{Map, Value as Json};

use crate::model::{Field, Model};
use crate::system::is_reserved_model;
use crate::yaml::DescribeLimits;
use attributes::{FIELD_NAME, FIELDS, MODEL_NAME};
use node::{Node, NodeKind, Place};
use reader::{Finding, Reader, Strictness};

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
    let mut reader = Reader::new(Strictness::Strict);
    if is_reserved_model(name) {
        reader.fault(Place::default(), MODEL_NAME, "name", format!("'{name}' is reserved for the platform"));
    }
    let model = read_model(&mut reader, name, body);
    finish(reader, model)
}

fn read_model(reader: &mut Reader, name: &str, body: &Json) -> Option<Model> {
    let node = Node::from_json(body);
    let mut model = Model::new(reader.name(Place::default(), MODEL_NAME, name)?);
    reader.model_attributes(&mut model, &node);
    let fields = body.get(FIELDS).filter(|fields| !fields.is_null()).map(Node::from_json);
    if let Some(fields) = fields {
        read_fields(reader, &mut model, &fields);
    }
    Some(model)
}

fn read_fields(reader: &mut Reader, model: &mut Model, fields: &Node) {
    let fields_max = DescribeLimits::default().fields_max;
    match &fields.kind {
        NodeKind::Map(entries) => reader.fields(model, entries, fields_max),
        NodeKind::List(items) if items.len() <= fields_max => {
            for (at, item) in items.iter().enumerate() {
                let name = name_in(item);
                reader.context.field = Some(name.map_or_else(|| at.to_string(), str::to_owned));
                match name {
                    Some(name) => reader.add_field(model, name, item.place, item),
                    None => reader.fault(item.place, FIELD_NAME, "required", "a field needs 'field_name'"),
                }
            }
            reader.context.field = None;
        }
        _ => {
            let message =
                format!("'fields' must be a list of at most {fields_max} fields; got {}", fields.describe());
            reader.fault(fields.place, FIELDS, "value", message);
        }
    }
}

/// The text of `field_name` in a definition.
fn name_in(node: &Node) -> Option<&str> {
    let NodeKind::Map(entries) = &node.kind else { return None };
    entries.iter().find(|entry| &*entry.key == FIELD_NAME).and_then(|entry| match &entry.value.kind {
        NodeKind::Text(text) => Some(&**text),
        _ => None,
    })
}

/// The existing model with the attributes that the patch names. The name stays; fields are changed one by one,
/// not here.
///
/// # Errors
/// All faults at once.
pub fn model_patched(existing: &Model, patch: &Json) -> Result<Model, Vec<DefinitionFault>> {
    let mut reader = Reader::new(Strictness::Strict);
    let node = mapping(&mut reader, patch);
    if patch.get(FIELDS).is_some() {
        reader.fault(
            Place::default(),
            FIELDS,
            "read_only",
            "'fields' are changed one by one, not with the model",
        );
    }
    let mut model = existing.clone();
    reader.model_attributes(&mut model, &node);
    finish(reader, Some(model))
}

/// Reads the definition of a new field. `name` is the name from the request's path, where it has one; else the
/// body needs `field_name`.
///
/// # Errors
/// All faults at once. An attribute that is not known is one.
pub fn field_from_json(name: Option<&str>, body: &Json) -> Result<Field, Vec<DefinitionFault>> {
    read_field(Reader::new(Strictness::Strict), name, body)
}

fn read_field(mut reader: Reader, name: Option<&str>, body: &Json) -> Result<Field, Vec<DefinitionFault>> {
    let node = mapping(&mut reader, body);
    let Some(name) = name.or_else(|| name_in(&node)) else {
        reader.fault(Place::default(), FIELD_NAME, "required", "a field needs 'field_name'");
        return finish(reader, None);
    };
    let field = match reader.field_name(Place::default(), name) {
        Some(name) => reader.field(name, Place::default(), &node),
        None => None,
    };
    finish(reader, field)
}

/// The existing field with the attributes that the patch names. The name stays; a change of the type is let
/// through, for the caller to refuse.
///
/// # Errors
/// All faults at once.
pub fn field_patched(existing: &Field, patch: &Json) -> Result<Field, Vec<DefinitionFault>> {
    let mut reader = Reader::new(Strictness::Strict);
    let node = mapping(&mut reader, patch);
    let mut field = existing.clone();
    reader.field_attributes(&mut field, &node);
    if reader.faults.is_empty() {
        reader.field_check(&field, &node);
    }
    finish(reader, Some(field))
}

/// The body as a node; a fault where it is no object.
fn mapping(reader: &mut Reader, body: &Json) -> Node {
    let node = Node::from_json(body);
    if node.is_null() {
        reader.fault(Place::default(), "", "value", "the definition must be an object; got null");
    }
    node
}

fn finish<T>(reader: Reader, read: Option<T>) -> Result<T, Vec<DefinitionFault>> {
    match read {
        Some(read) if reader.faults.is_empty() => Ok(read),
        _ => Err(reader.faults.into_iter().map(DefinitionFault::from).collect()),
    }
}

impl From<Finding> for DefinitionFault {
    fn from(finding: Finding) -> Self {
        let field = match (&finding.context.field, finding.attribute.as_str()) {
            (Some(field), "") => format!("{FIELDS}.{field}"),
            (Some(field), attribute) => format!("{FIELDS}.{field}.{attribute}"),
            (None, attribute) => attribute.to_owned(),
        };
        Self { field, rule: finding.rule, message: finding.message }
    }
}

/// The attributes of a model in their order, without name, fields and unknown ones.
pub(crate) fn model_attributes(model: &Model) -> [(&'static str, Json); 6] {
    // Every part is named, so that a new one cannot be forgotten.
    let Model { name: _, status, description, sudo, frozen, immutable, external, fields: _, extra: _ } =
        model;
    [
        ("status", status.as_str().into()),
        ("description", description.clone().into()),
        ("sudo", (*sudo).into()),
        ("frozen", (*frozen).into()),
        ("immutable", (*immutable).into()),
        ("external", (*external).into()),
    ]
}

/// The attributes of a field in their order, without name and unknown ones.
pub(crate) fn field_attributes(field: &Field) -> [(&'static str, Json); 22] {
    let number = |number: &Option<serde_json::Number>| number.clone().map_or(Json::Null, Json::Number);
    let Field {
        name: _,
        field_type,
        is_array,
        required,
        default_value,
        unique,
        index,
        searchable,
        minimum,
        maximum,
        pattern,
        enum_values,
        description,
        immutable,
        sudo,
        tracked,
        transform,
        relationship_type,
        related_model,
        related_field,
        relationship_name,
        cascade_delete,
        required_relationship,
        extra: _,
    } = field;
    [
        ("type", field_type.as_str().into()),
        ("required", (*required).into()),
        ("default_value", default_value.clone().unwrap_or_default()),
        ("description", description.clone().into()),
        ("relationship_type", relationship_type.clone().into()),
        ("related_model", related_model.clone().into()),
        ("related_field", related_field.clone().into()),
        ("relationship_name", relationship_name.clone().into()),
        ("cascade_delete", (*cascade_delete).into()),
        ("required_relationship", (*required_relationship).into()),
        ("minimum", number(minimum)),
        ("maximum", number(maximum)),
        ("pattern", pattern.clone().into()),
        ("enum_values", enum_values.clone().into()),
        ("is_array", (*is_array).into()),
        ("immutable", (*immutable).into()),
        ("sudo", (*sudo).into()),
        ("unique", (*unique).into()),
        ("index", (*index).into()),
        ("tracked", (*tracked).into()),
        ("searchable", (*searchable).into()),
        ("transform", transform.clone().into()),
    ]
}

/// The model with all attributes; `fields` is a list in the model's order.
#[must_use]
pub fn model_to_json(model: &Model) -> Json {
    let fields = model.fields.values().map(field_to_json).collect();
    let known = model_attributes(model).into_iter().map(|(key, value)| (key.to_owned(), value));
    let extra = model.extra.iter().map(|(key, value)| (key.clone(), value.clone()));
    let head = [(MODEL_NAME.to_owned(), model.name.as_str().into()), (FIELDS.to_owned(), fields)];
    Json::Object(extra.chain(known).chain(head).collect::<Map<_, _>>())
}

/// The field with all attributes.
#[must_use]
pub fn field_to_json(field: &Field) -> Json {
    let known = field_attributes(field).into_iter().map(|(key, value)| (key.to_owned(), value));
    let extra = field.extra.iter().map(|(key, value)| (key.clone(), value.clone()));
    let head = [(FIELD_NAME.to_owned(), field.name.as_str().into())];
    Json::Object(extra.chain(known).chain(head).collect::<Map<_, _>>())
}

/// Reads a model back that [`model_to_json`] wrote, from the tenant's catalog; unknown attributes are kept.
///
/// # Errors
/// All faults at once.
pub fn model_from_catalog(json: &Json) -> Result<Model, Vec<DefinitionFault>> {
    let mut reader = Reader::new(Strictness::Lenient);
    let name = json.get(MODEL_NAME).and_then(Json::as_str).unwrap_or_default();
    let model = read_model(&mut reader, name, json);
    finish(reader, model)
}

/// Reads a field back that [`field_to_json`] wrote, from the tenant's catalog; unknown attributes are kept.
///
/// # Errors
/// All faults at once.
pub fn field_from_catalog(json: &Json) -> Result<Field, Vec<DefinitionFault>> {
    read_field(Reader::new(Strictness::Lenient), None, json)
}
