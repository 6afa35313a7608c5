//! Tables that are filled straight, mostly before they get their keys, beside a table that others may write to: what
//! is answered and what is left must be the same.

use proptest::prelude::*;
use reinstate_describe::{Field, FieldType, Model};
use reinstate_engine::{Conflict, ConflictRow, Target};
use reinstate_store::{Store, Tenant};

use crate::conformance::{Subject, mark, seed, write};
use crate::fixtures::{Backend, Scratch, field, name, tenant_of, unique};

/// How the table comes to be empty; one that was so before has its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Created,
    Emptied,
    Empty,
}

/// The record because of which a table is not empty.
const OTHER: &str = r#"{"id":"zz-other"}"#;

/// One record: the number of its id, and its values.
type Row = (u16, Values);

/// The number of a code, a size, where the record has them, and whether it has a long value.
type Values = (Option<Option<u8>>, Option<i8>, bool);

#[derive(Debug, Clone)]
pub(crate) struct Case {
    way: Way,
    conflict: Conflict,
    model: Model,
    batches: Vec<Vec<Row>>,
    /// After which batch the model's rows are said to end.
    ends_after: usize,
}

fn model() -> impl Strategy<Value = Model> {
    let kinds = prop::collection::vec((any::<bool>(), any::<bool>()), 4);
    kinds.prop_map(|kinds| {
        let types = [FieldType::Text, FieldType::Integer, FieldType::Decimal, FieldType::TextArray];
        let names = ["code", "size", "price", "tags"];
        names.into_iter().zip(types).zip(kinds).fold(Model::new(name("items")), |model, ((of, kind), is)| {
            let unique = is.0 && of != "size" && (of != "tags" || is.1);
            model.with_field(Field { unique, index: is.1, ..field(of, kind) })
        })
    })
}

fn batches() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let code = prop::option::of(prop::option::weighted(0.9, any::<u8>()));
    let row = (code, prop::option::of(any::<i8>()), prop::bool::weighted(0.02));
    // Many ids of few, or few of many: some cases have ids twice, and some have none.
    let batch = |ids| prop::collection::btree_map(0..ids, row.clone(), 1..60);
    let shuffled = |ids| prop::collection::vec(batch(ids).prop_map(Vec::from_iter).prop_shuffle(), 1..6);
    let ascending = prop::collection::vec(batch(200_u16), 1..6).prop_map(|batches| {
        let apart = |(number, batch): (u16, std::collections::BTreeMap<u16, Values>)| {
            batch.into_iter().map(|(id, values)| (id + number * 200, values)).collect()
        };
        (0..).zip(batches).map(apart).collect()
    });
    prop_oneof![shuffled(90_u16), shuffled(60_000_u16), ascending]
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let conflict = prop_oneof![
        Just(Conflict::Update),
        (0..40_usize).prop_map(|report_max| Conflict::Ignore { report_max }),
        Just(Conflict::Fail),
    ];
    let way = prop_oneof![Just(Way::Created), Just(Way::Emptied), Just(Way::Empty)];
    (way, conflict, model(), batches(), 0..8_usize).prop_map(|(way, conflict, model, batches, ends_after)| {
        Case { way, conflict, model, batches, ends_after }
    })
}

fn line((id, (code, size, long)): &Row) -> String {
    let mut object = serde_json::Map::from_iter([("id".to_owned(), format!("r{id}").into())]);
    if let Some(code) = code {
        object.insert("code".to_owned(), code.map(|code| format!("c{code}")).into());
        object.insert("price".to_owned(), code.map(|code| f64::from(code) / 4.0).into());
    }
    if let Some(size) = size {
        object.insert("size".to_owned(), (*size).into());
        // Longer than what is sure to fit into an index, and yet it does.
        let tag = if *long { "x".repeat(2_100) } else { "x".to_owned() };
        object.insert("tags".to_owned(), vec![format!("{id}{tag}")].into());
    }
    serde_json::Value::from(object).to_string()
}

/// The table of the model with its constraints and indexes, and its records.
fn state(tenant: &Tenant, id: &str) -> Vec<String> {
    let dump = tenant.dump().unwrap().replace(&format!("t_{id}"), "SCHEMA");
    let of_model = |line: &&str| line.contains("items");
    let schema = dump.lines().take_while(|line| !line.starts_with("== ")).filter(of_model);
    let records = Subject::records(tenant, "items");
    let records = records.into_iter().filter(|record| !record.contains("zz-other"));
    schema.map(str::to_owned).chain(records).collect()
}

pub(crate) fn run(store: &Store, number: u32, case: &Case) {
    let (late_id, ready_id) = (format!("late-{number}"), format!("ready-{number}"));
    let (late, ready) = (tenant_of(store, &late_id), tenant_of(store, &ready_id));
    seed(&ready, &case.model, &[OTHER]);
    match case.way {
        Way::Created => {}
        Way::Emptied => seed(&late, &case.model, &[r#"{"id":"old"}"#, r#"{"id":"r1"}"#]),
        Way::Empty => seed(&late, &case.model, &[]),
    }
    let mut left = Subject::begin(&late, "run_1").unwrap();
    let mut right = Subject::begin(&ready, "run_1").unwrap();
    match case.way {
        Way::Created => left.model_create(&case.model).unwrap(),
        Way::Emptied => assert_eq!(left.records_clear(&case.model.name).unwrap(), 2),
        Way::Empty => {}
    }
    for (number, rows) in case.batches.iter().enumerate() {
        assert_eq!(written(left.as_mut(), case, rows), written(right.as_mut(), case, rows), "batch {number}");
        if number == case.ends_after {
            left.records_end(&case.model.name).unwrap();
        }
    }
    left.commit(&mark("run_1")).unwrap();
    right.commit(&mark("run_1")).unwrap();
    let state_of_late = state(&late, &late_id);
    assert!(state_of_late.iter().any(|line| line.contains("PRIMARY KEY")));
    assert_eq!(state_of_late, state(&ready, &ready_id));
}

fn written(target: &mut dyn Target, case: &Case, rows: &[Row]) -> reinstate_engine::WriteOutcome {
    let lines: Vec<_> = rows.iter().map(line).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    write(target, &case.model, &lines, case.conflict)
}

#[test]
fn tables_filled_before_their_keys_end_as_those_filled_after() {
    let scratch = Scratch::with(Backend::Postgres, super::runs::patient);
    let config = ProptestConfig { cases: 36, failure_persistence: None, ..ProptestConfig::default() };
    let mut number = 0;
    let number = std::cell::RefCell::new(&mut number);
    proptest::test_runner::TestRunner::new(config)
        .run(&case(), |case| {
            **number.borrow_mut() += 1;
            run(&scratch.store, **number.borrow(), &case);
            Ok(())
        })
        .unwrap();
}

#[test]
fn id_that_comes_again_after_many_is_met_by_the_row_that_the_run_wrote() {
    let scratch = Scratch::with(Backend::Postgres, super::runs::patient);
    let tenant = scratch.tenant();
    let model = Model::new(name("items")).with_field(unique(field("code", FieldType::Integer)));
    let mut target = Subject::begin(&tenant, "run_1").unwrap();
    target.model_create(&model).unwrap();
    let lines = |ids: std::ops::Range<u32>| -> Vec<String> {
        ids.map(|id| format!(r#"{{"id":"{id}","code":{id}}}"#)).collect()
    };
    let put = |target: &mut dyn Target, lines: Vec<String>| {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        write(target, &model, &lines, Conflict::Fail)
    };
    assert_eq!(put(target.as_mut(), lines(0..900)).inserted, 900);
    assert_eq!(put(target.as_mut(), lines(900..1_700)).inserted, 800);
    let again = put(target.as_mut(), lines(1_699..1_730));
    assert_eq!((again.inserted, again.skipped), (30, 1));
    assert_eq!(again.conflicts, [ConflictRow { row: 0, existed_before: false }]);
    let refused = put(target.as_mut(), vec![r#"{"id":"new","code":5}"#.to_owned()]).refused;
    assert_eq!(refused.first().map(|refused| refused.field.to_string()).as_deref(), Some("code"));
    target.commit(&mark("run_1")).unwrap();
    assert_eq!(Subject::records(&tenant, "items").len(), 1_730);
}
