//! Copies that stay open from batch to batch: what comes between, before, after and instead of their rows.

use std::ops::Range;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use reinstate_describe::{FieldType, Model};
use reinstate_engine::{Cancellation, Conflict, ConflictRow, RunMark, Stop, Target, TargetError};
use reinstate_store::{RunToken, StoreError, Tenant};

use super::faults::{kill_all, stranger};
use super::runs::{claimed, patient};
use crate::conformance::{Subject, mark, write};
use crate::fixtures::{Backend, CountedIds, NOW, Scratch, batch, field, name, records, root};

/// Rows of a batch that is large enough to begin a copy of its own.
const ROWS: u32 = 100;

fn notes() -> Model {
    let model = Model::new(name("notes")).with_field(field("title", FieldType::Text));
    model.with_field(field("size", FieldType::Integer))
}

fn empty() -> (Scratch, Tenant) {
    let scratch = Scratch::with(Backend::Postgres, patient);
    let tenant = scratch.tenant();
    (scratch, tenant)
}

/// Records with long titles; of every third one the size is not named.
fn lines(ids: Range<u32>) -> Vec<String> {
    let title = "long ".repeat(500);
    let line = |id: u32| match id % 3 {
        0 => format!(r#"{{"id":"r{id:06}","title":"{title}"}}"#),
        _ => format!(r#"{{"id":"r{id:06}","title":"{title}","size":{id}}}"#),
    };
    ids.map(line).collect()
}

fn put(target: &mut dyn Target, ids: Range<u32>, conflict: Conflict) -> reinstate_engine::WriteOutcome {
    let lines = lines(ids);
    write(target, &notes(), &lines.iter().map(String::as_str).collect::<Vec<_>>(), conflict)
}

fn try_put(target: &mut dyn Target, ids: Range<u32>) -> Result<(), TargetError> {
    let lines = lines(ids);
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    target.records_write(&batch(&notes(), &lines), Conflict::Fail).map(drop)
}

/// A run in the middle of a copy that two batches went into.
fn copying(tenant: &Tenant, cancellation: &Cancellation) -> Box<dyn Target> {
    let mut target = tenant.target(RunToken { run_id: "run_1", fence: 1 }, cancellation).unwrap();
    target.model_create(&notes()).unwrap();
    for number in 0..2 {
        put(target.as_mut(), number * ROWS..(number + 1) * ROWS, Conflict::Fail);
    }
    target
}

/// Writes and asks until the server says no, and hands out the answer.
fn until_refused(target: &mut dyn Target) -> TargetError {
    let deadline = Instant::now() + Duration::from_secs(30);
    for number in 2.. {
        assert!(Instant::now() < deadline, "nobody said no");
        let written = try_put(target, number * ROWS..(number + 1) * ROWS);
        if let Err(error) = written.and_then(|()| target.model_has_records(&notes().name)) {
            return error;
        }
    }
    unreachable!()
}

fn count(tenant: &Tenant) -> usize {
    records(tenant, "notes").len()
}

#[test]
fn batches_of_one_copy_end_as_their_records() {
    let (_scratch, tenant) = empty();
    let mut target = copying(&tenant, &Cancellation::default());
    put(target.as_mut(), 2 * ROWS..2 * ROWS + 1, Conflict::Update);
    put(target.as_mut(), 0..0, Conflict::Update);
    target.records_end(&notes().name).unwrap();
    target.commit(&mark("run_1")).unwrap();
    let found = Subject::records(&tenant, "notes");
    assert_eq!(found.len(), 2 * ROWS as usize + 1);
    for (id, record) in (0..).zip(found) {
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["id"], format!("r{id:06}"));
        assert_eq!(record["size"].as_u64(), (id % 3 != 0).then_some(id));
    }
}

#[test]
fn rows_beyond_what_one_copy_takes_go_into_a_second_one() {
    let (_scratch, tenant) = empty();
    let fields = (0..260).map(|number| field(&format!("f{number}"), FieldType::Text));
    let model = fields.fold(Model::new(name("wide")), Model::with_field);
    let mut target = Subject::begin(&tenant, "run_1").unwrap();
    target.model_create(&model).unwrap();
    // A copy of so many columns ends after 4 MiB.
    let title = "long ".repeat(2_000);
    for number in 0..12 {
        let line = |row: u32| format!(r#"{{"id":"r{:04}","f7":"{title}"}}"#, 50 * number + row);
        let lines: Vec<_> = (0..50).map(line).collect();
        write(target.as_mut(), &model, &lines.iter().map(String::as_str).collect::<Vec<_>>(), Conflict::Fail);
    }
    target.records_end(&model.name).unwrap();
    target.commit(&mark("run_1")).unwrap();
    let ids = records(&tenant, "wide").into_iter().map(|record| {
        serde_json::from_str::<serde_json::Value>(&record).unwrap()["id"].as_str().unwrap().to_owned()
    });
    assert!(ids.eq((0..600).map(|number| format!("r{number:04}"))));
}

#[test]
fn model_without_rows_and_models_of_one_row_need_no_copy_of_their_own() {
    let (_scratch, tenant) = empty();
    let mut target = Subject::begin(&tenant, "run_1").unwrap();
    for number in 0..3 {
        let model = Model { name: name(&format!("notes_{number}")), ..notes() };
        target.model_create(&model).unwrap();
        let line = [r#"{"id":"a","size":1}"#];
        write(target.as_mut(), &model, &line[..number.min(1)], Conflict::Fail);
        target.records_end(&model.name).unwrap();
    }
    target.commit(&mark("run_1")).unwrap();
    let counts = [0, 1, 2].map(|number| records(&tenant, &format!("notes_{number}")).len());
    assert_eq!(counts, [0, 1, 1]);
}

#[test]
fn definitions_and_questions_in_the_middle_of_a_copy_end_it_and_another_begins() {
    let (_scratch, tenant) = empty();
    let mut target = copying(&tenant, &Cancellation::default());
    assert!(target.model_has_records(&notes().name).unwrap());
    put(target.as_mut(), 2 * ROWS..3 * ROWS, Conflict::Fail);
    let other = Model { name: name("others"), ..notes() };
    target.model_create(&other).unwrap();
    write(target.as_mut(), &other, &[r#"{"id":"a"}"#], Conflict::Fail);
    put(target.as_mut(), 3 * ROWS..4 * ROWS, Conflict::Fail);
    target.fields_add(&notes().name, &[field("more", FieldType::Text)]).unwrap();
    put(target.as_mut(), 4 * ROWS..5 * ROWS, Conflict::Fail);
    assert_eq!(target.records_clear(&other.name).unwrap(), 1);
    put(target.as_mut(), 5 * ROWS..6 * ROWS, Conflict::Fail);
    target.commit(&mark("run_1")).unwrap();
    assert_eq!((count(&tenant), records(&tenant, "others").len()), (6 * ROWS as usize, 0));
}

#[test]
fn id_of_an_earlier_batch_of_the_copy_is_met_by_the_row_that_the_run_wrote() {
    let (_scratch, tenant) = empty();
    let mut target = copying(&tenant, &Cancellation::default());
    let again = put(target.as_mut(), 2 * ROWS - 1..3 * ROWS, Conflict::Fail);
    assert_eq!((again.inserted, again.skipped), (u64::from(ROWS), 1));
    assert_eq!(again.conflicts, [ConflictRow { row: 0, existed_before: false }]);
    let again = put(target.as_mut(), 0..ROWS, Conflict::Update);
    assert_eq!((again.inserted, again.updated), (0, u64::from(ROWS)));
    target.commit(&mark("run_1")).unwrap();
    assert_eq!(count(&tenant), 3 * ROWS as usize);
}

#[test]
fn run_that_is_dropped_in_the_middle_of_a_copy_leaves_nothing_and_its_place() {
    let (_scratch, tenant) = empty();
    let before = tenant.dump().unwrap();
    drop(copying(&tenant, &Cancellation::default()));
    assert_eq!(tenant.dump().unwrap(), before);
    let target = copying(&tenant, &Cancellation::default());
    target.commit(&mark("run_1")).unwrap();
    assert_eq!(count(&tenant), 2 * ROWS as usize);
}

#[test]
fn cancel_in_the_middle_of_a_copy_stops_the_run() {
    let (_scratch, tenant) = empty();
    let before = tenant.dump().unwrap();
    let cancellation = Cancellation::default();
    let mut target = copying(&tenant, &cancellation);
    cancellation.stop(Stop::Cancelled);
    let told = until_refused(target.as_mut());
    assert!(matches!(told, TargetError::Stopped), "{told:?}");
    drop(target);
    assert_eq!(tenant.dump().unwrap(), before);
}

#[test]
fn connection_that_dies_in_the_middle_of_a_copy_makes_the_run_unavailable() {
    let (scratch, tenant) = empty();
    let before = tenant.dump().unwrap();
    let mut target = copying(&tenant, &Cancellation::default());
    kill_all(&scratch);
    let told = until_refused(target.as_mut());
    assert!(matches!(told, TargetError::Unavailable { .. }), "{told:?}");
    drop(target);
    assert_eq!(tenant.dump().unwrap(), before);
}

#[test]
fn worker_that_lost_its_run_in_the_middle_of_a_copy_is_removed_by_the_next() {
    let (scratch, tenant) = empty();
    claimed(&scratch, 1);
    let mut stale = copying(&tenant, &Cancellation::default());
    claimed(&scratch, 2);
    let next = tenant.target(RunToken { run_id: "run_1", fence: 2 }, &Cancellation::default()).unwrap();
    let told = until_refused(stale.as_mut());
    assert!(matches!(told, TargetError::Unavailable { .. }), "{told:?}");
    next.commit(&RunMark { fence: 2, ..mark("run_1") }).unwrap();
}

#[test]
fn model_that_is_there_and_empty_is_filled_straight_while_its_writers_wait() {
    let scratch = Scratch::with(Backend::Postgres, |settings| settings.busy_timeout_ms = 300);
    let tenant = scratch.tenant();
    let other = Model { name: name("others"), ..notes() };
    tenant.model_create(&notes()).unwrap();
    tenant.model_create(&other).unwrap();
    let create = |model: &str| {
        let body = [r#"{"id":"r000001","size":7}"#];
        tenant.records_create(&root(), model, &body, false, NOW, &CountedIds::default())
    };
    let mut target = Subject::begin(&tenant, "run_1").unwrap();
    put(target.as_mut(), 0..ROWS, Conflict::Update);
    put(target.as_mut(), ROWS..2 * ROWS, Conflict::Update);
    let met = create("notes");
    assert!(matches!(met, Err(StoreError::Unavailable { .. })), "{met:?}");
    create("others").unwrap();
    assert_eq!(count(&tenant), 0);
    let again = put(target.as_mut(), ROWS..3 * ROWS, Conflict::Update);
    assert_eq!((again.inserted, again.updated), (u64::from(ROWS), u64::from(ROWS)));
    target.commit(&mark("run_1")).unwrap();
    assert_eq!(count(&tenant), 3 * ROWS as usize);
    let met = create("notes");
    assert!(matches!(met, Err(StoreError::Conflict { .. })), "{met:?}");
}

#[test]
fn model_that_is_empty_while_somebody_writes_to_it_keeps_the_records_of_both() {
    let (scratch, tenant) = empty();
    tenant.model_create(&notes()).unwrap();
    let insert = r#"INSERT INTO "notes" ("id", "created_at", "updated_at") VALUES ('other', now(), now())"#;
    let mut other = stranger(&scratch, insert);
    let mut target = Subject::begin(&tenant, "run_1").unwrap();
    put(target.as_mut(), 0..ROWS, Conflict::Update);
    other.batch_execute("COMMIT").unwrap();
    let met = write(target.as_mut(), &notes(), &[r#"{"id":"other","size":1}"#], Conflict::Fail);
    assert_eq!(met.conflicts, [ConflictRow { row: 0, existed_before: true }]);
    target.commit(&mark("run_1")).unwrap();
    assert_eq!(count(&tenant), ROWS as usize + 1);
}

#[test]
fn row_too_large_for_a_page_refuses_the_run_and_names_its_lines() {
    let (_scratch, tenant) = empty();
    let names: Vec<_> = (0..1_500).map(|number| format!("f{number}")).collect();
    let wide = Model::new(name("wide"));
    let wide = names.iter().fold(wide, |model, of| model.with_field(field(of, FieldType::Integer)));
    let full = |id: u32| {
        let values = names.iter().map(|name| format!(r#","{name}":1234567890123"#)).collect::<String>();
        format!(r#"{{"id":"r{id}"{values}}}"#)
    };
    let mut target = Subject::begin(&tenant, "run_1").unwrap();
    target.model_create(&wide).unwrap();
    let lines: Vec<_> = (0..12).map(full).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    let written = target.records_write(&batch(&wide, &lines), Conflict::Fail);
    let ended = written.and_then(|_| target.records_end(&wide.name));
    let Err(TargetError::Refused { message }) = &ended else { panic!("{ended:?}") };
    assert!(message.contains("model 'wide' in lines 1 to 12"), "{message}");
}
