//! The list language.

use proptest::prelude::*;
use reinstate_describe::filter::{Test, filter_from_json, parse_list_query};
use reinstate_describe::system::position;
use reinstate_describe::{
    CellValue, Field, FieldType, Filter, Layout, ListQuery, Model, Name, Order, Trashed, Value,
};
use serde_json::json;

fn layout() -> Layout {
    let fields = [
        ("name", FieldType::Text),
        ("age", FieldType::Integer),
        ("price", FieldType::Decimal),
        ("ok", FieldType::Boolean),
        ("seen", FieldType::Timestamp),
        ("day", FieldType::Date),
        ("key", FieldType::Uuid),
        ("data", FieldType::Jsonb),
        ("tags", FieldType::TextArray),
        ("nums", FieldType::IntegerArray),
    ];
    Layout::new(
        fields.into_iter().fold(Model::new(Name::new("things").unwrap()), |model, (name, field_type)| {
            model.with_field(Field::new(Name::new(name).unwrap(), field_type))
        }),
    )
}

fn query(text: &str) -> Result<ListQuery, String> {
    let pairs: Vec<(String, String)> = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.rfind("]=").map_or_else(|| pair.find('=').unwrap(), |at| at + 1);
            (pair[..at].to_owned(), pair[at + 1..].to_owned())
        })
        .collect();
    parse_list_query(&pairs, &layout()).map_err(|fault| fault.message)
}

fn filter(text: &str) -> Filter {
    query(text).unwrap().filter.unwrap()
}

fn column(name: &str) -> usize {
    layout().position(name).unwrap()
}

fn compare(name: &str, test: Test) -> Filter {
    Filter::Compare { column: column(name), test }
}

fn text(text: &str) -> CellValue {
    CellValue::Text(text.to_owned())
}

#[test]
fn nothing_asked_for_gives_the_first_page_of_what_is_not_trashed() {
    let plain = query("").unwrap();
    assert_eq!(plain, ListQuery::default());
    assert_eq!((plain.limit, plain.offset, plain.trashed, plain.count), (1_000, 0, Trashed::Exclude, false));
    let columns: Vec<usize> = plain.order.iter().map(|order| order.column).collect();
    assert_eq!(columns, [position::CREATED_AT, position::ID]);
}

#[test]
fn both_spellings_say_the_same() {
    for (brackets, json) in [
        ("filter[where][name]=a", "where={\"name\":\"a\"}"),
        ("filter[where][age][$gt]=5", "where={\"age\":{\"$gt\":5}}"),
        ("filter[where][age][$gt]=5&filter[where][age][$lte]=9", "where={\"age\":{\"$gt\":5,\"$lte\":9}}"),
        (
            "filter[where][name][$in][]=a&filter[where][name][$in][]=b",
            "where={\"name\":{\"$in\":[\"a\",\"b\"]}}",
        ),
        (
            "filter[where][name][$in][0]=a&filter[where][name][$in][1]=b",
            "where={\"name\":{\"$in\":[\"a\",\"b\"]}}",
        ),
        (
            "filter[where][$or][0][name]=a&filter[where][$or][1][ok]=true",
            "where={\"$or\":[{\"name\":\"a\"},{\"ok\":true}]}",
        ),
        ("filter[where][$not][name]=a", "where={\"$not\":{\"name\":\"a\"}}"),
        ("filter[where][age][$null]=true", "where={\"age\":null}"),
        ("filter[where][age][$exists]=true", "where={\"age\":{\"$ne\":null}}"),
        ("filter[where][tags][$any][]=a", "where={\"tags\":{\"$any\":[\"a\"]}}"),
        ("filter[where][nums][$all][]=1", "where={\"nums\":{\"$all\":1}}"),
        ("filter[where][nums][$size]=2", "where={\"nums\":{\"$size\":2}}"),
        (
            "filter[where][age][$between][]=1&filter[where][age][$between][]=2",
            "where={\"age\":{\"$between\":[1,2]}}",
        ),
        (
            "filter[order]=age desc, name&filter[limit]=5&filter[offset]=2",
            "order=age desc,name ASC&limit=5&offset=2",
        ),
        ("filter[select]=name,age&filter[count]=true", "select=name, age&count=true"),
        ("filter[trashed]=only", "trashed=only"),
    ] {
        assert_eq!(query(brackets).unwrap(), query(json).unwrap(), "{json}");
    }
}

#[test]
fn values_are_typed_by_their_column() {
    assert_eq!(
        filter("filter[where][price][$gte]=1.50"),
        compare("price", Test::GreaterOrEqual(text("1.5")))
    );
    assert_eq!(
        filter("where={\"price\":12345678901234567890.123456789}"),
        compare("price", Test::Equal(text("12345678901234567890.123456789")))
    );
    assert_eq!(filter("filter[where][ok]=1"), compare("ok", Test::Equal(CellValue::Int(1))));
    assert_eq!(
        filter("filter[where][seen][$lt]=1970-01-01T00:00:01Z"),
        compare("seen", Test::Less(CellValue::Int(1_000_000)))
    );
    assert_eq!(filter("filter[where][day]=1970-01-02"), compare("day", Test::Equal(CellValue::Int(1))));
    assert_eq!(filter("filter[where][name]=null"), compare("name", Test::Equal(text("null"))));
    assert_eq!(filter("filter[where][name]=5"), compare("name", Test::Equal(text("5"))));
    assert_eq!(filter("filter[where][tags][$any][]=a"), compare("tags", Test::Any(vec!["\"a\"".to_owned()])));
    assert_eq!(filter("filter[where][id]=a/b?c"), compare("id", Test::Equal(text("a/b?c"))));
    assert_eq!(filter("filter[where][NAME]=a"), filter("filter[where][name]=a"));
    assert_eq!(
        filter("where={\"tags\":[\"a\", \"b\"]}"),
        compare("tags", Test::Equal(text("[\"a\",\"b\"]")))
    );
}

#[test]
fn an_order_always_ends_in_a_key_that_no_two_records_share() {
    let order = |text: &str| query(text).unwrap().order;
    let key = |name: &str, descending| Order { column: column(name), descending };
    assert_eq!(order("order=name desc"), [key("name", true), key("id", false)]);
    assert_eq!(order("order=id desc,name"), [key("id", true), key("name", false)]);
}

#[test]
fn what_is_wrong_is_named() {
    let deep = format!("where={}{{\"name\":\"a\"}}{}", "{\"$not\":".repeat(40), "}".repeat(40));
    let long = format!("where={{\"age\":{{\"$in\":[{}0]}}}}", "0,".repeat(1_000));
    let many = format!("where={{\"$or\":[{}{{\"age\":1}}]}}", "{\"age\":1},".repeat(256));
    let refused = [
        "filter[where][nope]=1",
        "where={\"nope\":1}",
        "filter[where][age][$foo]=1",
        "where={\"$foo\":[]}",
        "where={\"$or\":{\"name\":\"a\"}}",
        "where={\"$or\":[5]}",
        "where=[]",
        "where={\"name\":",
        "filter[where][age]=abc",
        "filter[where][age]=null",
        "where={\"age\":\"1.5\"}",
        "where={\"name\":5}",
        "where={\"name\":[\"a\"]}",
        "where={\"age\":{\"$gt\":null}}",
        "where={\"age\":{\"$between\":[1]}}",
        "where={\"age\":{\"$like\":\"1%\"}}",
        "where={\"name\":{\"$like\":\"a\\\\\"}}",
        "where={\"name\":{\"$like\":null}}",
        "where={\"name\":\"\\u0000\"}",
        "where={\"name\":{\"$size\":1}}",
        "where={\"tags\":{\"$size\":-1}}",
        "where={\"tags\":{\"$gt\":[]}}",
        "where={\"data\":{\"$eq\":1}}",
        "where={\"age\":{\"$null\":\"maybe\"}}",
        "filter[where][price]=1e999999999",
        "filter[where][name]=a&filter[where][name]=b",
        "filter[where][name]=a&filter[where][name][$in][]=b",
        "filter[where][name]=a&where={\"NAME\":\"b\"}",
        "filter[where][name=a",
        "filter[]=a",
        "filter[bogus]=a",
        "bogus=a",
        "limit=10001",
        "limit=-1",
        "limit=x",
        "offset=9223372036854775808",
        "limit=1&filter[limit]=1",
        "limit=1&limit=1",
        "order=nope",
        "order=name sideways",
        "order=name,,age",
        "order=name,Name",
        "order=tags",
        "select=nope",
        "select=",
        "trashed=yes",
        "count=1",
        &deep,
        &long,
        &many,
    ];
    let messages: Vec<String> = refused
        .iter()
        .map(|text| format!("{} -> {}", text.chars().take(60).collect::<String>(), query(text).unwrap_err()))
        .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn conditions_of_both_spellings_hold_together() {
    let both = filter("filter[where][name]=a&where={\"age\":1}");
    assert_eq!(
        both,
        Filter::And(vec![
            compare("age", Test::Equal(CellValue::Int(1))),
            compare("name", Test::Equal(text("a")))
        ])
    );
    assert!(query("limit=0&filter[offset]=5").is_ok());
}

#[test]
fn filters_are_true_or_false_even_where_there_is_no_value() {
    let layout = layout();
    let passes = |filter: serde_json::Value, name: &str, value: Value<'_>| {
        let at = layout.position(name).unwrap();
        let row = |column| if column == at { value } else { Value::Absent };
        filter_from_json(&filter, &layout).unwrap().matches(&layout, &row)
    };
    for (filter, name, value, expected) in [
        (json!({"price": {"$gt": "9.5"}}), "price", Value::Text("10"), true),
        (json!({"price": {"$lt": -1}}), "price", Value::Text("-1.5"), true),
        (json!({"age": {"$between": [1, 3]}}), "age", Value::Int(3), true),
        (json!({"age": {"$in": [1, null]}}), "age", Value::Null, true),
        (json!({"age": {"$nin": [1, null]}}), "age", Value::Null, false),
        (json!({"age": {"$nin": [1]}}), "age", Value::Null, true),
        (json!({"age": {"$ne": 1}}), "age", Value::Null, true),
        (json!({"age": {"$gt": 1}}), "age", Value::Null, false),
        (json!({"$not": {"age": {"$gt": 1}}}), "age", Value::Null, true),
        (json!({"age": {"$not": {"$gt": 1}}}), "age", Value::Int(2), false),
        (json!({"age": {"$not": 2}}), "age", Value::Int(2), false),
        (json!({"name": {"$like": "a%"}}), "name", Value::Text("Abc"), false),
        (json!({"name": {"$ilike": "a%"}}), "name", Value::Text("Abc"), true),
        (json!({"tags": {"$any": ["x", "a"]}}), "tags", Value::Text("[\"a\",\"b\"]"), true),
        (json!({"tags": {"$all": ["x", "a"]}}), "tags", Value::Text("[\"a\",\"b\"]"), false),
        (json!({"tags": {"$size": 2}}), "tags", Value::Text("[\"a\",\"b\"]"), true),
        (json!({"nums": {"$any": ["1"]}}), "nums", Value::Text("[1,2]"), true),
        (json!({}), "age", Value::Null, true),
        (json!({"$or": []}), "age", Value::Null, false),
    ] {
        assert_eq!(passes(filter.clone(), name, value), expected, "{filter} {value:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_query_panics(name in "(filter|where|order|\\[|\\]|\\$in|\\$or|name|tags|0){0,8}", value in "([\\[\\]{}\":,0-9a\\\\]|\\$in|name|null){0,12}") {
        let _ = parse_list_query(&[(name, value)], &layout());
    }

    #[test]
    fn like_agrees_with_a_plain_reading(pattern in "[ab%_]{0,8}", text in "[ab]{0,8}") {
        let regex = format!("^{}$", pattern.replace('%', ".*").replace('_', "."));
        let regex = reinstate_describe::pattern::compile(&regex).unwrap();
        prop_assert_eq!(reinstate_describe::filter::like(&pattern, &text, false), regex.is_match(&text));
    }
}
