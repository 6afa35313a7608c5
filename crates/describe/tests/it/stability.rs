//! The same data gives the same bytes: what is written, read and written again does not change.

use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use reinstate_describe::record_json::write_canonical_record;
use reinstate_describe::value::timestamp::{MICROS_MAX, MICROS_MIN};
use reinstate_describe::value::{date, timestamp};
use reinstate_describe::{
    AccessListMode, BatchBuilder, DescribeLimits, Field, FieldType, IdMode, Layout, Model, Name,
    ParseOptions, Parsed, RecordParser, parse_describe, write_describe,
};
use serde_json::{Value as Json, json};

use crate::models::any_model;

/// A model with a field of each type, `a_` in front where the field's own flag makes it an array.
fn all_types() -> Arc<Layout> {
    let fields = FieldType::ALL.into_iter().flat_map(|field_type| {
        let text = field_type.as_str().replace("[]", "_list");
        let plain = Field::new(Name::new(&text).unwrap(), field_type);
        let mut array = Field::new(Name::new(format!("a_{text}")).unwrap(), field_type);
        array.is_array = true;
        [plain, array]
    });
    Arc::new(Layout::new(fields.fold(Model::new(Name::new("all_types").unwrap()), Model::with_field)))
}

/// The line as a record of the model is written once it was read.
fn again(layout: &Arc<Layout>, line: &str) -> Result<String, String> {
    let options = ParseOptions { now_micros: 0, access_lists: AccessListMode::Keep, id: IdMode::Required };
    let mut builder = BatchBuilder::new(Arc::clone(layout));
    let parsed =
        RecordParser::new(Arc::clone(layout), options).unwrap().parse(line, 1, &String::new, &mut builder);
    match parsed {
        Ok(parsed) => assert_eq!(parsed, Parsed::Added { generated_id: false }),
        Err(faults) => return Err(format!("{faults:?}\n{line}")),
    }
    let batch = builder.finish();
    let mut out = String::new();
    let columns = layout.columns().enumerate().map(|(at, column)| (column, batch.value(0, at)));
    write_canonical_record(columns, &mut out);
    Ok(out)
}

/// A text without NUL.
fn any_text() -> impl Strategy<Value = String> {
    let awkward = Just("\u{feff}\u{85}\u{2028}'\"\\/\t\r\n\u{8}\u{c}\u{1}\u{7f}🚀é".to_owned());
    prop_oneof![awkward, any::<String>().prop_map(|text| text.replace('\0', "")), "[a-z ]{0,9}"]
}

/// A JSON string, with an escape for each character or only where JSON needs one.
fn any_string() -> impl Strategy<Value = String> {
    (any_text(), any::<bool>()).prop_map(|(text, is_escaped)| {
        let escaped = || text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
        if is_escaped { format!("\"{}\"", escaped()) } else { Json::from(text.as_str()).to_string() }
    })
}

fn any_number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][-+]?[0-9]{1,2})?"
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![any_string(), any_number(), Just("null".to_owned()), Just("false".to_owned())];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(" , "))),
            vec((any_string(), inner), 0..3).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{ {} }}", members.join(","))
            }),
        ]
    })
}

/// A value that a field of the type takes, as JSON text, in one of its spellings.
fn any_value(field_type: FieldType) -> BoxedStrategy<String> {
    let quoted = |text: String| Json::from(text).to_string();
    match field_type {
        FieldType::Text => any_string().boxed(),
        FieldType::Integer | FieldType::Bigint | FieldType::Bigserial => {
            let whole = any::<i64>();
            prop_oneof![
                whole.prop_map(|number| number.to_string()),
                whole.prop_map(|number| format!("\"{number}\"")),
                whole.prop_map(|number| format!("{number}.0")),
            ]
            .boxed()
        }
        FieldType::Decimal | FieldType::Numeric => {
            prop_oneof![any_number(), any_number().prop_map(quoted)].boxed()
        }
        FieldType::Boolean => {
            prop::sample::select(vec!["true", "false", "\"true\"", "0", "1"]).prop_map(str::to_owned).boxed()
        }
        FieldType::Timestamp => (MICROS_MIN..=MICROS_MAX, any::<bool>())
            .prop_map(|(micros, is_plain)| {
                let text = timestamp::format(micros);
                if is_plain { text } else { text.replace(['T', 'Z'], " ").trim_end().to_owned() }
            })
            .prop_map(quoted)
            .boxed(),
        FieldType::Date => (-700_000_i64..2_900_000, any::<bool>())
            .prop_map(|(days, is_plain)| {
                let day = date::format(days);
                if is_plain { day } else { format!("{day}T00:00:00.000Z") }
            })
            .prop_map(quoted)
            .boxed(),
        FieldType::Uuid => {
            "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}"
                .prop_map(quoted)
                .boxed()
        }
        FieldType::Jsonb | FieldType::Json => any_json().boxed(),
        FieldType::TextArray | FieldType::IntegerArray | FieldType::DecimalArray | FieldType::UuidArray => {
            any_list(element_of(field_type)).boxed()
        }
    }
}

/// The type of the elements where values are lists.
const fn element_of(field_type: FieldType) -> FieldType {
    match field_type {
        FieldType::TextArray => FieldType::Text,
        FieldType::IntegerArray => FieldType::Integer,
        FieldType::DecimalArray => FieldType::Decimal,
        FieldType::UuidArray => FieldType::Uuid,
        other => other,
    }
}

fn any_list(element: FieldType) -> impl Strategy<Value = String> {
    let element = option::of(any_value(element)).prop_map(|value| value.unwrap_or_else(|| "null".to_owned()));
    vec(element, 0..4).prop_map(|elements| format!("[{}]", elements.join(", ")))
}

/// A record of [`all_types`]: keys and values as JSON texts, in no order of their own.
fn any_record() -> impl Strategy<Value = Vec<(String, String)>> {
    let columns: Vec<_> = all_types()
        .columns()
        .filter_map(|column| column.field.clone())
        .map(|field| {
            let values = if field.column_type().array {
                any_list(element_of(field.field_type)).boxed()
            } else {
                any_value(field.field_type)
            };
            let name = field.name.to_string();
            option::weighted(0.7, values)
                .prop_map(move |value| (name.clone(), value.unwrap_or_else(|| "null".to_owned())))
        })
        .collect();
    let time = any_value(FieldType::Timestamp);
    (columns, "[a-z]{1,9}", time.clone(), option::of(time), any_list(FieldType::Text)).prop_map(
        |(mut record, id, created, trashed, readers)| {
            record.push(("id".to_owned(), format!("\"{id}\"")));
            record.push(("created_at".to_owned(), created));
            record.push(("trashed_at".to_owned(), trashed.unwrap_or_else(|| "null".to_owned())));
            record.push(("access_read".to_owned(), readers));
            record
        },
    )
}

fn line(record: &[(String, String)]) -> String {
    let members: Vec<_> = record.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    format!("{{{}}}", members.join(", "))
}

fn described_again(text: &str) -> String {
    write_describe(&parse_describe(text.as_bytes(), &DescribeLimits::default()).unwrap().models)
}

#[test]
fn columns_come_in_the_order_of_the_layout() {
    let layout = all_types();
    let mut record: Vec<_> =
        layout.columns().map(|column| (column.name.to_string(), "null".to_owned())).collect();
    record[0].1 = "\"a\"".to_owned();
    record.reverse();
    let written = again(&layout, &line(&record)).unwrap();
    let places: Vec<_> =
        layout.columns().map(|column| written.find(&format!("\"{}\":", column.name)).unwrap()).collect();
    assert!(places.is_sorted(), "{written}");
}

#[test]
fn unknown_keys_come_in_the_order_of_their_names() {
    let text = "m:\n  zeta: 1\n  alpha: { y: 2, x: [1.50] }\n  fields: { f: { type: text, b: 1, a: ~ } }\n";
    let written = described_again(text);
    let at = |part: &str| written.find(part).unwrap_or_else(|| panic!("{part} is missing in\n{written}"));
    assert!(at("alpha: {\"x\": [1.5], \"y\": 2}") < at("zeta: 1"));
    assert!(at("a: null") < at("b: 1"));
}

#[test]
fn whole_numbers_are_spelled_without_an_exponent() {
    let mut model = Model::new(Name::new("m").unwrap());
    model.extra.insert("x".to_owned(), json!([-1.2161000436704912e17, 8.25e103, 1.5, 2.0]));
    let written = write_describe([&model]);
    assert!(written.contains("x: [-121610004367049120, 8.25e+103, 1.5, 2]"), "{written}");
    assert_eq!(described_again(&written), written);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn definitions_are_written_the_same_every_time(
        models in btree_map("[a-z]{1,6}", any_model(), 0..3),
        floats in vec(any::<f64>().prop_filter("JSON has no others", |float| float.is_finite() && *float != 0.0), 2),
    ) {
        let models: Vec<Model> = models.into_iter().map(|(name, mut model)| {
            model.name = Name::new(format!("m_{name}")).unwrap();
            model.extra.insert("x_floats".to_owned(), json!(floats));
            for field in model.fields.values_mut() {
                field.minimum = floats.iter().copied().reduce(f64::min).and_then(serde_json::Number::from_f64);
                field.maximum = None;
            }
            model
        }).collect();
        let written = write_describe(&models);
        prop_assert_eq!(described_again(&written), written);
    }

    #[test]
    fn records_of_all_types_are_written_the_same_every_time(record in any_record()) {
        let layout = all_types();
        let written = again(&layout, &line(&record)).map_err(TestCaseError::fail)?;
        prop_assert!(!written.contains('\n'));
        let rewritten = again(&layout, &written).map_err(TestCaseError::fail)?;
        prop_assert_eq!(rewritten, written);
    }

    #[test]
    fn the_order_of_keys_in_a_line_makes_no_difference(
        (record, shuffled) in any_record().prop_flat_map(|record| (Just(record.clone()), Just(record).prop_shuffle()))
    ) {
        // What a line lacks is the time of reading, which is the same here.
        let layout = all_types();
        prop_assert_eq!(again(&layout, &line(&record)), again(&layout, &line(&shuffled)));
    }
}
