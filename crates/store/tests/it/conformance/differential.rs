//! Random runs on a database and in memory side by side: what is answered and what is kept must be the same.

use proptest::prelude::*;
use reinstate_engine::{Conflict, MemoryTenant, Target, WriteOutcome};

use super::{Subject, mark, seed};
use crate::fixtures::{Backend, Scratch, batch, items};

/// One step of a run.
#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(u8, Keys)>, Conflict),
    Clear,
    Commit,
    Drop,
}

/// What a line names besides its id.
#[derive(Debug, Clone)]
struct Keys {
    code: Option<Option<u8>>,
    size: Option<Option<i8>>,
    trashed: bool,
}

fn keys() -> impl Strategy<Value = Keys> {
    let code = prop::option::of(prop::option::weighted(0.8, 0..6_u8));
    let size = prop::option::of(prop::option::of(any::<i8>()));
    (code, size, any::<bool>()).prop_map(|(code, size, trashed)| Keys { code, size, trashed })
}

fn conflict() -> impl Strategy<Value = Conflict> {
    prop_oneof![
        3 => Just(Conflict::Update),
        1 => (0..6_usize).prop_map(|report_max| Conflict::Ignore { report_max }),
        1 => Just(Conflict::Fail),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let rows = prop::collection::btree_map(0..20_u8, keys(), 0..15);
    let rows = rows.prop_map(|rows| rows.into_iter().collect::<Vec<_>>()).prop_shuffle();
    prop_oneof![
        8 => (rows, conflict()).prop_map(|(rows, conflict)| Step::Write(rows, conflict)),
        1 => Just(Step::Clear),
        2 => Just(Step::Commit),
        1 => Just(Step::Drop),
    ]
}

fn line((id, keys): &(u8, Keys)) -> String {
    let mut object = serde_json::Map::from_iter([("id".to_owned(), format!("r{id}").into())]);
    if let Some(code) = keys.code {
        object.insert("code".to_owned(), code.map(|code| format!("c{code}")).into());
    }
    if let Some(size) = keys.size {
        object.insert("size".to_owned(), size.into());
    }
    if keys.trashed {
        object.insert("trashed_at".to_owned(), "2025-01-01".into());
    }
    serde_json::Value::from(object).to_string()
}

fn write(target: &mut dyn Target, rows: &[(u8, Keys)], conflict: Conflict) -> WriteOutcome {
    let lines: Vec<_> = rows.iter().map(line).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let mut outcome = target.records_write(&batch(&items(), &lines), conflict).unwrap();
    outcome.refused.sort_by_key(|refused| refused.row);
    outcome
}

fn run(subject: &impl Subject, steps: &[Step]) {
    let memory = MemoryTenant::default();
    seed(subject, &items(), &[]);
    seed(&memory, &items(), &[]);
    for (number, steps) in steps.split_inclusive(|step| matches!(step, Step::Commit | Step::Drop)).enumerate()
    {
        let run_id = format!("run_{number}");
        let mut left = subject.begin(&run_id).unwrap();
        let mut right = memory.begin(&run_id).unwrap();
        for step in steps {
            match step {
                Step::Write(rows, conflict) => {
                    let outcome = write(left.as_mut(), rows, *conflict);
                    assert_eq!(outcome, write(right.as_mut(), rows, *conflict));
                }
                Step::Clear => {
                    let name = items().name;
                    assert_eq!(left.records_clear(&name).unwrap(), right.records_clear(&name).unwrap());
                }
                Step::Commit | Step::Drop => {}
            }
        }
        if let Some(Step::Commit) = steps.last() {
            left.commit(&mark(&run_id)).unwrap();
            right.commit(&mark(&run_id)).unwrap();
        } else {
            drop((left, right));
        }
        assert_eq!(subject.records("items"), Subject::records(&memory, "items"));
    }
}

/// The same steps with one meaning of conflicts a run, as runs have it. Rows that a run updated look to PostgreSQL
/// like rows that it inserted, which only a run that updates and then ignores could notice.
fn with_one_conflict_a_run(mut steps: Vec<Step>) -> Vec<Step> {
    let mut of_run = None;
    for step in &mut steps {
        match step {
            Step::Write(_, conflict) => *conflict = *of_run.get_or_insert(*conflict),
            Step::Clear => {}
            Step::Commit | Step::Drop => of_run = None,
        }
    }
    steps
}

fn on_random_steps(mut test: impl FnMut(Vec<Step>)) {
    let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
    let test = std::cell::RefCell::new(&mut test);
    proptest::test_runner::TestRunner::new(config)
        .run(&prop::collection::vec(step(), 1..14), |steps| {
            (test.borrow_mut())(steps);
            Ok(())
        })
        .unwrap();
}

mod sqlite {
    use super::*;

    #[test]
    fn random_runs_end_alike_on_the_database_and_in_memory() {
        on_random_steps(|steps| run(&Scratch::new(Backend::Sqlite), &steps));
    }
}

mod postgres {
    use super::*;
    use crate::conformance::on_postgres::Schemas;

    #[test]
    fn random_runs_end_alike_on_the_database_and_in_memory() {
        let schemas = Schemas::new();
        let mut number = 0;
        on_random_steps(|steps| {
            number += 1;
            run(&schemas.another(&format!("case-{number}")), &with_one_conflict_a_run(steps));
        });
    }
}
