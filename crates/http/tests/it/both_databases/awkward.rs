//! A table of values that are easily lost or misplaced in one database or the other.

use reinstate_describe::FieldType;

/// A field of the table and the JSON texts that its column holds.
pub(super) struct AwkwardField {
    pub(super) name: &'static str,
    pub(super) field_type: FieldType,
    pub(super) is_array: bool,
    pub(super) values: &'static [&'static str],
}

const fn field(name: &'static str, field_type: FieldType, values: &'static [&'static str]) -> AwkwardField {
    AwkwardField { name, field_type, is_array: false, values }
}

const fn list(name: &'static str, field_type: FieldType, values: &'static [&'static str]) -> AwkwardField {
    AwkwardField { name, field_type, is_array: true, values }
}

/// Every type, single and as an array where archives have such arrays.
pub(super) const FIELDS: &[AwkwardField] = &[
    field("words", FieldType::Text, TEXTS),
    field("whole", FieldType::Integer, INTEGERS),
    field("big", FieldType::Bigint, INTEGERS),
    field("exact", FieldType::Decimal, DECIMALS),
    field("amount", FieldType::Numeric, DECIMALS),
    field("flag", FieldType::Boolean, &["true", "false", "1", "\"false\""]),
    field("instant", FieldType::Timestamp, INSTANTS),
    field(
        "day",
        FieldType::Date,
        &[
            r#""2024-02-29""#,
            r#""1969-12-31""#,
            r#""1970-01-01""#,
            r#""1582-10-10""#,
            r#""0001-01-01""#,
            r#""9999-12-31""#,
            r#""2024-02-29T00:00:00.000Z""#,
        ],
    ),
    field("code", FieldType::Uuid, UUIDS),
    field("tree", FieldType::Jsonb, DOCUMENTS),
    field("leaf", FieldType::Json, DOCUMENTS),
    list(
        "word_list",
        FieldType::TextArray,
        &[
            "[]",
            "[null]",
            r#"["a"]"#,
            r#"["a","b"]"#,
            r#"["b",null,"a"]"#,
            r#"["","NULL","null","{a,b}","\"q\"","\\"," ",",","😀","שלום"]"#,
        ],
    ),
    list(
        "whole_list",
        FieldType::IntegerArray,
        &["[]", "[null,null]", "[9223372036854775807,null,-9223372036854775808]", "[1,1]", "[1]", "[1,2,3]"],
    ),
    list(
        "exact_list",
        FieldType::DecimalArray,
        &[
            "[]",
            "[null]",
            "[1.0,2]",
            "[12345678901234567890.12345678901234567890,null,-1e-20,1e400]",
            "[0.1,0.10]",
        ],
    ),
    list(
        "code_list",
        FieldType::UuidArray,
        &[
            "[]",
            "[null]",
            r#"["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",null]"#,
            r#"["ffffffff-ffff-ffff-ffff-ffffffffffff","00000000-0000-0000-0000-000000000000"]"#,
        ],
    ),
    list(
        "instant_list",
        FieldType::Timestamp,
        &["[]", r#"["1969-12-31T23:59:59.999999Z",null]"#, r#"["2025-01-19T12:00:00+02:00"]"#],
    ),
    list("day_list", FieldType::Date, &["[]", r#"["0001-01-01",null,"9999-12-31"]"#]),
    list("flag_list", FieldType::Boolean, &["[]", "[true,null,false]", "[true]"]),
    list(
        "tree_list",
        FieldType::Jsonb,
        &["[]", "[null]", "[[],[null],[[null,[null]]]]", r#"[{"b":1.50,"a":[null]},"x",1e2,false]"#],
    ),
];

const TEXTS: &[&str] = &[
    r#""""#,
    r#"" ""#,
    r#""a""#,
    r#""A""#,
    r#""ab""#,
    r#""aB ""#,
    r#""ä""#,
    r#""Ä""#,
    r#""a\u0308""#,
    r#""ß""#,
    r#""z""#,
    r#""Z""#,
    r#""10""#,
    r#""9""#,
    r#""100%""#,
    r#""%""#,
    r#""_""#,
    r#""a_b""#,
    r#""a%b""#,
    r#""\\""#,
    r#""a\\""#,
    r#""a\\b""#,
    r#""\\%""#,
    r#""\\N""#,
    r#""\\x41""#,
    r#""null""#,
    r#""NULL""#,
    r#""it's \"so\"; --""#,
    r#""line\none\r\ntwo\ttab""#,
    r#""\u0001\u0008\u001f\u007f""#,
    r#""\u0085\u00a0\u2028\ufeff""#,
    r#""👩‍👩‍👧‍👦🏳️‍🌈""#,
    r#""😀x""#,
    r#""\uffff""#,
    r#""ШЛЯПА шляпа""#,
    r#""שלום \u202eabc\u202c عربى""#,
    r#""{a,b}""#,
    r#""$1 ? :x""#,
];

const INTEGERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "9",
    "10",
    "12.0",
    "1e3",
    "\"100\"",
    "9007199254740993",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
];

const DECIMALS: &[&str] = &[
    "0",
    "-0.0",
    "9",
    "10",
    "100",
    "9.50",
    "-9",
    "-10",
    "0.1",
    "\"0.10\"",
    "0.0001",
    "0.00010001",
    "10000",
    "99999999",
    "1e30",
    "-1e-20",
    "1.5e-37",
    "1e-400",
    "1e400",
    "1234567890123456789012345678901234567890",
    "1234567890123456789012345678901234567891",
    "-0.1234567890123456789012345678901234567890",
    "12345678901234567890.12345678901234567890",
    "10.000000000000000000000000000000000000001",
];

const INSTANTS: &[&str] = &[
    r#""2025-01-19T10:00:00Z""#,
    r#""2025-01-19T12:00:00+02:00""#,
    r#""2025-01-19T09:59:59.999999Z""#,
    r#""2025-01-19T10:00:00.000001Z""#,
    r#""2025-01-19 10:00:00.1-05""#,
    r#""2025-03-30T01:30:00Z""#,
    r#""2000-01-01T00:00:00Z""#,
    r#""1999-12-31T23:59:59.999999Z""#,
    r#""1970-01-01""#,
    r#""1969-12-31T23:59:59.999999Z""#,
    r#""1883-11-18T12:03:58.000100Z""#,
    r#""0001-01-01T00:00:00Z""#,
    r#""9999-12-31T23:59:59.999999Z""#,
];

const UUIDS: &[&str] = &[
    r#""00000000-0000-0000-0000-000000000000""#,
    r#""9f0e8c1a-0000-4000-8000-000000000001""#,
    r#""A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11""#,
    r#""a0eebc999c0b4ef8bb6d6bb9bd380a12""#,
    r#""ffffffff-ffff-ffff-ffff-ffffffffffff""#,
];

const DOCUMENTS: &[&str] = &[
    "{}",
    "[]",
    "\"\"",
    "\"a\"",
    "false",
    "0",
    "1.50",
    "12345678901234567890.12345678901234567890",
    "1e-30",
    "-1E+30",
    "[null,[null,[null,[]]],{}]",
    r#"{"b":1,"a":[null,{"c":null}]}"#,
    r#"{"":"empty","ключ":"🚀","a b":"\"\\\/\b\f\n\r\t\u0001","שלום":[true,false,null]}"#,
    r#"{"numbers":[9223372036854775808,-0,0.10,1e2,123456789012345678901234567890.5]}"#,
];

/// Ids that are awkward in paths, in quotes and in an order.
const IDS: &[&str] =
    &["a", "A", "ä", "z", "Z", "10", "9", "a/b?c", "it's", "%", "_", "\\", " x", "😀", "é", "\u{ffff}"];

/// The fields as `describe.yaml` has them, with some indexes that the databases have to build over these values.
pub(super) fn describe() -> String {
    let mut text =
        String::from("awkward:\n  status: active\n  description: \"Ключ: 'x' # \\\"y\\\"\"\n  fields:\n");
    for field in FIELDS {
        let is_indexed = !field.is_array && field.field_type != FieldType::Jsonb;
        text.push_str(&format!(
            "    {}: {{ type: \"{}\", is_array: {}, index: {is_indexed} }}\n",
            field.name,
            field.field_type.as_str(),
            field.is_array
        ));
    }
    text.push_str(
        "    only: { type: text, unique: true, pattern: \"^[^x]*$\", description: \"one each\" }\n",
    );
    text.push_str("    rank: { type: integer, default_value: 3, minimum: -5, maximum: 9 }\n");
    text
}

/// Records in which every value of every field comes at least once, and in every field a null and a missing value.
/// Some are in the trash, some have access lists, some have no instants of their own.
pub(super) fn lines() -> Vec<String> {
    (0..FIELDS.iter().map(|field| field.values.len()).max().unwrap_or_default() + 2).map(line).collect()
}

fn line(number: usize) -> String {
    let mut line = format!("{{\"id\":{}", serde_json::to_string(&id(number)).unwrap());
    for field in FIELDS {
        let place = number % (field.values.len() + 2);
        match field.values.get(place) {
            Some(value) => line.push_str(&format!(",\"{}\":{value}", field.name)),
            None if place == field.values.len() => line.push_str(&format!(",\"{}\":null", field.name)),
            None => {}
        }
    }
    line.push_str(&system_columns(number));
    line.push_str(if number.is_multiple_of(3) { ",\"rank\":null" } else { "" });
    line.push_str(&if number.is_multiple_of(2) {
        format!(",\"only\":\"Ä{number}\"")
    } else {
        String::new()
    });
    line.push('}');
    line
}

fn id(number: usize) -> String {
    IDS.get(number).map_or_else(|| format!("id-{number}"), |id| (*id).to_owned())
}

fn system_columns(number: usize) -> String {
    let mut text = String::new();
    if !number.is_multiple_of(4) {
        text.push_str(&format!(r#","created_at":"2001-02-03T04:05:06.{:06}Z""#, number % 5));
        text.push_str(r#","updated_at":"1960-02-03T04:05:06.000007Z""#);
    }
    match number % 7 {
        1 => text.push_str(r#","trashed_at":"2020-01-01T00:00:00.123456Z""#),
        2 => {
            text.push_str(r#","trashed_at":"2020-01-01T00:00:00Z","deleted_at":"1999-12-31T23:00:00-01:00""#)
        }
        _ => {}
    }
    match number % 6 {
        1 => text.push_str(r#","access_read":["ann","groupe «é»"]"#),
        2 => text.push_str(r#","access_deny":["ann"],"access_full":["bob","it's, {x}"]"#),
        3 => text.push_str(r#","access_edit":[],"access_read":null"#),
        4 => text.push_str(r#","access_edit":["editors"]"#),
        _ => {}
    }
    text
}
