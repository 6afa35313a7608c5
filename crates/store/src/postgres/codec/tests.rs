//! Cells there and back, and bytes as the manual has them.

mod server;

use proptest::prelude::*;
use reinstate_describe::record_json::write_canonical_value;
use reinstate_describe::value::cases::CASES;
use reinstate_describe::value::coerce;
use reinstate_describe::{CellValue, ColumnType, Value};

use super::*;

fn there(column_type: ColumnType, value: Value<'_>) -> Vec<u8> {
    let mut field = Vec::new();
    encode(column_type, value, &mut field).unwrap();
    let (length, bytes) = field.split_first_chunk::<4>().unwrap();
    assert_eq!(usize::try_from(i32::from_be_bytes(*length)).unwrap(), bytes.len());
    bytes.to_vec()
}

fn oid_of(column_type: ColumnType) -> u32 {
    if column_type.array { array_oid(column_type.base) } else { element_oid(column_type.base) }
}

fn back(column_type: ColumnType, bytes: &[u8]) -> CellValue {
    decode(oid_of(column_type), bytes).unwrap()
}

fn single(base: BaseType) -> ColumnType {
    ColumnType { base, array: false }
}

fn array_of(base: BaseType) -> ColumnType {
    ColumnType { base, array: true }
}

#[track_caller]
fn survives(column_type: ColumnType, value: &CellValue) {
    let bytes = there(column_type, value.as_value());
    assert_eq!(&back(column_type, &bytes), value, "{bytes:?}");
    is_written_as_its_cell_is(column_type, &bytes);
}

/// Bytes become the JSON that their cell becomes, or are refused both ways.
#[track_caller]
fn is_written_as_its_cell_is(column_type: ColumnType, bytes: &[u8]) {
    let by_cell = decode(oid_of(column_type), bytes).map(|cell| {
        let mut json = String::new();
        write_canonical_value(column_type, cell.as_value(), &mut json);
        json
    });
    let mut json = String::new();
    let straight = decode_json(column_type, bytes, &mut json).map(|()| json);
    assert_eq!(straight, by_cell, "{column_type:?} {bytes:?}");
}

#[test]
fn null_and_absent_have_the_length_minus_one() {
    for value in [Value::Null, Value::Absent] {
        let mut field = Vec::new();
        encode(single(BaseType::Text), value, &mut field).unwrap();
        assert_eq!(field, [255, 255, 255, 255]);
    }
}

#[test]
fn values_have_the_bytes_that_the_server_writes() {
    for (column_type, value, bytes) in [
        (single(BaseType::Integer), Value::Int(-2), vec![255, 255, 255, 255, 255, 255, 255, 254]),
        (single(BaseType::Boolean), Value::Int(1), vec![1]),
        (single(BaseType::Timestamp), Value::Int(946_684_800_000_001), vec![0, 0, 0, 0, 0, 0, 0, 1]),
        (single(BaseType::Date), Value::Int(10_956), vec![255, 255, 255, 255]),
        (
            single(BaseType::Decimal),
            Value::Text("-12345.67"),
            vec![0, 3, 0, 1, 0x40, 0, 0, 2, 0, 1, 0x09, 0x29, 0x1a, 0x2c],
        ),
        (single(BaseType::Decimal), Value::Text("0.0001"), vec![0, 1, 255, 255, 0, 0, 0, 4, 0, 1]),
        (single(BaseType::Decimal), Value::Text("0"), vec![0, 0, 0, 0, 0, 0, 0, 0]),
        (single(BaseType::Json), Value::Text("{}"), vec![1, b'{', b'}']),
        (array_of(BaseType::Text), Value::Text("[]"), vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25]),
        (
            array_of(BaseType::Text),
            Value::Text(r#"["a",null]"#),
            vec![
                0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, b'a', 255, 255, 255,
                255,
            ],
        ),
    ] {
        assert_eq!(there(column_type, value), bytes, "{value:?}");
    }
}

#[test]
fn awkward_values_survive() {
    for text in ["0", "1", "-1", "10000", "0.00000001", "99999999.99999999", "-0.5", "100000000", "1000.0001"]
    {
        survives(single(BaseType::Decimal), &CellValue::Text(text.to_owned()));
    }
    let long = format!("1{}", "0".repeat(400));
    survives(single(BaseType::Decimal), &CellValue::Text(long));
    for json in [r#"{"a b":" x\" y ","n":[1, null]}"#, "null", "[[null],[null,[null]]]"] {
        let bytes = there(single(BaseType::Json), Value::Text(json));
        let compact: String = json.replace(", ", ",");
        assert_eq!(back(single(BaseType::Json), &bytes), CellValue::Text(compact));
    }
    for (base, text) in [
        (BaseType::Decimal, "[1.5,null,12345678901234567890.123456789]"),
        (BaseType::Integer, "[-1,9223372036854775807]"),
        (BaseType::Boolean, "[true,false,null]"),
        (BaseType::Timestamp, r#"["2025-01-19T10:00:00.000Z","2025-01-19T10:00:00.000001Z"]"#),
        (BaseType::Date, r#"["2025-01-19",null]"#),
        (BaseType::Uuid, r#"["0190aaaa-0000-7000-8000-00000000000a"]"#),
        (BaseType::Json, r#"[{"a":[null]},null,"x"]"#),
        (BaseType::Text, r#"["\"\\\n\u0001 é","",null]"#),
    ] {
        survives(array_of(base), &CellValue::Text(text.to_owned()));
    }
}

#[test]
fn every_accepted_case_survives() {
    for case in CASES.iter().filter(|case| case.output.is_some()) {
        let column_type = case.field_type.column_type(case.is_array);
        match coerce(column_type, case.input).unwrap() {
            CellValue::Null => {}
            cell => survives(column_type, &cell),
        }
    }
}

#[test]
fn the_longest_decimals_survive() {
    for text in [
        format!("-{}.{}", "9".repeat(131_072), "9".repeat(16_383)),
        format!("1{}", "0".repeat(131_071)),
        format!("0.{}1", "0".repeat(16_382)),
    ] {
        survives(single(BaseType::Decimal), &CellValue::Text(text));
    }
    let too_fine = format!("0.{}1", "0".repeat(16_383));
    assert!(encode(single(BaseType::Decimal), Value::Text(&too_fine), &mut Vec::new()).is_err());
}

#[test]
fn decimals_are_read_canonically_whatever_digits_were_kept() {
    for (bytes, text) in [
        // A scale beyond the digits: 1.50, 100.00.
        (&[0, 2, 0, 0, 0, 0, 0, 2, 0, 1, 0x13, 0x88][..], "1.5"),
        (&[0, 1, 0, 0, 0, 0, 0, 2, 0, 100], "100"),
        // Groups of zeros in front and behind, and a negative zero.
        (&[0, 3, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0], "7"),
        (&[0, 0, 0, 0, 0x40, 0, 0, 0], "0"),
        (&[0, 1, 255, 254, 0, 0, 0, 8, 0, 1], "0.00000001"),
    ] {
        assert_eq!(decode(NUMERIC, bytes), Ok(CellValue::Text(text.to_owned())));
        is_written_as_its_cell_is(single(BaseType::Decimal), bytes);
    }
}

#[test]
fn what_is_no_value_of_ours_is_refused() {
    for (oid, bytes) in [
        (NUMERIC, &[0, 0, 0, 0, 0xd0, 0, 0, 0][..]),
        (NUMERIC, &[0, 0, 0, 0, 0xf0, 0, 0, 0]),
        (NUMERIC, &[0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10]),
        (TIMESTAMPTZ, &i64::MAX.to_be_bytes()),
        (TIMESTAMPTZ, &i64::MIN.to_be_bytes()),
        (DATE, &i32::MAX.to_be_bytes()),
        (DATE, &i32::MIN.to_be_bytes()),
        (JSONB, &[2, b'1']),
        (TEXT, &[0xff]),
        // Two dimensions, elements of another type, a length of less than nothing, and too few elements.
        (1016, &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]),
        (1016, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25]),
        (1009, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 1, 0, 0, 0, 1, 255, 255, 255, 254]),
        (1009, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 0, 0, 0, 1]),
        (1009, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0x7f, 255, 255, 255, 0, 0, 0, 1]),
    ] {
        assert!(matches!(decode(oid, bytes), Err(CodecError::Bytes(_))), "{oid} {bytes:?}");
    }
    assert_eq!(decode(600, &[]), Err(CodecError::Type(600)));
}

#[test]
fn cells_that_are_not_of_their_type_are_refused_and_leave_nothing_behind() {
    let mut out = Vec::new();
    assert!(encode(single(BaseType::Integer), Value::Text("1"), &mut out).is_err());
    assert!(encode(single(BaseType::Decimal), Value::Text("x"), &mut out).is_err());
    assert!(encode(array_of(BaseType::Integer), Value::Text("[1.5]"), &mut out).is_err());
    assert!(encode(array_of(BaseType::Text), Value::Text(r#"["a",1]"#), &mut out).is_err());
    assert!(encode(array_of(BaseType::Boolean), Value::Text("[1]"), &mut out).is_err());
    assert!(out.is_empty());
    assert_eq!(decode(NUMERIC, &[0, 0, 0, 0, 0xc0, 0, 0, 0]), Err(CodecError::Bytes("numeric")));
}

proptest! {
    #[test]
    fn decimals_survive(whole in "[1-9][0-9]{0,59}|0", fraction in "[0-9]{0,59}[1-9]|", negative: bool) {
        let point = if fraction.is_empty() { "" } else { "." };
        let is_zero = whole == "0" && fraction.is_empty();
        let sign = if negative && !is_zero { "-" } else { "" };
        survives(single(BaseType::Decimal), &CellValue::Text(format!("{sign}{whole}{point}{fraction}")));
    }

    #[test]
    fn instants_and_days_survive(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000, days in -719_162_i64..2_932_897) {
        survives(single(BaseType::Timestamp), &CellValue::Int(micros));
        survives(single(BaseType::Date), &CellValue::Int(days));
    }

    #[test]
    fn lists_of_texts_survive(list: Vec<Option<String>>) {
        let list = serde_json::Value::from(list).to_string();
        let bytes = there(array_of(BaseType::Text), Value::Text(&list));
        let CellValue::Text(text) = back(array_of(BaseType::Text), &bytes) else { panic!("no text") };
        let (text, list): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(&text).unwrap(), serde_json::from_str(&list).unwrap());
        prop_assert_eq!(text, list);
    }

    #[test]
    fn nested_json_survives(json in nested_json()) {
        survives(single(BaseType::Json), &CellValue::Text(json.to_string()));
        let spaced = format!("{json:#}");
        is_written_as_its_cell_is(single(BaseType::Json), &[&[JSONB_VERSION], spaced.as_bytes()].concat());
        let list = serde_json::Value::from(vec![json, serde_json::Value::Null]).to_string();
        survives(array_of(BaseType::Json), &CellValue::Text(list));
    }

    #[test]
    fn any_bytes_are_read_or_refused(oid in any_oid(), bytes: Vec<u8>) {
        let _ = decode(oid, &bytes);
    }

    #[test]
    fn any_bytes_are_written_as_their_cells_are(
        base in prop::sample::select(&BASE_TYPES[..]),
        array: bool,
        bytes in prop_oneof![any::<Vec<u8>>(), ".*".prop_map(|text| [&[JSONB_VERSION], text.as_bytes()].concat())],
    ) {
        is_written_as_its_cell_is(ColumnType { base, array }, &bytes);
    }

    #[test]
    fn bytes_of_values_that_were_changed_are_read_or_refused(
        case in prop::sample::select(CASES),
        changes: Vec<(prop::sample::Index, u8)>,
        end: prop::sample::Index,
    ) {
        let column_type = case.field_type.column_type(case.is_array);
        if let Ok(cell @ (CellValue::Int(_) | CellValue::Text(_))) = coerce(column_type, case.input) {
            let mut bytes = there(column_type, cell.as_value());
            for (at, byte) in changes {
                if !bytes.is_empty() {
                    *at.get_mut(&mut bytes) = byte;
                }
            }
            is_written_as_its_cell_is(column_type, &bytes);
            is_written_as_its_cell_is(column_type, &bytes[..end.index(bytes.len() + 1)]);
        }
    }
}

fn any_oid() -> impl Strategy<Value = u32> {
    let arrays = BASE_TYPES.map(array_oid);
    let singles =
        [BOOL, NAME, INT8, INT2, INT4, TEXT, OID, JSON, DATE, TIMESTAMP, TIMESTAMPTZ, NUMERIC, UUID, JSONB];
    prop::sample::select([&arrays[..], &singles[..]].concat())
}

fn nested_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}
