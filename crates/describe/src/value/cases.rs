//! The table of accepted and refused values that every store is tested against.

use crate::field_type::FieldType;
use crate::field_type::FieldType::{
    Bigint, Bigserial, Boolean, Date, Decimal, DecimalArray, Integer, IntegerArray, Json, Jsonb, Numeric,
    Text, TextArray, Timestamp, Uuid, UuidArray,
};

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// The type of the field.
    pub field_type: FieldType,
    /// The field's own array flag.
    pub is_array: bool,
    /// The value as JSON text in a record.
    pub input: &'static str,
    /// The value as JSON text when the record is read back; `None` where it is refused. JSON columns may come
    /// back with other spacing, key order and number spelling, so compare those as JSON values.
    pub output: Option<&'static str>,
}

const fn yes(field_type: FieldType, input: &'static str, output: &'static str) -> Case {
    Case { field_type, is_array: false, input, output: Some(output) }
}

const fn no(field_type: FieldType, input: &'static str) -> Case {
    Case { field_type, is_array: false, input, output: None }
}

const fn array(field_type: FieldType, input: &'static str, output: Option<&'static str>) -> Case {
    Case { field_type, is_array: true, input, output }
}

const UUID: &str = "\"0a1b2c3d-4e5f-4678-9abc-def012345678\"";

/// What `1e400` is written out.
const TEN_TO_THE_400TH: &str = "1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
0";

/// Every rule of the value table at least once.
pub const CASES: &[Case] = &[
    yes(Text, "\"\"", "\"\""),
    yes(Text, "\"null\"", "\"null\""),
    yes(
        Text,
        "\"Grüße 世界 🚀\\n\\t\\\"q\\\" \\\\ \\u2028\"",
        "\"Grüße 世界 🚀\\n\\t\\\"q\\\" \\\\ \u{2028}\"",
    ),
    yes(Text, "\"\\ud83d\\ude80\\u0001\"", "\"🚀\\u0001\""),
    yes(Text, "null", "null"),
    no(Text, "1"),
    no(Text, "true"),
    no(Text, "[]"),
    no(Text, "{}"),
    no(Text, "\"a\\u0000b\""),
    no(Text, "\"\\ud83d\""),
    yes(Integer, "42", "42"),
    yes(Integer, "-0", "0"),
    yes(Integer, "12.0", "12"),
    yes(Integer, "1.2e1", "12"),
    yes(Integer, "120e-1", "12"),
    yes(Integer, "\"12\"", "12"),
    yes(Integer, "\"-9223372036854775808\"", "-9223372036854775808"),
    yes(Bigint, "9223372036854775807", "9223372036854775807"),
    yes(Bigint, "9007199254740993.0", "9007199254740993"),
    yes(Bigserial, "1", "1"),
    yes(Integer, "null", "null"),
    no(Integer, "9223372036854775808"),
    no(Integer, "-9223372036854775809"),
    no(Integer, "1e999999999"),
    no(Integer, "1.5"),
    no(Integer, "\"abc\""),
    no(Integer, "\"\""),
    no(Integer, "true"),
    no(Integer, "[1]"),
    yes(Decimal, "0.1", "0.1"),
    yes(Decimal, "12345678901234567890.123456789", "12345678901234567890.123456789"),
    yes(Decimal, "\"12345678901234567890.123456789\"", "12345678901234567890.123456789"),
    yes(Decimal, "1.50", "1.5"),
    yes(Decimal, "-0.0", "0"),
    yes(Decimal, "-1.5e-3", "-0.0015"),
    yes(Numeric, "1e30", "1000000000000000000000000000000"),
    yes(Decimal, "1e400", TEN_TO_THE_400TH),
    yes(Decimal, "\"1E+400\"", TEN_TO_THE_400TH),
    yes(Decimal, "null", "null"),
    no(Decimal, "1e999999999"),
    no(Decimal, "1e-999999999"),
    no(Decimal, "1e131072"),
    no(Decimal, "1e-16384"),
    no(Decimal, "\"1e999999999\""),
    no(Decimal, "\"NaN\""),
    no(Decimal, "\"\""),
    no(Decimal, "false"),
    no(Decimal, "{}"),
    yes(Boolean, "true", "true"),
    yes(Boolean, "\"false\"", "false"),
    yes(Boolean, "0", "false"),
    yes(Boolean, "1", "true"),
    yes(Boolean, "null", "null"),
    no(Boolean, "2"),
    no(Boolean, "\"yes\""),
    no(Boolean, "\"1\""),
    yes(Timestamp, "\"2025-01-19T10:00:00Z\"", "\"2025-01-19T10:00:00.000Z\""),
    yes(Timestamp, "\"2025-01-19T10:00:00.123456+02:00\"", "\"2025-01-19T08:00:00.123456Z\""),
    yes(Timestamp, "\"2025-01-19 10:00:00\"", "\"2025-01-19T10:00:00.000Z\""),
    yes(Timestamp, "\"2025-01-19 10:00:00.5-05\"", "\"2025-01-19T15:00:00.500Z\""),
    yes(Timestamp, "\"2025-01-19\"", "\"2025-01-19T00:00:00.000Z\""),
    yes(Timestamp, "\"0001-01-01\"", "\"0001-01-01T00:00:00.000Z\""),
    yes(Timestamp, "\"9999-12-31T23:59:59.999999Z\"", "\"9999-12-31T23:59:59.999999Z\""),
    yes(Timestamp, "\"2016-12-31T23:59:60Z\"", "\"2017-01-01T00:00:00.000Z\""),
    yes(Timestamp, "null", "null"),
    no(Timestamp, "\"2025-02-29\""),
    no(Timestamp, "\"2025-01-19T25:00:00Z\""),
    no(Timestamp, "\"soon\""),
    no(Timestamp, "\"\""),
    no(Timestamp, "1737280800000"),
    yes(Date, "\"2024-02-29\"", "\"2024-02-29\""),
    yes(Date, "\"2024-02-29T00:00:00.000Z\"", "\"2024-02-29\""),
    yes(Date, "\"1900-01-01T00:00:00.000Z\"", "\"1900-01-01\""),
    yes(Date, "null", "null"),
    no(Date, "\"2024-02-29T01:00:00Z\""),
    no(Date, "\"2023-02-29\""),
    no(Date, "20240229"),
    yes(Uuid, "\"0A1B2C3D-4E5F-4678-9ABC-DEF012345678\"", UUID),
    yes(Uuid, "\"0a1b2c3d4e5f46789abcdef012345678\"", UUID),
    yes(Uuid, "null", "null"),
    no(Uuid, "\"0a1b2c3d-4e5f-4678-9abc-def01234567\""),
    no(Uuid, "\"{0a1b2c3d-4e5f-4678-9abc-def012345678}\""),
    no(Uuid, "\"\""),
    no(Uuid, "1"),
    yes(Jsonb, "{ \"a\": [1, 2, {\"x\": null}], \"b\": 1.5 }", "{\"a\":[1,2,{\"x\":null}],\"b\":1.5}"),
    yes(Jsonb, "\"text\"", "\"text\""),
    yes(Jsonb, "0", "0"),
    yes(Json, "false", "false"),
    yes(Json, "[]", "[]"),
    yes(Json, "{\"num\":100000000000000000000}", "{\"num\":100000000000000000000}"),
    yes(Jsonb, "[0e-20000,-0.0e2147483648,1.5E3]", "[0,0,1500]"),
    yes(Json, "null", "null"),
    no(Jsonb, "{\"a\":\"\\u0000\"}"),
    no(Jsonb, "[\"\\ud800\"]"),
    no(Json, "[1e999999999]"),
    no(Jsonb, "[1e131072]"),
    no(Jsonb, "[1e-16384]"),
    no(Jsonb, "{\"\\ud83d\":1}"),
    yes(
        TextArray,
        "[\"a\", \"b c\", \"d\\\"e\", null, \"NULL\", \"\"]",
        "[\"a\",\"b c\",\"d\\\"e\",null,\"NULL\",\"\"]",
    ),
    yes(TextArray, "[]", "[]"),
    yes(TextArray, "null", "null"),
    no(TextArray, "\"a\""),
    no(TextArray, "[1]"),
    no(TextArray, "[[\"a\"]]"),
    no(TextArray, "[\"\\u0000\"]"),
    no(TextArray, "{}"),
    yes(IntegerArray, "[1, -2, \"3\", 4.0, null]", "[1,-2,3,4,null]"),
    no(IntegerArray, "[1.5]"),
    no(IntegerArray, "[9223372036854775808]"),
    yes(
        DecimalArray,
        "[1.10, \"-2.2\", 12345678901234567890.123456789]",
        "[1.1,-2.2,12345678901234567890.123456789]",
    ),
    no(DecimalArray, "[\"x\"]"),
    yes(UuidArray, "[\"0A1B2C3D4E5F46789ABCDEF012345678\"]", "[\"0a1b2c3d-4e5f-4678-9abc-def012345678\"]"),
    no(UuidArray, "[\"\"]"),
    array(Text, "[\"a\"]", Some("[\"a\"]")),
    array(TextArray, "[\"a\"]", Some("[\"a\"]")),
    array(TextArray, "[[\"a\"]]", None),
    array(Boolean, "[true, 0, \"true\"]", Some("[true,false,true]")),
    array(Boolean, "[2]", None),
    array(Timestamp, "[\"2025-01-19 10:00:00\"]", Some("[\"2025-01-19T10:00:00.000Z\"]")),
    array(Date, "[\"2025-01-19T00:00:00Z\"]", Some("[\"2025-01-19\"]")),
    array(Date, "[\"2025-01-19T01:00:00Z\"]", None),
    array(Jsonb, "[{ \"a\" : 1 }, null]", Some("[{\"a\":1},null]")),
    array(Jsonb, "{}", None),
    array(Text, "\"a\"", None),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record_json::write_value;
    use crate::value::coerce;

    #[test]
    fn every_case_holds_for_the_coercion_itself() {
        for case in CASES {
            let column_type = case.field_type.column_type(case.is_array);
            let read_back = coerce(column_type, case.input).map(|value| {
                let mut out = String::new();
                write_value(column_type, value.as_value(), &mut out);
                out
            });
            assert_eq!(read_back.as_deref().ok(), case.output, "{case:?} {read_back:?}");
        }
    }

    #[test]
    fn every_type_has_an_accepted_and_a_refused_value() {
        for field_type in
            FieldType::ALL.into_iter().filter(|t| *t != Bigserial && *t != Bigint && *t != Numeric)
        {
            let of_type = || CASES.iter().filter(|case| case.field_type == field_type);
            assert!(of_type().any(|case| case.output.is_some()), "{field_type}");
            assert!(of_type().any(|case| case.output.is_none()), "{field_type}");
        }
    }

    #[test]
    fn faults_say_what_was_expected_and_what_came() {
        let message =
            |case: &Case| coerce(case.field_type.column_type(case.is_array), case.input).unwrap_err().message;
        let faults: Vec<String> = CASES
            .iter()
            .filter(|case| case.output.is_none())
            .map(|case| {
                format!(
                    "{}{} {} -> {}",
                    case.field_type,
                    if case.is_array { " array" } else { "" },
                    case.input,
                    message(case)
                )
            })
            .collect();
        insta::assert_snapshot!(faults.join("\n"));
    }
}
