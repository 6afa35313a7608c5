//! Cells there and back, and bytes as the manual has them.

use proptest::prelude::*;
use reinstate_describe::{CellValue, ColumnType, Value};

use super::*;

fn there(column_type: ColumnType, value: Value<'_>) -> Vec<u8> {
    let mut field = Vec::new();
    encode(column_type, value, &mut field).unwrap();
    let (length, bytes) = field.split_first_chunk::<4>().unwrap();
    assert_eq!(usize::try_from(i32::from_be_bytes(*length)).unwrap(), bytes.len());
    bytes.to_vec()
}

fn back(column_type: ColumnType, bytes: &[u8]) -> CellValue {
    let base = column_type.base;
    decode(if column_type.array { array_oid(base) } else { element_oid(base) }, bytes).unwrap()
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
fn cells_that_are_not_of_their_type_are_refused() {
    let mut out = Vec::new();
    assert!(encode(single(BaseType::Integer), Value::Text("1"), &mut out).is_err());
    assert!(encode(single(BaseType::Decimal), Value::Text("x"), &mut out).is_err());
    assert!(encode(array_of(BaseType::Integer), Value::Text("[1.5]"), &mut out).is_err());
    assert_eq!(decode(NUMERIC, &[0, 0, 0, 0, 0xc0, 0, 0, 0]), Err(CodecError::Bytes("numeric")));
}

proptest! {
    #[test]
    fn decimals_survive(whole in "[1-9][0-9]{0,40}|0", fraction in "[0-9]{0,30}[1-9]|", negative: bool) {
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
    fn any_bytes_are_read_or_refused(oid in prop::sample::select(vec![16_u32, 20, 21, 23, 25, 1082, 1184, 1700, 2950, 3802, 1009, 1016, 1231, 2951, 3807, 1]), bytes: Vec<u8>) {
        let _ = decode(oid, &bytes);
    }
}
