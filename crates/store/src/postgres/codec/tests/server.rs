//! The bytes that a real server sends for a value, beside ours.

use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _};
use reinstate_describe::value::is_same_json;

use super::*;

/// A value as JSON, for each kind of cell that has a format of its own.
const VALUES: &[(BaseType, bool, &str)] = &[
    (BaseType::Integer, false, "-9223372036854775808"),
    (BaseType::Text, false, "\"\u{1f680} '\\\\\""),
    (BaseType::Decimal, false, "-0.00012345"),
    (BaseType::Decimal, false, "10000"),
    (BaseType::Decimal, false, "9999.99990001"),
    (BaseType::Decimal, false, "100000000000000000000.00000000000000000001"),
    (BaseType::Decimal, false, "1e131071"),
    (BaseType::Decimal, false, "-1e-16383"),
    (BaseType::Timestamp, false, "\"0001-01-01T00:00:00.000001Z\""),
    (BaseType::Timestamp, false, "\"1999-12-31T23:59:59.999999Z\""),
    (BaseType::Date, false, "\"0001-01-01\""),
    (BaseType::Date, false, "\"9999-12-31\""),
    (BaseType::Json, false, "[1e131071,0e-20000,{\"b\":\"\\ud83d\\ude80\",\"a\":[[]]}]"),
    (BaseType::Text, true, "[\"\",null,\"NULL\",\"{\\\"}\",\"\u{e9}\"]"),
    (BaseType::Decimal, true, "[0,null,-1.5,1e30]"),
    (BaseType::Boolean, true, "[null]"),
    (BaseType::Timestamp, true, "[\"2025-01-19T10:00:00.123456Z\",null]"),
    (BaseType::Date, true, "[\"1582-10-15\"]"),
    (BaseType::Json, true, "[{\"a\":[1,null]},null,\"x\",[]]"),
];

#[derive(QueryableByName)]
struct Sent {
    #[diesel(sql_type = diesel::sql_types::Binary)]
    bytes: Vec<u8>,
}

/// The value of a cell as SQL, told to the server by text alone, and the function that sends it.
fn question(column_type: ColumnType, cell: &CellValue) -> String {
    let mut json = String::new();
    reinstate_describe::record_json::write_value(column_type, cell.as_value(), &mut json);
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let type_name = match column_type.base {
        BaseType::Text => "text",
        BaseType::Integer => "int8",
        BaseType::Decimal => "numeric",
        BaseType::Boolean => "bool",
        BaseType::Timestamp => "timestamptz",
        BaseType::Date => "date",
        BaseType::Uuid => "uuid",
        BaseType::Json => "jsonb",
    };
    let send = match type_name {
        "numeric" | "timestamptz" | "date" | "uuid" | "jsonb" => format!("{type_name}_send"),
        _ => format!("{type_name}send"),
    };
    if column_type.array {
        let elements = if column_type.base == BaseType::Json {
            "jsonb_array_elements"
        } else {
            "jsonb_array_elements_text"
        };
        let json = quoted(&json);
        format!("array_send(ARRAY(SELECT e FROM {elements}({json}::jsonb) e)::{type_name}[])")
    } else if column_type.base == BaseType::Json {
        format!("{send}({}::{type_name})", quoted(&json))
    } else {
        let text = serde_json::from_str::<String>(&json).unwrap_or(json);
        format!("{send}({}::{type_name})", quoted(&text))
    }
}

#[test]
fn every_value_has_the_bytes_that_the_server_sends_for_it() {
    let database = reinstate_test_postgres::database();
    let mut connection = PgConnection::establish(&database.url()).unwrap();
    let cases = CASES
        .iter()
        .filter(|case| case.output.is_some())
        .map(|case| (case.field_type.column_type(case.is_array), case.input));
    let values = VALUES.iter().map(|(base, array, json)| (ColumnType { base: *base, array: *array }, *json));
    for (column_type, json) in cases.chain(values) {
        let cell = coerce(column_type, json).unwrap();
        if cell == CellValue::Null {
            continue;
        }
        let question = format!("SELECT {} AS bytes", question(column_type, &cell));
        let sent: Sent = diesel::sql_query(question).get_result(&mut connection).unwrap();
        let read = back(column_type, &sent.bytes);
        if column_type.base == BaseType::Json {
            // The server spells JSON in its own way.
            let (CellValue::Text(read), CellValue::Text(cell)) = (&read, &cell) else { panic!("{json}") };
            assert!(is_same_json(read, cell), "{json}: {read}");
        } else {
            assert_eq!(read, cell, "{json}");
            assert_eq!(there(column_type, cell.as_value()), sent.bytes, "{json}");
        }
    }
}
