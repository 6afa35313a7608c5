//! Records into batches.

use std::sync::Arc;

use proptest::prelude::*;
use reinstate_describe::record_json::write_record;
use reinstate_describe::system::position;
use reinstate_describe::{
    AccessListMode, Batch, BatchBuilder, FaultCode, Field, FieldType, IdMode, Layout, Model, Name,
    ParseOptions, Parsed, RecordFault, RecordParser, Value,
};
use serde_json::json;

const NOW: i64 = 1_737_280_800_000_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn field(text: &str, field_type: FieldType) -> Field {
    Field::new(name(text), field_type)
}

fn people() -> Model {
    let mut full_name = field("full_name", FieldType::Text);
    full_name.required = true;
    full_name.minimum = Some(2.into());
    full_name.maximum = Some(10.into());
    let mut age = field("age", FieldType::Integer);
    age.minimum = Some(0.into());
    age.maximum = serde_json::Number::from_f64(150.5);
    let mut state = field("state", FieldType::Text);
    state.enum_values = Some(vec!["on".into(), "off".into()]);
    state.default_value = Some(json!("on"));
    let mut code = field("code", FieldType::Text);
    code.pattern = Some("^[A-Z]{2}\\d$".into());
    let mut price = field("price", FieldType::Decimal);
    price.minimum = serde_json::Number::from_f64(0.01);
    let mut scores = field("scores", FieldType::IntegerArray);
    scores.maximum = Some(10.into());
    [full_name, age, state, code, price, scores, field("extra", FieldType::Jsonb)]
        .into_iter()
        .fold(Model::new(name("people")), Model::with_field)
}

struct Bench {
    parser: RecordParser,
    builder: BatchBuilder,
}

impl Bench {
    fn new(model: Model, access_lists: AccessListMode, id: IdMode) -> Self {
        let layout = Arc::new(Layout::new(model));
        let options = ParseOptions { now_micros: NOW, access_lists, id };
        Self {
            parser: RecordParser::new(Arc::clone(&layout), options).unwrap(),
            builder: BatchBuilder::new(layout),
        }
    }

    fn people() -> Self {
        Self::new(people(), AccessListMode::Keep, IdMode::GenerateWhereAbsent)
    }

    fn parse(&mut self, line: &str) -> Result<Parsed, Vec<RecordFault>> {
        self.parser.parse(line, 7, &|| "made".to_owned(), &mut self.builder)
    }

    fn faults(&mut self, line: &str) -> Vec<(FaultCode, String)> {
        let bytes = self.builder.bytes();
        let rows = self.builder.len();
        let faults = self.parse(line).unwrap_err();
        assert_eq!(
            (self.builder.bytes(), self.builder.len()),
            (bytes, rows),
            "a refused line leaves nothing"
        );
        faults.into_iter().map(|fault| (fault.code, fault.message)).collect()
    }

    fn codes(&mut self, line: &str) -> Vec<FaultCode> {
        self.faults(line).into_iter().map(|(code, _)| code).collect()
    }
}

fn row_json(batch: &Batch, row: u32) -> String {
    let mut out = String::new();
    write_record(
        batch.layout().columns().enumerate().map(|(at, column)| (column, batch.value(row, at))),
        &mut out,
    );
    out
}

#[test]
fn a_record_becomes_a_row_with_what_it_lacks_filled_in() {
    let mut bench = Bench::people();
    let line = "{\"id\":\"a\",\"full_name\":\"Ada\",\"age\":\"36\",\"price\":12345678901234567890.10,\"extra\":{ \"k\": [1] }}";
    assert_eq!(bench.parse(line), Ok(Parsed::Added { generated_id: false }));
    let batch = bench.builder.finish();
    insta::assert_snapshot!(row_json(&batch, 0), @r#"{"id":"a","access_read":[],"access_edit":[],"access_full":[],"access_deny":[],"created_at":"2025-01-19T10:00:00.000Z","updated_at":"2025-01-19T10:00:00.000Z","full_name":"Ada","age":36,"state":"on","price":12345678901234567890.1,"extra":{"k":[1]}}"#);
    let group = &batch.groups()[0];
    let column = |text| batch.layout().position(text).unwrap();
    assert_eq!(
        group.updates,
        vec![position::UPDATED_AT, column("full_name"), column("age"), column("price"), column("extra")]
    );
    assert!(group.columns.contains(&column("state")), "the default value is inserted");
    assert!(!group.updates.contains(&column("state")), "and never updates");
    assert!(!group.columns.contains(&column("code")));
    assert_eq!((group.lacks, batch.line(0), batch.id(0)), (None, 7, "a"));
}

#[test]
fn rows_are_grouped_by_the_keys_that_they_name() {
    let mut bench = Bench::people();
    for line in [
        "{\"id\":\"1\",\"full_name\":\"Ada\"}",
        "{\"id\":\"2\",\"age\":1}",
        "{\"full_name\":\"Bob\",\"id\":\"3\"}",
        "{\"id\":\"4\",\"full_name\":\"Eve\",\"created_at\":null}",
        "{\"id\":\"5\",\"full_name\":\"Eve\",\"trashed_at\":null}",
    ] {
        bench.parse(line).unwrap();
    }
    let batch = bench.builder.finish();
    let rows: Vec<&[u32]> = batch.groups().iter().map(|group| group.rows.as_slice()).collect();
    assert_eq!(rows, [&[0, 2, 3][..], &[1], &[4]]);
    assert_eq!(batch.groups()[0].lacks, None);
    assert_eq!(batch.groups()[1].lacks, batch.layout().position("full_name"));
    assert_eq!(batch.value(4, position::TRASHED_AT), Value::Null);
    assert_eq!(batch.value(0, position::TRASHED_AT), Value::Absent);
}

#[test]
fn a_record_without_id_is_given_one_unless_ids_are_needed() {
    let mut bench = Bench::people();
    assert_eq!(bench.parse("{\"full_name\":\"Ada\"}"), Ok(Parsed::Added { generated_id: true }));
    assert_eq!(bench.builder.finish().id(0), "made");
    let mut strict = Bench::new(people(), AccessListMode::Keep, IdMode::Required);
    assert_eq!(strict.codes("{\"full_name\":\"Ada\"}"), [FaultCode::IdInvalid]);
}

#[test]
fn ids_of_any_other_form_are_refused() {
    let mut bench = Bench::people();
    for id in
        ["1", "null", "true", "\"\"", "\"a\\nb\"", "\"\\u0000\"", "[]", &format!("\"{}\"", "ä".repeat(256))]
    {
        assert_eq!(
            bench.codes(&format!("{{\"id\":{id},\"full_name\":\"Ada\"}}")),
            [FaultCode::IdInvalid],
            "{id}"
        );
    }
    assert!(bench.parse(&format!("{{\"id\":\"{}\",\"full_name\":\"Ada\"}}", "ä".repeat(255))).is_ok());
    assert!(bench.parse("{\"id\":\"a/b?c %\",\"full_name\":\"Ada\"}").is_ok());
}

#[test]
fn an_id_twice_in_a_batch_leaves_the_batch_as_it_was() {
    let mut bench = Bench::people();
    let line = "{\"id\":\"a\",\"full_name\":\"Ada\"}";
    bench.parse(line).unwrap();
    let bytes = bench.builder.bytes();
    assert_eq!(bench.parse(line), Ok(Parsed::NextBatch));
    assert_eq!((bench.builder.bytes(), bench.builder.len()), (bytes, 1));
    drop(bench.builder.finish());
    assert_eq!(bench.parse(line), Ok(Parsed::Added { generated_id: false }));
}

#[test]
fn rows_of_several_shapes_share_a_batch_only_where_no_field_is_unique() {
    for (unique, expected) in [(false, Parsed::Added { generated_id: false }), (true, Parsed::NextBatch)] {
        let mut title = field("title", FieldType::Text);
        title.unique = unique;
        let model = Model::new(name("notes")).with_field(title);
        let mut bench = Bench::new(model, AccessListMode::Keep, IdMode::GenerateWhereAbsent);
        bench.parse("{\"id\":\"a\",\"title\":\"t\"}").unwrap();
        assert_eq!(bench.parse("{\"id\":\"b\"}"), Ok(expected));
    }
}

#[test]
fn every_fault_of_a_line_is_told_at_once() {
    let mut bench = Bench::people();
    let line = "{\"id\":\"x\",\"nope\":[1,{}],\"full_name\":null,\"age\":\"abc\",\"state\":\"maybe\",\"code\":\"AB\",\"price\":0.001,\"scores\":[1,11,12]}";
    let faults = bench.faults(line);
    insta::assert_snapshot!(faults.iter().map(|(code, message)| format!("{code}: {message}")).collect::<Vec<_>>().join("\n"), @r#"
    unknown_key: 'nope' is neither a field of model 'people' nor a system column
    required: Field 'full_name' is required
    type_mismatch: Field 'age' is an integer of 64 bits; got the string "abc"
    enum_values: Field 'state' must be one of 'on', 'off'; got the string "maybe"
    pattern: Field 'code' must match the pattern ^[A-Z]{2}\d$; got the string "AB"
    minimum: Field 'price' must be at least 0.01; got 0.001
    maximum: Field 'scores' must be at most 10; got 11
    "#);
    let fault = &bench.parse(line).unwrap_err()[0];
    assert_eq!(
        (fault.line, fault.record_id.as_deref(), fault.field.as_deref()),
        (7, Some("x"), Some("nope"))
    );
}

#[test]
fn bounds_count_characters_of_texts_and_values_of_numbers() {
    let mut bench = Bench::people();
    assert!(bench.parse("{\"id\":\"1\",\"full_name\":\"ääääääääää\",\"age\":150}").is_ok());
    assert_eq!(
        bench.codes("{\"full_name\":\"ääääääääääx\",\"age\":151}"),
        [FaultCode::Maximum, FaultCode::Maximum]
    );
    assert_eq!(bench.codes("{\"full_name\":\"ä\",\"age\":-1}"), [FaultCode::Minimum, FaultCode::Minimum]);
}

#[test]
fn lines_that_are_no_object_are_refused_alone() {
    let mut bench = Bench::people();
    for (line, code) in [
        ("", FaultCode::JsonInvalid),
        ("[]", FaultCode::NotAnObject),
        ("\"a\"", FaultCode::NotAnObject),
        ("{\"id\":\"a\"", FaultCode::JsonInvalid),
        ("{\"id\":\"a\"} x", FaultCode::JsonInvalid),
        ("{\"id\":\"a\",\"nope\":1,\"age\":\"x\",}", FaultCode::JsonInvalid),
        ("{\"id\":\"a\",\"age\":01}", FaultCode::JsonInvalid),
        ("{\"id\":\"a\",\"age\":NaN}", FaultCode::JsonInvalid),
        ("{id:1}", FaultCode::JsonInvalid),
    ] {
        assert_eq!(bench.codes(line), [code], "{line}");
    }
    assert_eq!(bench.faults("{\"id\" \"a\"}")[0].1, "Not valid JSON at column 7: expected `:`");
}

#[test]
fn keys_are_found_without_case_in_any_order_and_only_once() {
    let mut bench = Bench::people();
    bench.parse("{\"AGE\":3,\"Full_Name\":\"Ada\",\"id\":\"1\",\"\\u0061ge\":null}").unwrap_err();
    bench.parse("{\"AGE\":3,\"Full_\\u004eame\":\"Ada\",\"id\":\"1\"}").unwrap();
    assert_eq!(bench.builder.finish().value(0, 10), Value::Int(3));
    assert_eq!(bench.codes("{\"age\":3,\"age\":3,\"full_name\":\"Ada\"}"), [FaultCode::JsonInvalid]);
}

#[test]
fn nesting_without_end_is_refused_without_harm() {
    let mut bench = Bench::people();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for key in ["extra", "age", "scores"] {
        let line = format!("{{\"id\":\"a\",\"full_name\":\"Ada\",\"{key}\":{deep}}}");
        assert_eq!(bench.codes(&line), [FaultCode::TypeMismatch]);
    }
    assert_eq!(bench.codes(&format!("{{\"nope\":{deep}}}")), [FaultCode::UnknownKey]);
    assert_eq!(bench.codes(&deep), [FaultCode::NotAnObject]);
}

#[test]
fn access_lists_are_kept_or_ignored_as_asked() {
    let line = "{\"id\":\"a\",\"full_name\":\"Ada\",\"access_read\":[\"u1\"],\"access_deny\":null}";
    let mut keep = Bench::people();
    keep.parse(line).unwrap();
    let batch = keep.builder.finish();
    assert_eq!(batch.value(0, position::ACCESS_READ), Value::Text("[\"u1\"]"));
    assert_eq!(batch.value(0, position::ACCESS_DENY), Value::Text("[]"));
    assert_eq!(batch.groups()[0].updates[..2], [position::ACCESS_READ, position::ACCESS_DENY]);
    let mut ignore = Bench::new(people(), AccessListMode::Ignore, IdMode::Required);
    ignore.parse(line).unwrap();
    let batch = ignore.builder.finish();
    assert_eq!(batch.value(0, position::ACCESS_READ), Value::Text("[]"));
    assert!(!batch.groups()[0].updates.contains(&position::ACCESS_READ));
}

#[test]
fn a_pattern_that_cannot_be_compiled_is_not_enforced() {
    let mut odd = field("odd", FieldType::Text);
    odd.pattern = Some("(?=x)".into());
    let model = Model::new(name("m")).with_field(odd);
    let mut bench = Bench::new(model, AccessListMode::Keep, IdMode::Required);
    assert!(bench.parse("{\"id\":\"a\",\"odd\":\"y\"}").is_ok());
}

proptest! {
    #[test]
    fn no_line_panics(line in "[\\[\\]{}\",:\\\\u0-9a-e \\PC]{0,60}") {
        let _ = Bench::people().parse(&line);
    }

    #[test]
    fn what_is_written_is_parsed_to_the_same_row(text in "\\PC{2,10}", age in 0_i64..150, price in 1_u64.., whole: i32) {
        let text: String = text.chars().take(10).collect();
        prop_assume!(text.chars().count() >= 2);
        let line = json!({"id": "a", "full_name": text, "age": age, "extra": {"k": [whole, null, text]}}).to_string();
        let line = line.replacen('{', &format!("{{\"price\":{price}.5,"), 1);
        let mut bench = Bench::people();
        bench.parse(&line).unwrap();
        let first = bench.builder.finish();
        bench.parse(&row_json(&first, 0)).unwrap();
        let second = bench.builder.finish();
        prop_assert_eq!(row_json(&first, 0), row_json(&second, 0));
    }
}

#[test]
fn numbers_that_stand_for_megabytes_of_digits_are_a_fault_and_take_no_memory() {
    let prices = field("prices", FieldType::DecimalArray);
    let wide = (0..50).map(|n| field(&format!("d{n}"), FieldType::Decimal));
    let model = wide.fold(Model::new(name("bombs")).with_field(prices), Model::with_field);
    let mut bench = Bench::new(model, AccessListMode::Keep, IdMode::GenerateWhereAbsent);
    let list = vec!["1e131071"; 20_000].join(",");
    let faults = bench.parse(&format!("{{\"id\":\"a\",\"prices\":[{list}]}}")).unwrap_err();
    assert_eq!(faults[0].code, FaultCode::TypeMismatch);
    let fields: Vec<_> = (0..50).map(|n| format!("\"d{n}\":1e131071")).collect();
    let faults = bench.parse(&format!("{{\"id\":\"a\",{}}}", fields.join(","))).unwrap_err();
    assert!(faults[0].message.contains("too large"), "{}", faults[0].message);
    assert!(bench.parse("{\"id\":\"a\",\"d0\":1e131071,\"prices\":[1e400]}").is_ok());
}

#[test]
fn a_line_of_unknown_keys_alone_tells_no_more_than_a_hundred_faults() {
    let mut bench = Bench::people();
    let keys: Vec<_> = (0..5_000).map(|n| format!("\"k{n}\":1")).collect();
    assert_eq!(bench.parse(&format!("{{{}}}", keys.join(","))).unwrap_err().len(), 100);
}
