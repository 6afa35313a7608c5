//! Filters as SQL against filters in memory, over values that are awkward in one or the other.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;
use reinstate_describe::filter::Test;
use reinstate_describe::record_json::write_record;
use reinstate_describe::system::position;
use reinstate_describe::value::{coerce, decimal, is_same_json};
use reinstate_describe::{
    BaseType, Batch, CellValue, ColumnType, Field, FieldType, Filter, Layout, ListQuery, Model, Order,
    Trashed, Value,
};
use reinstate_engine::{Cancellation, Selection, Source};
use reinstate_store::Tenant;

use crate::fixtures::{Backend, CountedIds, NOW, Scratch, batch, everything, field, name, on_both, root};

on_both! {
    sql_and_memory_find_the_same_records,
    case_is_ignored_by_one_rule,
    records_come_back_with_the_values_that_were_written,
    every_column_is_ordered_as_its_type_says,
    page_tells_whether_there_is_more_and_how_much_in_all,
    selected_columns_come_in_the_order_asked_for,
    long_lists_and_chains_are_no_obstacle,
    trashed_records_are_listed_by_what_is_asked,
}

/// For each field, single or an array, the JSON texts that its column holds, one record each; null is added to all.
const AWKWARD: [(FieldType, bool, &[&str]); 14] = [
    (FieldType::Text, false, &TEXTS),
    (
        FieldType::Integer,
        false,
        &["0", "-1", "1", "9", "10", "9223372036854775807", "-9223372036854775808", "1e3"],
    ),
    (
        FieldType::Decimal,
        false,
        &[
            "0",
            "-0.5",
            "0.10",
            "9",
            "10",
            "1e30",
            "12345678901234567890.123456789",
            "-1e-20",
            "100",
            "1234567890123456789012345678901234567890",
            "1234567890123456789012345678901234567891",
            "-0.1234567890123456789012345678901234567890",
            "10.000000000000000000000000000000000000001",
            "1e-400",
        ],
    ),
    (FieldType::Boolean, false, &["true", "false"]),
    (
        FieldType::Timestamp,
        false,
        &[
            r#""2025-01-19T10:00:00Z""#,
            r#""2025-01-19T12:00:00+02:00""#,
            r#""2025-01-19T12:00:00+01:45""#,
            r#""2025-01-19T10:00:00.000001Z""#,
            r#""1999-12-31T23:59:59.999999Z""#,
            r#""1969-12-31T23:59:59Z""#,
            r#""0001-01-01T00:00:00Z""#,
            r#""9999-12-31T23:59:59.999999Z""#,
        ],
    ),
    (
        FieldType::Date,
        false,
        &[r#""2024-02-29""#, r#""1969-12-31""#, r#""1970-01-01""#, r#""0001-01-01""#, r#""9999-12-31""#],
    ),
    (
        FieldType::Uuid,
        false,
        &[
            r#""00000000-0000-0000-0000-000000000000""#,
            r#""9f0e8c1a-0000-4000-8000-000000000001""#,
            r#""A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11""#,
            r#""ffffffff-ffff-ffff-ffff-ffffffffffff""#,
        ],
    ),
    (FieldType::Jsonb, false, &["{}", "[]", "\"a\"", "1.50", r#"{"b":1,"a":[null]}"#]),
    (
        FieldType::TextArray,
        false,
        &["[]", r#"["a"]"#, r#"["a","b"]"#, r#"["b",null]"#, r#"["[\"a\"]","NULL",""]"#],
    ),
    (FieldType::DecimalArray, false, &["[]", "[1]", "[1.0,2]", "[12345678901234567890.5]", "[null,null]"]),
    (FieldType::Integer, true, &["[]", "[9223372036854775807,null]", "[1,1]", "[1]"]),
    (FieldType::Timestamp, true, &[r#"["2025-01-19T12:00:00+02:00"]"#, r#"["2025-01-19T10:00:00Z",null]"#]),
    (FieldType::Boolean, true, &["[true]", "[false,null]", "[true,false]"]),
    (
        FieldType::Jsonb,
        true,
        &[
            "[]",
            "[null]",
            "[1]",
            "[1.0,[]]",
            r#"[{"a":1,"b":[null]}]"#,
            r#"[{"b":[null],"a":1.00},[[null],null]]"#,
        ],
    ),
];

/// Texts that are awkward for patterns, for case, for quotes, for the order.
const TEXTS: [&str; 48] = [
    r#""""#,
    r#"" ""#,
    r#""a""#,
    r#""A""#,
    r#""ä""#,
    r#""Ä""#,
    r#""a%b""#,
    r#""a_b""#,
    r#""a\\b""#,
    r#""a\\""#,
    r#""%""#,
    r#""_""#,
    r#""\\""#,
    r#""10""#,
    r#""9""#,
    r#""null""#,
    r#""it's \"so\"""#,
    r#""😀x""#,
    r#""\n""#,
    r#""ß""#,
    r#""ẞ""#,
    r#""SS""#,
    r#""ss""#,
    r#""İ""#,
    r#""i̇""#,
    r#""I""#,
    r#""i""#,
    r#""ı""#,
    r#""Σ""#,
    r#""σ""#,
    r#""ς""#,
    r#""ΟΔΟΣ""#,
    r#""οδος""#,
    r#""οδοσ""#,
    r#""ΑΣ.""#,
    r#""ΑΣΑ""#,
    r#""Α'Σ'Α""#,
    r#""ΑΣ\u0301 Σ""#,
    r#""ﬁ""#,
    r#""FI""#,
    r#""É""#,
    r#""E\u0301""#,
    r#""é""#,
    r#""K""#,
    r#""Ǆ""#,
    r#""ǅ""#,
    r#""ȺⱯ𐐀""#,
    r#""\ud7ff\ue000\uffff""#,
];

fn model() -> Model {
    AWKWARD.iter().enumerate().fold(Model::new(name("awkward")), |model, (number, (kind, is_array, _))| {
        model.with_field(Field { is_array: *is_array, ..field(&format!("f{number}"), *kind) })
    })
}

/// The type of a field's column.
fn column_type(number: usize) -> ColumnType {
    let (kind, is_array, _) = AWKWARD[number];
    kind.column_type(is_array)
}

/// One record for each value of each field, and one without any.
fn lines() -> Vec<String> {
    let most = AWKWARD.iter().map(|(.., values)| values.len()).max().unwrap();
    let line = |number: usize| {
        let values = AWKWARD.iter().enumerate().map(|(field, (.., values))| {
            let value = values.get(number).copied().unwrap_or("null");
            format!("\"f{field}\":{value}")
        });
        format!("{{\"id\":\"{number:02}\",{}}}", values.collect::<Vec<_>>().join(","))
    };
    (0..=most).map(line).collect()
}

struct Table {
    _scratch: Scratch,
    tenant: Tenant,
    source: RefCell<Box<dyn Source>>,
    batch: Batch,
}

impl Table {
    fn new(backend: Backend) -> Self {
        let scratch = Scratch::new(backend);
        let tenant = scratch.tenant();
        tenant.model_create(&model()).unwrap();
        let lines = lines();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        tenant.records_create(&root(), "awkward", &lines, false, NOW, &CountedIds::default()).unwrap();
        let source = RefCell::new(tenant.source(&Cancellation::default()).unwrap());
        Self { _scratch: scratch, tenant, source, batch: batch(&model(), &lines) }
    }

    fn layout(&self) -> &Arc<Layout> {
        self.batch.layout()
    }

    fn listed(&self, query: ListQuery) -> Vec<String> {
        let query = ListQuery { select: Some(vec![position::ID]), ..query };
        let page = self.tenant.records_list(&root(), "awkward", |_| Ok(query.clone())).unwrap();
        let id = |record: &String| record.trim_start_matches("{\"id\":\"").trim_end_matches("\"}").to_owned();
        page.records.iter().map(id).collect()
    }

    fn by_sql(&self, filter: &Filter) -> Vec<String> {
        self.listed(ListQuery { filter: Some(filter.clone()), ..everything() })
    }

    /// As an extract finds them: in one state that was opened for all filters.
    fn by_source(&self, filter: &Filter) -> Vec<String> {
        let mut ids = Vec::new();
        let selection = Selection { layout: self.layout(), filter: Some(filter), caller: &root() };
        let take = &mut |batch: Batch| {
            ids.extend((0..u32::try_from(batch.len()).unwrap()).map(|row| batch.id(row).to_owned()));
            ControlFlow::Continue(())
        };
        self.source.borrow_mut().records_read(&selection, take).unwrap();
        ids
    }

    fn by_memory(&self, filter: &Filter) -> Vec<String> {
        let rows = 0..u32::try_from(self.batch.len()).unwrap();
        let passes = |row: &u32| filter.matches(self.layout(), &|column| self.batch.value(*row, column));
        rows.filter(passes).map(|row| self.batch.id(row).to_owned()).collect()
    }
}

/// A value of the field from the table.
fn value(number: usize) -> impl Strategy<Value = CellValue> {
    let (.., values) = AWKWARD[number];
    prop::sample::select(values).prop_map(move |raw| coerce(column_type(number), raw).unwrap())
}

fn pattern() -> impl Strategy<Value = String> {
    let pieces = [
        "%", "%", "_", "a", "A", "ä", "b", "\\%", "\\_", "\\\\", "x", "\\", "Σ", "ς", "Ο", "İ", "i", "I",
        "\u{307}", "ß", "ẞ", "É", "\u{301}", "😀", "K", ".", "'",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..5).prop_map(|pieces| pieces.concat())
}

/// The elements of all arrays of the field, and null where it is one.
fn elements(number: usize) -> Vec<String> {
    let (.., values) = AWKWARD[number];
    let cells = values.iter().map(|raw| coerce(column_type(number), raw).unwrap());
    let mut elements = vec!["null".to_owned()];
    for cell in cells {
        let CellValue::Text(text) = cell else { panic!("{cell:?}") };
        let raw: Vec<&serde_json::value::RawValue> = serde_json::from_str(&text).unwrap();
        elements.extend(raw.into_iter().map(|element| element.get().to_owned()));
    }
    elements
}

fn equality_test(number: usize) -> BoxedStrategy<Test> {
    let some = move || prop::collection::vec(value(number), 0..4);
    prop_oneof![
        value(number).prop_map(Test::Equal),
        value(number).prop_map(Test::NotEqual),
        some().prop_map(Test::In),
        some().prop_map(Test::NotIn),
        null_test(),
    ]
    .boxed()
}

fn null_test() -> BoxedStrategy<Test> {
    prop_oneof![Just(Test::IsNull), Just(Test::IsNotNull)].boxed()
}

fn order_test(number: usize) -> BoxedStrategy<Test> {
    prop_oneof![
        value(number).prop_map(Test::Greater),
        value(number).prop_map(Test::GreaterOrEqual),
        value(number).prop_map(Test::Less),
        value(number).prop_map(Test::LessOrEqual),
        (value(number), value(number)).prop_map(|(least, greatest)| Test::Between(least, greatest)),
    ]
    .boxed()
}

/// A test that the list language has for the field.
fn any_test(number: usize) -> BoxedStrategy<Test> {
    let like =
        (pattern(), any::<bool>()).prop_map(|(pattern, ignores_case)| Test::Like { pattern, ignores_case });
    let column_type = column_type(number);
    match (column_type.base, column_type.array) {
        (_, true) => {
            let some = || prop::collection::vec(prop::sample::select(elements(number)), 0..3);
            prop_oneof![
                equality_test(number),
                some().prop_map(Test::Any),
                some().prop_map(Test::All),
                (0..3_u64).prop_map(Test::Size),
            ]
            .boxed()
        }
        (BaseType::Json, false) => null_test(),
        (BaseType::Text, false) => {
            prop_oneof![1 => equality_test(number), 1 => order_test(number), 2 => like].boxed()
        }
        _ => prop_oneof![equality_test(number), order_test(number)].boxed(),
    }
}

fn filter() -> impl Strategy<Value = Filter> {
    let compare = (0..AWKWARD.len()).prop_flat_map(|number| {
        any_test(number).prop_map(move |test| Filter::Compare { column: position::FIELDS + number, test })
    });
    compare.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

fn sql_and_memory_find_the_same_records(backend: Backend) {
    let table = Table::new(backend);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&filter(), |filter| {
            prop_assert_eq!(table.by_sql(&filter), table.by_memory(&filter));
            prop_assert_eq!(table.by_source(&filter), table.by_memory(&filter));
            Ok(())
        })
        .unwrap();
}

fn case_is_ignored_by_one_rule(backend: Backend) {
    let table = Table::new(backend);
    for text in TEXTS {
        let text: String = serde_json::from_str(text).unwrap();
        for pattern in [text.to_uppercase(), text.to_lowercase(), format!("%{text}"), text] {
            let filter = Filter::Compare {
                column: position::FIELDS,
                test: Test::Like { pattern: pattern.clone(), ignores_case: true },
            };
            assert_eq!(table.by_sql(&filter), table.by_memory(&filter), "{pattern:?}");
        }
    }
}

fn records_come_back_with_the_values_that_were_written(backend: Backend) {
    let table = Table::new(backend);
    for (row, record) in (0..).zip(crate::fixtures::records(&table.tenant, "awkward")) {
        let columns = table.layout().columns().enumerate();
        let mut expected = String::new();
        write_record(
            columns.map(|(at, column)| (column, written(table.batch.value(row, at)))),
            &mut expected,
        );
        assert!(is_same_json(&record, &expected), "{record}\n{expected}");
    }
}

/// What a record has where its line named nothing.
const fn written(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Absent => Value::Null,
        value => value,
    }
}

fn every_column_is_ordered_as_its_type_says(backend: Backend) {
    let table = Table::new(backend);
    for column in 0..table.layout().len() {
        let column_type = table.layout().column(column).unwrap().column_type;
        if column_type.array || column_type.base == BaseType::Json {
            // The list language has no order of these.
            continue;
        }
        let decimals = column_type.base == BaseType::Decimal;
        let key = |row: &u32| match table.batch.value(*row, column) {
            Value::Text(text) => (1, 0, text.to_owned()),
            Value::Int(number) => (1, number, String::new()),
            Value::Null | Value::Absent => (0, 0, String::new()),
        };
        for descending in [false, true] {
            let mut rows: Vec<_> = (0..u32::try_from(table.batch.len()).unwrap()).collect();
            rows.sort_by(|left, right| {
                let (left, right) = (key(left), key(right));
                let order = if decimals && left.0 == 1 && right.0 == 1 {
                    decimal::compare(&left.2, &right.2)
                } else {
                    left.cmp(&right)
                };
                if descending { order.reverse() } else { order }
            });
            let order = vec![Order { column, descending }, Order { column: position::ID, descending: false }];
            let ids: Vec<_> = rows.iter().map(|row| table.batch.id(*row).to_owned()).collect();
            assert_eq!(table.listed(ListQuery { order, ..everything() }), ids, "{column} {descending}");
        }
    }
}

fn page_tells_whether_there_is_more_and_how_much_in_all(backend: Backend) {
    let table = Table::new(backend);
    let count = u64::try_from(table.batch.len()).unwrap();
    let page = |limit, offset, count| {
        let query = ListQuery { limit, offset, count, ..everything() };
        table.tenant.records_list(&root(), "awkward", |_| Ok(query.clone())).unwrap()
    };
    let first = page(10, 0, true);
    assert_eq!((first.records.len(), first.has_more, first.total), (10, true, Some(count)));
    assert_eq!((first.limit, first.offset), (10, 0));
    let last = page(10, count - 10, false);
    assert_eq!((last.records.len(), last.has_more, last.total), (10, false, None));
    let beyond = page(10, u64::MAX, true);
    assert_eq!((beyond.records.len(), beyond.has_more, beyond.total), (0, false, Some(count)));
}

fn selected_columns_come_in_the_order_asked_for(backend: Backend) {
    let table = Table::new(backend);
    let query =
        ListQuery { select: Some(vec![position::FIELDS + 1, position::ID]), limit: 1, ..everything() };
    let page = table.tenant.records_list(&root(), "awkward", |_| Ok(query.clone())).unwrap();
    assert_eq!(page.records, [r#"{"f1":0,"id":"00"}"#]);
}

fn long_lists_and_chains_are_no_obstacle(backend: Backend) {
    let table = Table::new(backend);
    let column = position::FIELDS + 1;
    let numbers: Vec<_> = (0..40_000).map(CellValue::Int).collect();
    let equal = |value: &CellValue| Filter::Compare { column, test: Test::Equal(value.clone()) };
    let listed = Filter::Compare { column, test: Test::In(numbers.clone()) };
    let expected = table.by_memory(&listed);
    assert_eq!(table.by_sql(&listed), expected);
    assert_eq!(table.by_source(&listed), expected);
    let chained = Filter::Or(numbers.iter().take(5_000).map(equal).collect());
    assert_eq!(table.by_sql(&chained), expected);
    assert_eq!(table.by_source(&chained), expected);
}

fn trashed_records_are_listed_by_what_is_asked(backend: Backend) {
    let table = Table::new(backend);
    table.tenant.records_delete(&root(), "awkward", &["00".to_owned()], false, NOW).unwrap();
    let all = table.batch.len();
    let listed = |trashed| table.listed(ListQuery { trashed, ..everything() }).len();
    assert_eq!([Trashed::Exclude, Trashed::Include, Trashed::Only].map(listed), [all - 1, all, 1]);
}
