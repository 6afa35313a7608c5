//! Random models with random records on a database and in memory side by side: whatever its types, its columns and
//! the keys of its lines, a batch leaves what the plain reference leaves.

use proptest::prelude::*;
use reinstate_describe::{FieldType, Model};
use reinstate_engine::{Conflict, MemoryTenant};
use serde_json::{Value as Json, json};

use super::{Subject, apply};
use crate::fixtures::{Backend, Scratch, batch, field, name};

/// Records whose ids may meet each other.
const IDS: u16 = 60;

/// The first fields of a model, of which one may be unique: where two refuse a row it is a database's own choice which
/// of them it names. The rest are texts that no line names.
#[derive(Debug, Clone)]
struct Shape {
    types: Vec<(FieldType, Index)>,
    more: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Index {
    None,
    Plain,
    Unique,
}

/// The records of one write: an id and, for each field, whether it is named and by which seed it has its value.
type Records = Vec<(u16, Vec<Option<u32>>)>;

fn shape() -> impl Strategy<Value = Shape> {
    let types = prop::sample::select(vec![
        FieldType::Text,
        FieldType::Integer,
        FieldType::Decimal,
        FieldType::Boolean,
        FieldType::Timestamp,
        FieldType::Date,
        FieldType::Uuid,
        FieldType::Jsonb,
        FieldType::TextArray,
    ]);
    let index = prop_oneof![6 => Just(Index::None), 2 => Just(Index::Plain), 1 => Just(Index::Unique)];
    let more = prop_oneof![4 => Just(0), 1 => 1..300_usize];
    (prop::collection::vec((types, index), 1..8), more).prop_map(|(mut types, more)| {
        let mut uniques = types.iter_mut().map(|(_, index)| index).filter(|index| **index == Index::Unique);
        uniques.next();
        uniques.for_each(|index| *index = Index::Plain);
        Shape { types, more }
    })
}

fn writes() -> impl Strategy<Value = Vec<(Records, Conflict, bool)>> {
    let keys = prop::collection::vec(prop::option::weighted(0.8, any::<u32>()), 8);
    // Few sets of keys, so that groups have many rows.
    let records = prop::collection::vec(keys, 1..4).prop_flat_map(|keys| {
        let record = (0..IDS, prop::sample::select(keys), any::<u32>());
        prop::collection::vec(record, 0..50).prop_map(|records| {
            let mut seen = std::collections::HashSet::new();
            let own = |(id, keys, seed): (u16, Vec<Option<u32>>, u32)| {
                (id, keys.into_iter().map(|key| key.map(|key| key ^ seed)).collect::<Vec<_>>())
            };
            let fresh = |(id, _): &(u16, _)| seen.insert(*id);
            records.into_iter().map(own).filter(fresh).collect::<Vec<_>>()
        })
    });
    let conflict = prop_oneof![
        3 => Just(Conflict::Update),
        1 => (0..60_usize).prop_map(|report_max| Conflict::Ignore { report_max }),
        1 => Just(Conflict::Fail),
    ];
    prop::collection::vec((records, conflict, prop::bool::weighted(0.2)), 1..6)
}

/// A value of a type; the same for the same seed.
fn value(field_type: FieldType, seed: u32) -> Json {
    if seed.is_multiple_of(7) {
        return Json::Null;
    }
    // Few, so that unique fields meet each other now and then.
    let small = seed % 101;
    match field_type {
        FieldType::Integer => {
            json!(i64::from(seed) * if seed.is_multiple_of(2) { -1_294_967_299 } else { 1 })
        }
        FieldType::Decimal => json!(f64::from(small) / 8.0),
        FieldType::Boolean => json!(seed.is_multiple_of(2)),
        FieldType::Timestamp => json!(format!("2024-03-01T10:{:02}:00.5Z", small % 60)),
        FieldType::Date => json!(format!("2024-02-{:02}", 1 + small % 29)),
        FieldType::Uuid => json!(format!("0194fdc2-fa2f-4cc0-81d3-ff12045b{small:04x}")),
        FieldType::Jsonb => json!({ "k": [small, null, "ä"], "empty": {} }),
        FieldType::TextArray => json!(["x\"y", small.to_string(), ""]),
        _ => match seed % 5 {
            0 => json!(""),
            1 => json!("x".repeat(20_000 + small as usize)),
            2 => json!(format!("日本 {small} \u{1f600} '\"\\")),
            _ => json!(small.to_string()),
        },
    }
}

fn model(shape: &Shape) -> Model {
    let named = shape.types.iter().enumerate().map(|(number, (field_type, index))| {
        let mut field = field(&format!("f{number}"), *field_type);
        field.unique = *index == Index::Unique;
        field.index = *index == Index::Plain;
        field
    });
    let more = (0..shape.more).map(|number| field(&format!("more{number}"), FieldType::Text));
    named.chain(more).fold(Model::new(name("things")), Model::with_field)
}

fn line(shape: &Shape, id: u16, keys: &[Option<u32>]) -> String {
    // Not in the order of numbers: ids are compared as texts.
    let mut object = serde_json::Map::from_iter([("id".to_owned(), json!(format!("r{id}")))]);
    for (number, ((field_type, _), seed)) in shape.types.iter().zip(keys).enumerate() {
        if let Some(seed) = seed {
            object.insert(format!("f{number}"), value(*field_type, *seed));
        }
    }
    Json::from(object).to_string()
}

fn run(subject: &impl Subject, shape: &Shape, writes: &[(Records, Conflict, bool)]) {
    let memory = MemoryTenant::default();
    let model = model(shape);
    for (number, (records, conflict, clear)) in writes.iter().enumerate() {
        let lines: Vec<_> = records.iter().map(|(id, keys)| line(shape, *id, keys)).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let batch = batch(&model, &lines);
        let write = |target: &mut dyn reinstate_engine::Target| {
            if number == 0 {
                target.model_create(&model).unwrap();
            }
            let cleared = if *clear { target.records_clear(&model.name).unwrap() } else { 0 };
            let mut outcome = target.records_write(&batch, *conflict).unwrap();
            outcome.refused.sort_by_key(|refused| refused.row);
            (cleared, outcome)
        };
        let run_id = format!("run_{number}");
        assert_eq!(apply(subject, &run_id, write), apply(&memory, &run_id, write));
        assert_eq!(subject.records("things"), Subject::records(&memory, "things"));
    }
    assert_eq!(subject.catalog(), Subject::catalog(&memory));
}

#[test]
fn random_models_are_written_on_sqlite_as_in_memory() {
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&(shape(), writes()), |(shape, writes)| {
            run(&Scratch::new(Backend::Sqlite), &shape, &writes);
            Ok(())
        })
        .unwrap();
}
