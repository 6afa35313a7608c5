//! Sizes at which a database takes another way: just below, at and above each of them it must leave what the plain
//! reference leaves.

use reinstate_describe::{Field, FieldType, Model};
use reinstate_engine::{Conflict, MemoryTenant, Target, WriteOutcome};

use super::apply;
use crate::fixtures::{Backend, Scratch, batch, field, name, on_both, unique};

/// Every meaning of a conflict.
const CONFLICTS: [Conflict; 4] = [
    Conflict::Update,
    Conflict::Ignore { report_max: 0 },
    Conflict::Ignore { report_max: 7 },
    Conflict::Fail,
];

/// Rows from which PostgreSQL copies, rows of its greatest statement, rows of a full batch, each with its neighbours.
const COUNTS: [usize; 8] = [0, 1, 19, 20, 21, 500, 501, 2_048];

/// More ids than are remembered by whole hashes.
const IDS_SCATTERED: usize = 66_000;

/// Writes batches of lines, in one run.
fn write(
    target: &mut dyn Target,
    model: &Model,
    batches: &[Vec<String>],
    conflict: Conflict,
) -> Vec<WriteOutcome> {
    let write = |lines: &Vec<String>| {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let mut outcome = target.records_write(&batch(model, &lines), conflict).unwrap();
        outcome.refused.sort_by_key(|refused| refused.row);
        outcome
    };
    batches.iter().map(write).collect()
}

/// A database and the reference, which the same is done to.
struct Pair {
    scratch: Scratch,
    memory: MemoryTenant,
    runs: usize,
}

impl Pair {
    fn new(backend: Backend) -> Self {
        Self { scratch: Scratch::new(backend), memory: MemoryTenant::default(), runs: 0 }
    }

    /// Does something to both as one run. What is answered and what is kept must be the same.
    fn apply<T: PartialEq + std::fmt::Debug>(
        &mut self,
        model: &Model,
        work: impl Fn(&mut dyn Target) -> T,
    ) -> T {
        self.runs += 1;
        let run_id = format!("run_{}", self.runs);
        let answer = apply(&self.scratch, &run_id, &work);
        assert_eq!(answer, apply(&self.memory, &run_id, &work), "{run_id}");
        let kept = crate::fixtures::records(&self.scratch.tenant(), model.name.as_str());
        let expected = self.memory.records(model.name.as_str());
        assert!(kept.iter().eq(expected.iter().take(kept.len())), "{run_id}");
        assert_eq!(kept.len(), expected.len().min(10_000), "{run_id}");
        answer
    }
}

fn model(fields: impl IntoIterator<Item = Field>) -> Model {
    fields.into_iter().fold(Model::new(name("things")), Model::with_field)
}

fn indexed(mut field: Field) -> Field {
    field.index = true;
    field
}

fn counts_around_every_threshold(backend: Backend) {
    for is_unique in [false, true] {
        let code = field("code", FieldType::Text);
        let code = if is_unique { unique(code) } else { indexed(code) };
        for conflict in CONFLICTS {
            let mut pair = Pair::new(backend);
            // Two thirds of the ids are new to the next run.
            for (number, count) in COUNTS.into_iter().enumerate() {
                let model = Model { name: name(&format!("things{number}")), ..model([code.clone()]) };
                let lines = |from: usize| -> Vec<String> {
                    let ids = from..from + count;
                    ids.map(|id| format!("{{\"id\":\"{id}\",\"code\":\"c{id}\"}}")).collect()
                };
                pair.apply(&model, |target| {
                    target.model_create(&model).unwrap();
                    write(target, &model, &[lines(0), lines(count)], conflict)
                });
                pair.apply(&model, |target| {
                    write(target, &model, &[lines(count / 3), lines(count * 2)], conflict)
                });
            }
        }
    }
}

/// More sets of keys than statements are kept prepared, in one batch.
fn many_sets_of_keys(backend: Backend) {
    let model = model((0..45).map(|number| field(&format!("f{number}"), FieldType::Integer)));
    let lines = |value: u32| -> Vec<String> {
        let line = |id: u32| {
            format!("{{\"id\":\"r{}\",\"f{}\":{value},\"f{}\":null}}", id * 7 % 180, id % 45, id % 4 + 1)
        };
        (0..180).filter(|id| id % 45 != id % 4 + 1).map(line).collect()
    };
    let mut pair = Pair::new(backend);
    pair.apply(&model, |target| {
        target.model_create(&model).unwrap();
        write(target, &model, &[lines(1), lines(2)], Conflict::Update)
    });
    pair.apply(&model, |target| write(target, &model, &[lines(3), lines(4)], Conflict::Update));
}

/// So many columns that a statement has no room for all rows.
fn many_columns(backend: Backend) {
    let model = model((0..400).map(|number| field(&format!("f{number}"), FieldType::Integer)));
    let lines = |rows: std::ops::Range<u32>, odd: bool| -> Vec<String> {
        let line = |id: u32| {
            let values = (0..400).filter(|number| !odd || number % 2 == 1);
            let values: Vec<_> =
                values.map(|number| format!("\"f{number}\":{}", id * 400 + number)).collect();
            format!("{{\"id\":\"{id}\",{}}}", values.join(","))
        };
        rows.map(line).collect()
    };
    let mut pair = Pair::new(backend);
    pair.apply(&model, |target| {
        target.model_create(&model).unwrap();
        write(target, &model, &[lines(0..100, false), lines(90..190, true)], Conflict::Update)
    });
    pair.apply(&model, |target| write(target, &model, &[lines(150..165, false)], Conflict::Update));
}

/// A model of nothing but its system columns.
fn no_fields(backend: Backend) {
    let model = model([]);
    let lines = |ids: std::ops::Range<u32>| ids.map(|id| format!("{{\"id\":\"{id}\"}}")).collect::<Vec<_>>();
    let mut pair = Pair::new(backend);
    for conflict in CONFLICTS {
        pair.apply(&model, |target| {
            if target.catalog().unwrap().is_empty() {
                target.model_create(&model).unwrap();
            }
            write(target, &model, &[lines(0..0), lines(0..40), lines(39..70)], conflict)
        });
    }
}

/// Texts without a byte and of a megabyte, beside each other.
fn short_and_long_texts(backend: Backend) {
    let model = model([field("words", FieldType::Text), field("list", FieldType::TextArray)]);
    let text = |bytes: usize| "ü".repeat(bytes / 2);
    let lines = |bytes: [usize; 3]| -> Vec<String> {
        let line = |(id, bytes): (usize, usize)| {
            format!("{{\"id\":\"{id}\",\"words\":\"{}\",\"list\":[\"\",\"{}\"]}}", text(bytes), text(bytes))
        };
        (0..30).map(|id| line((id, bytes.get(id % 10).copied().unwrap_or(0)))).collect()
    };
    let mut pair = Pair::new(backend);
    pair.apply(&model, |target| {
        target.model_create(&model).unwrap();
        write(target, &model, &[lines([0, 1 << 20, 2])], Conflict::Fail)
    });
    pair.apply(&model, |target| write(target, &model, &[lines([1 << 20, 0, 0])], Conflict::Update));
}

/// Values as long as an index surely takes, and a little longer, in models that are filled without their keys.
fn values_as_long_as_an_index_takes(backend: Backend) {
    let words = unique(field("words", FieldType::Text));
    let list = indexed(field("list", FieldType::TextArray));
    let model = model([words, list]);
    let line = |id: usize, words: usize, list: usize| {
        format!("{{\"id\":\"{id}\",\"words\":\"{id:0>words$}\",\"list\":[\"{}\"]}}", "l".repeat(list))
    };
    // As JSON the list has four characters more.
    let sizes = [(10, 10), (1_999, 295), (2_000, 296), (2_001, 296), (10, 297), (2_100, 400)];
    let lines = |from: usize| -> Vec<String> {
        (0..60)
            .map(|id| (from + id, sizes[id / 10]))
            .map(|(id, (words, list))| line(id, words, list))
            .collect()
    };
    let twice = vec![line(900, 2_000, 5), line(901, 5, 5).replace("00901", &format!("{:0>2000}", 900))];
    let mut pair = Pair::new(backend);
    pair.apply(&model, |target| {
        target.model_create(&model).unwrap();
        write(target, &model, &[lines(0), lines(60), twice.clone()], Conflict::Fail)
    });
    pair.apply(&model, |target| {
        let cleared = target.records_clear(&model.name).unwrap();
        (cleared, write(target, &model, &[twice.clone(), lines(30)], Conflict::Update))
    });
}

/// So many ids in no order that they are remembered by less than their hashes; then some come again.
fn ids_in_no_order(backend: Backend) {
    let model = model([]);
    let line = |place: usize| format!("{{\"id\":\"{:x}\"}}", place * 40_507 % IDS_SCATTERED);
    let mut batches: Vec<Vec<String>> = (0..IDS_SCATTERED)
        .collect::<Vec<_>>()
        .chunks(2_000)
        .map(|places| places.iter().map(|place| line(*place)).collect())
        .collect();
    batches.push([5, 64_999, 70, IDS_SCATTERED - 1].map(line).to_vec());
    let mut pair = Pair::new(backend);
    let outcomes = pair.apply(&model, |target| {
        target.model_create(&model).unwrap();
        write(target, &model, &batches, Conflict::Fail)
    });
    assert_eq!(outcomes.iter().map(|outcome| outcome.inserted).sum::<u64>(), IDS_SCATTERED as u64);
    assert_eq!(outcomes.last().map(|outcome| outcome.skipped), Some(4));
}

on_both! {
    counts_around_every_threshold,
    many_sets_of_keys,
    many_columns,
    no_fields,
    short_and_long_texts,
    values_as_long_as_an_index_takes,
    ids_in_no_order,
}
