//! `describe.yaml` in and out.

use indexmap::IndexMap;
use proptest::collection::vec;
use proptest::prelude::*;
use reinstate_describe::definition::{
    field_from_catalog, field_to_json, model_from_catalog, model_from_json, model_patched, model_to_json,
};
use reinstate_describe::{DescribeFile, DescribeLimits, Field, Model, parse_describe, write_describe};
use serde_json::json;

use crate::models::any_model;

fn parse(text: &str) -> Result<DescribeFile, Vec<String>> {
    parse_describe(text.as_bytes(), &DescribeLimits::default()).map_err(|faults| {
        faults
            .into_iter()
            .map(|fault| {
                let at = [fault.model, fault.field].into_iter().flatten().collect::<Vec<_>>().join(".");
                format!("{} [{at}] {}", fault.line, fault.message)
            })
            .collect()
    })
}

fn faults(text: &str) -> String {
    parse(text).unwrap_err().join("\n")
}

fn only_field(text: &str) -> Field {
    parse(text).unwrap().models[0].fields[0].clone()
}

#[test]
fn real_descriptions_are_read_and_come_back() {
    for (text, models, reserved) in [
        (include_str!("../data/full-all/describe.yaml"), 18, 6),
        (include_str!("../data/chinook/describe.yaml"), 11, 0),
    ] {
        let file = parse(text).unwrap();
        assert_eq!((file.models.len(), file.reserved.len()), (models, reserved));
        assert_eq!(file.warnings, []);
        assert_eq!(parse(&write_describe(&file.models)).unwrap().models, file.models);
    }
}

#[test]
fn every_fault_is_told_at_once_with_its_line() {
    let text = "\
orders:
  status: sleeping
  frozen: 3
  fields:
    id: { type: text }
    total: { type: money }
    note:
      required: true
    count:
      type: integer
      default_value: lots
      minimum: 9
      maximum: 1
    count_: { type: text, default_value: 5 }
    Note: { type: text }
    a-b: { type: text }
    tags: { type: text, enum_values: x, required: yes, pattern: [1] }
    tags2: { type: text, type: text }
    short: text
1st: {}
ORDERS: {}
restores: { fields: { id: 5 } }
list: { fields: [a] }
scalar: 5
";
    insta::assert_snapshot!(faults(text));
}

#[test]
fn yaml_reads_words_and_digits_as_they_are_spelled() {
    let file = parse("m:\n  fields:\n    no: { type: text, enum_values: [no, on, 1.10, 007, true, 2024-01-02, 0x1F], default_value: no }\n    true: { type: boolean, required: \"true\", unique: False }\n").unwrap();
    let first = &file.models[0].fields[0];
    assert_eq!(first.name.as_str(), "no");
    assert_eq!(first.default_value, Some(json!("no")));
    assert_eq!(
        first.enum_values.as_deref().unwrap(),
        ["no", "on", "1.10", "007", "true", "2024-01-02", "0x1F"]
    );
    let second = &file.models[0].fields[1];
    assert_eq!((second.name.as_str(), second.required, second.unique), ("true", true, false));
}

#[test]
fn default_values_keep_their_digits() {
    let default = |text: &str| {
        only_field(&format!("m: {{ fields: {{ a: {{ type: decimal, default_value: {text} }} }} }}"))
            .default_value
    };
    assert_eq!(default("'1.50'"), Some(json!("1.50")));
    assert_eq!(default("1.5"), Some(json!(1.5)));
    assert_eq!(default("12345678901234567890.123456789"), Some(json!("12345678901234567890.123456789")));
    assert_eq!(default("null"), None);
    assert!(parse("m: { fields: { a: { type: date, default_value: 2024-02-30 } } }").is_err());
    assert!(parse("m: { fields: { a: { type: date, default_value: 2024-02-29 } } }").is_ok());
    assert!(parse("m: { fields: { a: { type: 'text[]', default_value: '[\"x\"]' } } }").is_ok());
    assert!(parse("m: { fields: { a: { type: boolean, default_value: '0' } } }").is_ok());
}

#[test]
fn unknown_keys_are_kept_and_warned_of() {
    let text = "m:\n  color: {a: [1, x]}\n  fields:\n    f: { type: text, weight: 3, pattern: '(?=x)' }\n";
    let file = parse(text).unwrap();
    assert_eq!(file.models[0].extra["color"], json!({"a": [1, "x"]}));
    assert_eq!(file.models[0].fields[0].extra["weight"], json!(3));
    let warnings: Vec<_> = file.warnings.iter().map(|warning| (warning.line, warning.key.as_str())).collect();
    assert_eq!(warnings, [(2, "color"), (4, "weight"), (4, "pattern")]);
    assert_eq!(parse(&write_describe(&file.models)).unwrap().models, file.models);
}

#[test]
fn empty_documents_describe_nothing() {
    for text in ["", "\n# nothing\n", "---\n", "{}", "null", "\u{feff}"] {
        assert_eq!(parse(text).unwrap(), DescribeFile::default(), "{text:?}");
    }
    assert!(parse("m:\n").unwrap().models[0].fields.is_empty());
    for text in ["[]", "text", "5"] {
        assert!(parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn hostile_files_are_refused_quickly() {
    let laughs = (1..=9).fold("a0: &a0 {x: lol}\n".to_owned(), |text, level| {
        let before = format!("*a{}, ", level - 1).repeat(9);
        format!("{text}a{level}: &a{level} [{before}]\n")
    });
    let deep_flow = format!("m: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_block = (0..1_000).fold(String::new(), |text, depth| format!("{text}{}k:\n", " ".repeat(depth)));
    let anchors = (0..60).fold("m: ".to_owned(), |text, level| format!("{text}&a{level} ["))
        + &"x, ".repeat(10_000)
        + &"]".repeat(60);
    for text in [
        laughs.as_str(),
        &deep_flow,
        &deep_block,
        &anchors,
        "a: &a [*a]",
        "a: *nothing",
        "a: 1\n---\nb: 2\n",
        "a:\n\t- b\n",
        "a: 'open",
        "{a: 1",
        "? [a]\n: b\n",
        "m: {<<: {frozen: true}}",
        "%YAML 3.0\n---\na",
        "a: \"\\uD800\"",
        "m: { fields: { \"a\\0b\": { type: text } } }",
    ] {
        let shown: String = text.chars().take(60).collect();
        assert!(parse(text).is_err(), "{shown}");
    }
    assert!(parse_describe(b"\xff\xfe\x00m", &DescribeLimits::default()).is_err());
    let limits = DescribeLimits { bytes_max: 3, ..DescribeLimits::default() };
    assert!(parse_describe(b"m: {}", &limits).is_err());
    let limits = DescribeLimits { nodes_max: 1_000, ..DescribeLimits::default() };
    assert!(parse_describe(format!("m: {{k: [{}]}}", "1,".repeat(1_000)).as_bytes(), &limits).is_err());
    let limits = DescribeLimits { fields_max: 1, ..DescribeLimits::default() };
    assert!(parse_describe(b"m: {fields: {a: {type: text}, b: {type: text}}}", &limits).is_err());
}

#[test]
fn a_syntax_error_names_its_line() {
    assert_eq!(faults("a:\n  b: 'open\n"), "2 [] not valid YAML: unclosed quote");
    let bent = faults("a:\n  b: 1\n c: 2\n");
    assert!(bent.starts_with("3 [] not valid YAML: "), "{bent}");
}

#[test]
fn faults_without_number_are_told_up_to_a_bound() {
    let fields: String = (0..1_500).map(|number| format!("    f{number}: {{}}\n")).collect();
    let faults = parse(&format!("m:\n  fields:\n{fields}")).unwrap_err();
    assert_eq!(faults.len(), 1_001);
    assert_eq!(faults[1_000], "1003 [] there are more faults; they are not told");
}

#[test]
fn aliases_within_bounds_are_followed() {
    let text = "a: &a { fields: { x: &x { type: text }, y: *x } }\nb: *a\n";
    let file = parse(text).unwrap();
    assert_eq!(file.models[0].fields, file.models[1].fields);
    assert_eq!(file.models[0].fields.len(), 2);
}

#[test]
fn a_request_is_read_more_strictly_than_a_file() {
    let body = json!({
        "model_name": "other", "frozen": "true", "color": 1,
        "fields": [
            {"field_name": "a", "type": "text", "minimum": "1"},
            {"type": "text"},
            {"field_name": "A", "type": "integer"},
            {"field_name": "created_at", "type": "integer"},
            {"field_name": "ok", "type": "integer", "default_value": "x", "weight": 1},
        ],
    });
    let faults: Vec<String> = model_from_json("m", &body)
        .unwrap_err()
        .into_iter()
        .map(|fault| format!("{} ({}): {}", fault.field, fault.rule, fault.message))
        .collect();
    insta::assert_snapshot!(faults.join("\n"));
    for name in ["fields", "Restores", "1a", ""] {
        assert!(model_from_json(name, &json!({})).is_err(), "{name}");
    }
    for body in [json!(5), json!([])] {
        assert!(model_from_json("m", &body).is_err(), "{body}");
    }
}

#[test]
fn a_patch_changes_what_it_names() {
    let model =
        model_from_json("m", &json!({"description": "x", "frozen": true, "fields": {"a": {"type": "text"}}}))
            .unwrap();
    let patched = model_patched(&model, &json!({"description": null, "sudo": true})).unwrap();
    assert_eq!((patched.description.as_deref(), patched.frozen, patched.sudo), (None, true, true));
    assert_eq!(patched.fields, model.fields);
    assert!(model_patched(&model, &json!({"model_name": "n"})).is_err());
    assert!(model_patched(&model, &json!({"fields": []})).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_written_is_read_back(models in vec(any_model(), 0..3)) {
        let models: Vec<Model> = models.into_iter().map(|m| (m.name.clone(), m)).collect::<IndexMap<_, _>>().into_values().collect();
        let text = write_describe(&models);
        let file = parse(&text).map_err(|faults| TestCaseError::fail(format!("{faults:?}\n{text}")))?;
        prop_assert_eq!(file.models, models);
    }

    #[test]
    fn the_catalog_gives_back_what_it_was_given(model in any_model()) {
        let read = model_from_catalog(&model_to_json(&model)).map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
        for field in model.fields.values() {
            let read = field_from_catalog(&field_to_json(field)).map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
            prop_assert_eq!(&read, field);
        }
        prop_assert_eq!(read, model);
    }

    #[test]
    fn no_text_panics(text in "([ \\-:,\\[\\]{}&*!|>'\"%#\\n\\t?a-c0]|type|fields|\\PC){0,40}") {
        let _ = parse(&text);
    }
}
