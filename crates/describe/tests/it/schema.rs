//! The JSON Schema of `describe.yaml`, held against the parser: it lists what the parser knows, and both answer
//! alike.

use std::collections::BTreeSet;

use boon::{Compiler, SchemaIndex, Schemas};
use proptest::collection::vec;
use proptest::prelude::*;
use reinstate_describe::definition::{field_to_json, model_from_json, model_to_json};
use reinstate_describe::system::{RESERVED_MODELS, SYSTEM_COLUMNS};
use reinstate_describe::{DescribeLimits, Field, FieldType, Model, Name, parse_describe, write_describe};
use serde_json::Value as Json;

use crate::models::any_model;

const TEXT: &str = include_str!("../../../../docs/schemas/describe.schema.json");
const PLACE: &str = "urn:reinstate:schema:describe:1";

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(PLACE, json()).unwrap();
        let index = compiler.compile(PLACE, &mut schemas).unwrap();
        Self { schemas, index }
    }

    /// What is wrong with the text of a description.
    fn check(&self, yaml: &str) -> Result<(), String> {
        let value: Json = serde_yaml::from_str(yaml).map_err(|error| error.to_string())?;
        self.schemas.validate(&value, self.index).map_err(|error| format!("{error:#}"))
    }
}

fn json() -> Json {
    serde_json::from_str(TEXT).unwrap()
}

fn keys(object: &Json) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

fn texts(list: &Json) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn is_read(yaml: &str) -> bool {
    parse_describe(yaml.as_bytes(), &DescribeLimits::default()).is_ok()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

#[test]
fn keys_are_those_of_models_and_fields() {
    let schema = json();
    let field = Field::new(name("f"), FieldType::Text);
    assert_eq!(keys(&schema["$defs"]["field"]["properties"]), keys(&field_to_json(&field)));
    let model = Model::new(name("m")).with_field(field);
    assert_eq!(keys(&schema["$defs"]["model"]["properties"]), keys(&model_to_json(&model)));
    // Requests are told of every key that is not known: all of these are.
    assert_eq!(model_from_json("m", &model_to_json(&model)), Ok(model));
}

#[test]
fn names_and_types_are_those_of_the_parser() {
    let schema = json();
    let types: BTreeSet<&str> = FieldType::ALL.iter().map(|field_type| field_type.as_str()).collect();
    assert_eq!(texts(&schema["$defs"]["field"]["properties"]["type"]["enum"]), types);
    let reserved = RESERVED_MODELS.map(str::to_owned).into_iter().collect();
    assert_eq!(keys(&schema["properties"]), reserved);
    let fields = &schema["$defs"]["model"]["properties"]["fields"];
    let system: BTreeSet<&str> = SYSTEM_COLUMNS.iter().map(|(column, _)| *column).collect();
    assert_eq!(texts(&fields["propertyNames"]["not"]["enum"]), system);
    assert_eq!(fields["maxProperties"], DescribeLimits::default().fields_max);
}

#[test]
fn descriptions_from_the_field_keep_to_it() {
    let schema = Schema::new();
    for text in
        [include_str!("../data/full-all/describe.yaml"), include_str!("../data/chinook/describe.yaml")]
    {
        assert_eq!(schema.check(text), Ok(()));
    }
}

#[test]
fn what_the_parser_reads_keeps_to_it() {
    let schema = Schema::new();
    for text in [
        "{}",
        "null",
        "m:",
        "m: {}",
        "m: { fields: null, status: null, sudo: null, color: { a: [1] } }",
        "m: { model_name: m, status: pending, description: 5, frozen: \"True\", fields: {} }",
        "m: { fields: { f: { type: text } } }",
        "m: { fields: { f: { field_name: f, type: text, weight: 3, default_value: null } } }",
        "m: { fields: { f: { type: integer, minimum: 1, maximum: \"2.5e3\", default_value: \"7\" } } }",
        "m: { fields: { f: { type: \"text[]\", enum_values: [a, 1, true], pattern: x } } }",
        "m: { fields: { f: { type: text, enum_values: null, required: FALSE, minimum: null } } }",
        "restores: 5",
        "fields: { fields: [nonsense] }",
    ] {
        assert!(is_read(text), "{text}");
        assert_eq!(schema.check(text), Ok(()), "{text}");
    }
}

#[test]
fn what_the_parser_refuses_breaks_it() {
    let schema = Schema::new();
    for text in [
        "[]",
        "text",
        "5",
        "1st: {}",
        "a-b: {}",
        "m: 5",
        "m: [a]",
        "m: { status: sleeping }",
        "m: { status: 1 }",
        "m: { frozen: 3 }",
        "m: { frozen: maybe }",
        "m: { description: [a] }",
        "m: { \"<<\": {} }",
        "m: { fields: [a] }",
        "m: { fields: text }",
        "m: { fields: { f: null } }",
        "m: { fields: { f: {} } }",
        "m: { fields: { f: text } }",
        "m: { fields: { f: { type: null } } }",
        "m: { fields: { f: { type: money } } }",
        "m: { fields: { f: { type: TEXT } } }",
        "m: { fields: { id: { type: text } } }",
        "m: { fields: { deleted_at: { type: timestamp } } }",
        "m: { fields: { 1f: { type: text } } }",
        "m: { fields: { f: { type: text, required: 1 } } }",
        "m: { fields: { f: { type: text, pattern: [1] } } }",
        "m: { fields: { f: { type: integer, minimum: low } } }",
        "m: { fields: { f: { type: integer, minimum: true } } }",
        "m: { fields: { f: { type: text, enum_values: x } } }",
        "m: { fields: { f: { type: text, enum_values: [[a]] } } }",
    ] {
        assert!(!is_read(text), "{text}");
        assert!(schema.check(text).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_keeps_to_it(models in vec(any_model(), 0..3)) {
        let mut seen = BTreeSet::new();
        let models: Vec<Model> = models.into_iter().filter(|model| seen.insert(model.name.clone())).collect();
        let text = write_describe(&models);
        prop_assert_eq!(Schema::new().check(&text), Ok(()), "{}", text);
    }
}
