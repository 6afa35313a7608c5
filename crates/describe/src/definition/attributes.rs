//! What the attributes of models and fields mean, and what they must keep to together.

use std::collections::HashSet;

use super::node::{Entry, Node, NodeKind, Place};
use super::reader::Reader;
use crate::field_type::{BaseType, ColumnType, FieldType};
use crate::model::{Field, Model, ModelStatus};
use crate::name::Name;
use crate::pattern;
use crate::system::is_system_column;
use crate::value::{coerce_text, decimal, default_value};

/// The key under which a definition may repeat the model's name.
pub(crate) const MODEL_NAME: &str = "model_name";
/// The key under which a definition may repeat the field's name.
pub(crate) const FIELD_NAME: &str = "field_name";
/// The key of a model's fields.
pub(crate) const FIELDS: &str = "fields";

impl Reader {
    /// The entries of a definition, without those whose key was there before.
    fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Vec<&'n Entry> {
        let NodeKind::Map(entries) = &node.kind else {
            if !node.is_null() {
                let message = format!("{what} must be a mapping; got {}", node.describe());
                self.fault(node.place, "", "value", message);
            }
            return Vec::new();
        };
        let mut seen = HashSet::new();
        let mut unique = Vec::with_capacity(entries.len());
        for entry in entries {
            if !seen.insert(&entry.key) {
                self.fault(entry.place, &entry.key, "duplicate", format!("key '{}' occurs twice", entry.key));
            } else if &*entry.key == "<<" {
                self.fault(
                    entry.place,
                    "<<",
                    "unknown",
                    "merge keys ('<<') are not understood; write the keys out",
                );
            } else {
                unique.push(entry);
            }
        }
        unique
    }

    /// Sets the attributes of a model, fields left out.
    pub(crate) fn model_attributes(&mut self, model: &mut Model, node: &Node) {
        for Entry { place, key, value } in self.entries(node, "the definition of a model") {
            match &**key {
                MODEL_NAME => self.repeated_name(MODEL_NAME, &model.name, value),
                FIELDS => {}
                "status" => self.status(value, &mut model.status),
                "description" => self.text(key, value, &mut model.description),
                "sudo" => self.flag(key, value, &mut model.sudo),
                "frozen" => self.flag(key, value, &mut model.frozen),
                "immutable" => self.flag(key, value, &mut model.immutable),
                "external" => self.flag(key, value, &mut model.external),
                _ if self.unknown(*place, key) => {
                    model.extra.insert(key.to_string(), value.to_json());
                }
                _ => {}
            }
        }
    }

    fn status(&mut self, node: &Node, status: &mut ModelStatus) {
        let parsed = match &node.kind {
            NodeKind::Null => Some(ModelStatus::default()),
            NodeKind::Text(text) => ModelStatus::parse(text),
            _ => None,
        };
        match parsed {
            Some(parsed) => *status = parsed,
            None => {
                let message = format!("'status' must be pending, active or system; got {}", node.describe());
                self.fault(node.place, "status", "value", message);
            }
        }
    }

    /// Adds the fields of a model.
    pub(crate) fn fields(&mut self, model: &mut Model, entries: &[Entry], fields_max: usize) {
        if let Some(entry) = entries.get(fields_max) {
            let message = format!("model '{}' has more than {fields_max} fields", model.name);
            return self.fault(entry.place, FIELDS, "range", message);
        }
        for Entry { place, key, value } in entries {
            self.context.field = Some(key.to_string());
            self.add_field(model, key, *place, value);
        }
        self.context.field = None;
    }

    /// Adds a field to a model, unless something is wrong with it.
    pub(crate) fn add_field(&mut self, model: &mut Model, key: &str, place: Place, value: &Node) {
        let Some(name) = self.field_name(place, key) else { return };
        if model.fields.contains_key(&name) {
            return self.fault(place, FIELD_NAME, "duplicate", format!("field '{name}' is described twice"));
        }
        // A field that is at fault keeps its place, so that a second one of its name is found.
        let field = self
            .field(name.clone(), place, value)
            .unwrap_or_else(|| Field::new(name.clone(), FieldType::Text));
        model.fields.insert(name, field);
    }

    /// A new field; `None` where its type is not known. `place` is that of its name.
    pub(crate) fn field(&mut self, name: Name, place: Place, node: &Node) -> Option<Field> {
        let entries = match &node.kind {
            NodeKind::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        if !matches!(node.kind, NodeKind::Map(_) | NodeKind::Null) {
            let message = format!("the definition of a field must be a mapping; got {}", node.describe());
            self.fault(node.place, "", "value", message);
            return None;
        }
        let is_typed = entries.iter().any(|entry| &*entry.key == "type" && !entry.value.is_null());
        if !is_typed {
            self.fault(place, "type", "required", format!("field '{name}' has no type"));
        }
        let before = self.faults.len();
        let mut field = Field::new(name, FieldType::Text);
        self.field_attributes(&mut field, node);
        let is_type_known =
            is_typed && self.faults.iter().skip(before).all(|finding| finding.attribute != "type");
        if !is_type_known {
            return None;
        }
        self.field_check(&field, node);
        (self.faults.len() == before).then_some(field)
    }

    /// Sets the attributes of a field.
    pub(crate) fn field_attributes(&mut self, field: &mut Field, node: &Node) {
        for Entry { place, key, value } in self.entries(node, "the definition of a field") {
            match &**key {
                FIELD_NAME => self.repeated_name(FIELD_NAME, &field.name, value),
                "type" => self.field_type(value, &mut field.field_type),
                "default_value" => field.default_value = (!value.is_null()).then(|| value.to_json()),
                "minimum" => self.number(key, value, &mut field.minimum),
                "maximum" => self.number(key, value, &mut field.maximum),
                "enum_values" => self.texts(key, value, &mut field.enum_values),
                _ => {
                    if let Some(flag) = flag_of(field, key) {
                        self.flag(key, value, flag);
                    } else if let Some(text) = text_of(field, key) {
                        self.text(key, value, text);
                    } else if self.unknown(*place, key) {
                        field.extra.insert(key.to_string(), value.to_json());
                    }
                }
            }
        }
    }

    fn field_type(&mut self, node: &Node, field_type: &mut FieldType) {
        let parsed = match &node.kind {
            NodeKind::Text(text) => text.parse().ok(),
            _ => None,
        };
        match parsed {
            Some(parsed) => *field_type = parsed,
            None => {
                let known: Vec<&str> = FieldType::ALL.iter().map(|t| t.as_str()).collect();
                let message = format!("'type' must be one of {}; got {}", known.join(", "), node.describe());
                self.fault(node.place, "type", "type", message);
            }
        }
    }

    /// Checks what the attributes of a field must keep to together.
    pub(crate) fn field_check(&mut self, field: &Field, node: &Node) {
        if let Err(fault) = default_value(field) {
            let message = format!("'default_value' does not fit: the field {}", fault.message);
            self.fault(place_of(node, "default_value"), "default_value", "type", message);
        }
        if let (Some(minimum), Some(maximum)) = (&field.minimum, &field.maximum)
            && let (Ok(least), Ok(greatest)) =
                (decimal::canonical(&minimum.to_string()), decimal::canonical(&maximum.to_string()))
            && decimal::compare(&least, &greatest).is_gt()
        {
            let message = format!("'minimum' {minimum} is greater than 'maximum' {maximum}");
            self.fault(place_of(node, "minimum"), "minimum", "range", message);
        }
        self.pattern_check(field, node);
        self.enum_check(field, node);
    }

    fn pattern_check(&mut self, field: &Field, node: &Node) {
        let Some(text) = &field.pattern else { return };
        if pattern::compile(text).is_err() {
            let message = format!(
                "pattern '{}' uses what is not supported here (look-around, back references) or is too large; it is kept, but not enforced",
                crate::value::shorten(text)
            );
            self.warn(place_of(node, "pattern"), "pattern", "value", message);
        }
    }

    fn enum_check(&mut self, field: &Field, node: &Node) {
        let base = field.column_type().base;
        let column_type = ColumnType { base, array: false };
        let values = field.enum_values.iter().flatten();
        for value in values.filter(|_| base != BaseType::Json) {
            if let Err(fault) = coerce_text(column_type, value) {
                let message =
                    format!("a value of 'enum_values' can never occur: the field {}", fault.message);
                self.warn(place_of(node, "enum_values"), "enum_values", "value", message);
            }
        }
    }

    /// Whether an unknown attribute is to be kept.
    fn unknown(&mut self, place: Place, key: &str) -> bool {
        let shown = crate::value::shorten(key);
        if self.is_strict() {
            self.fault(place, key, "unknown", format!("'{shown}' is no attribute"));
            return false;
        }
        self.warn(place, key, "unknown", format!("key '{shown}' is not known; it is kept"));
        true
    }

    fn repeated_name(&mut self, key: &'static str, name: &Name, node: &Node) {
        let is_same = matches!(&node.kind, NodeKind::Text(text) if *name == **text) || node.is_null();
        if !is_same {
            let message = format!("'{key}' must be '{name}'; got {}", node.describe());
            self.fault(node.place, key, "read_only", message);
        }
    }

    /// A checked name of a model or a field.
    pub(crate) fn name(&mut self, place: Place, attribute: &str, text: &str) -> Option<Name> {
        Name::new(text).map_err(|error| self.fault(place, attribute, "name", error.to_string())).ok()
    }

    /// A checked name of a field.
    pub(crate) fn field_name(&mut self, place: Place, text: &str) -> Option<Name> {
        let name = self.name(place, FIELD_NAME, text)?;
        if is_system_column(text) {
            self.fault(
                place,
                FIELD_NAME,
                "name",
                format!("'{text}' is a system column, which every model has"),
            );
            return None;
        }
        Some(name)
    }
}

/// Where the value of a key is, or the definition, where it lacks the key.
fn place_of(node: &Node, key: &str) -> Place {
    let NodeKind::Map(entries) = &node.kind else { return node.place };
    entries.iter().find(|entry| &*entry.key == key).map_or(node.place, |entry| entry.value.place)
}

fn flag_of<'f>(field: &'f mut Field, key: &str) -> Option<&'f mut bool> {
    Some(match key {
        "required" => &mut field.required,
        "unique" => &mut field.unique,
        "index" => &mut field.index,
        "searchable" => &mut field.searchable,
        "immutable" => &mut field.immutable,
        "sudo" => &mut field.sudo,
        "tracked" => &mut field.tracked,
        "cascade_delete" => &mut field.cascade_delete,
        "required_relationship" => &mut field.required_relationship,
        "is_array" => &mut field.is_array,
        _ => return None,
    })
}

fn text_of<'f>(field: &'f mut Field, key: &str) -> Option<&'f mut Option<String>> {
    Some(match key {
        "pattern" => &mut field.pattern,
        "description" => &mut field.description,
        "transform" => &mut field.transform,
        "relationship_type" => &mut field.relationship_type,
        "related_model" => &mut field.related_model,
        "related_field" => &mut field.related_field,
        "relationship_name" => &mut field.relationship_name,
        _ => return None,
    })
}
