//! Archives in a bucket: taken in, restored, extracted, handed out and tidied up; and what becomes of runs when the bucket
//! fails.

use std::time::{Duration, Instant, SystemTime};

use reinstate_engine::Clock;
use reinstate_jobs::{JobsError, StorageFault, SystemClock};
use reinstate_store::Store;
use reinstate_store::control::{Requeue, RunStatus};
use reinstate_test_s3::{Fault, S3Server};
use serde_json::json;

use super::BACKEND;
use crate::harness::*;
use crate::lost_worker::*;

/// The object by which a bucket tells whose it is.
const MARKER: &str = "reinstate-installation";

/// A server, and a house without workers with its archives there and one import queued.
fn idle_house_with_import() -> (S3Server, House, String) {
    let server = S3Server::start();
    let house = House::in_bucket(BACKEND, &server, |settings| settings.workers = 0);
    let run_id = house.import("acme", &notes(&lines(0, 10))).run_id;
    (server, house, run_id)
}

fn wait_until(what: &str, is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn archives(server: &S3Server) -> Vec<String> {
    server.keys().into_iter().filter(|key| key != MARKER).collect()
}

/// Puts the run back as often as the storage may be away, and says how often it was claimed.
fn postpone(store: &Store, times: usize) {
    for _ in 0..times {
        let run = take_and_die(store).run;
        let back = Requeue { not_before: 0, nothing_applied: true };
        assert!(store.control.run_requeue(&run.id, run.fence, back, SystemClock.now_micros()).unwrap());
    }
}

#[test]
fn an_import_goes_through_the_bucket_and_nothing_stays_on_the_machine() {
    let server = S3Server::start();
    let house = House::in_bucket(BACKEND, &server, |_| {});
    let imported = house.import("acme", &notes(&lines(0, 1_000)));
    let run = house.completed("acme", &imported.run_id);
    assert_eq!(run.counters.records_imported, 1_000);
    assert_eq!(archives(&server), [run.source_ref.unwrap()]);
    assert_eq!(house.files(), Vec::<String>::new());
}

#[test]
fn an_upload_is_named_by_its_key_and_by_nothing_of_the_machine() {
    let server = S3Server::start();
    let house = House::in_bucket(BACKEND, &server, |_| {});
    let stored = house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    let path = server.file(&stored.source_ref).display().to_string();
    let create = |source_ref: &str| {
        let body = json!({"name": "n", "source_type": "upload", "source_ref": source_ref});
        house.jobs.restores_create(&tenant_id("acme"), &full(), &[body])
    };
    assert!(create(&stored.source_ref).is_ok());
    for other in [path, format!("/{}", stored.source_ref), format!("s3://archives/{}", stored.source_ref)] {
        assert!(matches!(create(&other), Err(JobsError::BadRequest { .. })), "{other}");
    }
}

#[test]
fn what_is_no_archive_is_refused_and_leaves_the_bucket() {
    let server = S3Server::start();
    let house = House::in_bucket(BACKEND, &server, |_| {});
    assert!(matches!(house.upload("acme", b"no archive"), Err(JobsError::ArchiveRefused(_))));
    wait_until("the object stays", || archives(&server).is_empty());
}

#[test]
fn an_extract_is_written_to_the_bucket_and_read_from_it() {
    let server = S3Server::start();
    let house = House::in_bucket(BACKEND, &server, |_| {});
    house.completed("acme", &house.import("acme", &notes(&lines(0, 1_000))).run_id);
    let run = house.extracted("acme", &house.extract("acme", json!({})));
    assert!(archives(&server).contains(&run.object_key.clone().unwrap()));
    let bytes = house.archive("acme", &run.id);
    let file = house.jobs.extract_download(&tenant_id("acme"), &full(), &run.id).unwrap();
    assert_eq!(house.bytes(&file, 10..20), bytes[10..20]);
    let imported = house.import("globex", &bytes);
    assert_eq!(house.completed("globex", &imported.run_id).counters.records_imported, 1_000);
}

#[test]
fn a_bucket_that_refuses_the_credentials_fails_the_run_at_once_and_a_later_run_works() {
    let (server, house, run_id) = idle_house_with_import();
    let before = house.dump("acme");
    server.fail(Fault::Denied);
    let house = with_workers(house, |_| {});
    let run = house.ended("acme", &run_id);
    assert_eq!(house.dump("acme"), before);
    assert_eq!((run.status, run.attempt, run.fence), (RunStatus::Failed, 1, 1));
    let (error, detail) = (run.error.unwrap(), run.error_detail.unwrap());
    assert!(error.contains("credentials") && error.contains("Nothing was applied"), "{error}");
    assert!(detail.starts_with("code: STORAGE_DENIED\n"), "{detail}");
    assert!(!detail.contains("127.0.0.1") && !detail.contains("archives/"), "{detail}");

    server.recover();
    let again = house.jobs.restore_run(&tenant_id("acme"), &full(), &run.restore_id).unwrap();
    assert_eq!(house.completed("acme", &again).counters.records_imported, 10);
}

#[test]
fn a_run_waits_for_a_bucket_that_is_away_and_completes_when_it_is_back() {
    let (server, house, run_id) = idle_house_with_import();
    server.fail(Fault::Unavailable);
    let house = with_workers(house, |_| {});
    house.wait("acme", &run_id, |run| run.status == RunStatus::Queued && run.fence > 0);
    server.recover();
    let run = house.completed("acme", &run_id);
    assert_eq!((run.attempt, run.counters.records_imported), (1, 10));
    let logs = house.logs("acme", &run_id);
    assert!(logs.iter().any(|log| log["message"].as_str().unwrap().contains("did not answer")), "{logs:#?}");
}

#[test]
fn a_run_whose_bucket_stays_away_fails_and_a_later_run_works() {
    let (server, house, run_id) = idle_house_with_import();
    server.fail(Fault::Unavailable);
    let house = with_workers(house, |store| postpone(store, 5));
    let run = house.ended("acme", &run_id);
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.error.unwrap().contains("did not answer"));
    assert!(run.error_detail.unwrap().starts_with("code: STORAGE_UNAVAILABLE\n"));

    server.recover();
    let again = house.jobs.restore_run(&tenant_id("acme"), &full(), &run.restore_id).unwrap();
    assert_eq!(house.completed("acme", &again).counters.records_imported, 10);
}

#[test]
fn a_run_that_waits_for_a_silent_bucket_follows_a_cancel() {
    let (server, house, run_id) = idle_house_with_import();
    server.fail(Fault::Silent);
    let house = with_workers(house, |_| {});
    let run = house.wait("acme", &run_id, |run| run.status == RunStatus::Running);
    let asked = Instant::now();
    house.jobs.restore_cancel(&tenant_id("acme"), &full(), &run.restore_id).unwrap();
    assert_eq!(house.run("acme", &run_id).status, RunStatus::Cancelled, "the answer does not wait");
    assert!(asked.elapsed() < Duration::from_secs(1), "the bucket may be silent for longer");
    assert_eq!(house.ended("acme", &run_id).status, RunStatus::Cancelled);
    // The end of the house need not wait for what else asked the bucket.
    server.recover();
}

#[test]
fn an_extract_into_a_bucket_that_refuses_it_fails_at_once_and_a_later_one_works() {
    let server = S3Server::start();
    let house = House::in_bucket(BACKEND, &server, |_| {});
    house.completed("acme", &house.import("acme", &notes(&lines(0, 10))).run_id);
    let id = house.extract_configuration("acme", json!({}));
    server.fail(Fault::Denied);
    let run_id = house.jobs.extract_run(&tenant_id("acme"), &full(), &id).unwrap();
    let run = house.extract_ended("acme", &run_id);
    assert_eq!((run.status, run.attempt, run.object_key), (RunStatus::Failed, 1, None));
    assert!(run.error_detail.unwrap().starts_with("code: STORAGE_DENIED\n"));
    server.recover();
    let run_id = house.jobs.extract_run(&tenant_id("acme"), &full(), &id).unwrap();
    house.extracted("acme", &run_id);
}

#[test]
fn an_upload_into_a_bucket_that_is_away_is_refused_as_such() {
    let server = S3Server::start();
    let house = House::in_bucket(BACKEND, &server, |_| {});
    server.fail(Fault::Unavailable);
    let refused = house.upload("acme", &notes(&lines(0, 1))).unwrap_err();
    assert!(matches!(refused, JobsError::Storage { kind: StorageFault::Unavailable, .. }), "{refused:?}");
    server.recover();
    house.completed("acme", &house.import("acme", &notes(&lines(0, 1))).run_id);
}

/// Puts an object there that no row knows of.
fn leave(server: &S3Server, key: &str, age: Duration) {
    let file = server.file(key);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, b"left over").unwrap();
    let then = SystemTime::now().checked_sub(age).unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(then).unwrap();
}

const DAYS: Duration = Duration::from_secs(2 * 86_400);

#[test]
fn old_objects_without_a_row_are_removed_from_a_bucket_of_our_own() {
    let server = S3Server::start();
    let house = House::in_bucket(BACKEND, &server, |_| {});
    let stored = house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    let young = "uploads/acme/upload_young.zip";
    leave(&server, "uploads/acme/upload_old.zip", DAYS);
    leave(&server, "extracts/acme/run_old-1.zip", DAYS);
    leave(&server, "elsewhere/old.zip", DAYS);
    leave(&server, young, Duration::ZERO);
    let file = std::fs::File::options().write(true).open(server.file(&stored.source_ref)).unwrap();
    file.set_modified(SystemTime::now().checked_sub(DAYS).unwrap()).unwrap();

    let _house = house.restart(|_| {});
    wait_until("old objects stay", || archives(&server).len() == 3);
    let mut expected = ["elsewhere/old.zip".to_owned(), young.to_owned(), stored.source_ref];
    expected.sort();
    assert_eq!(archives(&server), expected);
}

#[test]
fn nothing_is_removed_from_the_bucket_of_another_installation() {
    let server = S3Server::start();
    leave(&server, MARKER, Duration::ZERO);
    leave(&server, "uploads/acme/upload_old.zip", DAYS);
    let house = House::in_bucket(BACKEND, &server, |settings| settings.workers = 0);
    house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    assert_eq!(archives(&server).len(), 2);
    // A look for objects of nothing comes before those that expired are removed.
    let _house = house.restart_with(|settings| settings.upload_retention_days = 0, |_| {});
    wait_until("what expired stays", || archives(&server).len() < 2);
    assert_eq!(archives(&server), ["uploads/acme/upload_old.zip"]);
}
