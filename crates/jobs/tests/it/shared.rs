//! What holds where several servers work on one database and one storage folder.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use reinstate_engine::Clock;
use reinstate_jobs::{JobsError, SystemClock};
use reinstate_store::control::{ClaimRules, RunRecord, RunStatus};

use super::BACKEND;
use crate::backend::Home;
use crate::harness::*;
use crate::lost_worker::*;

/// Has the database note every claim that finds another run of its tenant in somebody's hands. Instants don't tell: a
/// worker looks at the clock before it asks for a run, and may be given one that came free since.
const NOTE_OVERLAPS: &str = "
    CREATE TABLE public.overlaps (id text);
    CREATE FUNCTION public.note_overlap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.overlaps SELECT NEW.id FROM reinstate.restore_runs AS other
            WHERE other.tenant = NEW.tenant AND other.id <> NEW.id AND other.lease_owner IS NOT NULL;
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_overlap AFTER UPDATE ON reinstate.restore_runs FOR EACH ROW
        WHEN (OLD.lease_owner IS NULL AND NEW.lease_owner IS NOT NULL) EXECUTE FUNCTION public.note_overlap();";

/// Fails where an overlap was noted.
const REFUSE_OVERLAPS: &str = "DO $$ BEGIN
    IF EXISTS (SELECT FROM public.overlaps) THEN RAISE EXCEPTION 'runs of one tenant overlapped'; END IF;
    END $$";

/// Microseconds in an hour.
const HOUR: i64 = 3_600_000_000;

/// A machine's clock that was set wrong.
struct WrongClock(i64);

impl Clock for WrongClock {
    fn now_micros(&self) -> i64 {
        SystemClock.now_micros() + self.0
    }
}

/// One worker, which finds nothing by looking but what it is told of; a lease that no test outlives.
fn told_only(settings: &mut reinstate_jobs::JobSettings) {
    settings.workers = 1;
    settings.lease_ms = 600_000;
    settings.poll_ms = 600_000;
    settings.poll_listening_ms = 600_000;
}

fn beside(house: &House) -> House {
    house.beside(Arc::new(SystemClock), |_| {})
}

/// Runs that both servers ended, together.
fn ended_on(houses: &[&House]) -> u64 {
    let stats = houses.iter().map(|house| house.jobs.stats().unwrap());
    stats.flat_map(|stats| stats.ended).map(|ended| ended.runs).sum()
}

#[test]
fn runs_queued_on_two_servers_are_applied_once_each_in_the_order_of_their_tenants() {
    let home = Home::new(BACKEND);
    let Home::Database(database) = &home else { panic!("no database") };
    let one = House::at(home.clone(), tempfile::tempdir().unwrap(), |_| {}, |_| {});
    database.execute(NOTE_OVERLAPS);
    let other = beside(&one);
    let tenants = ["acme", "globex", "initech", "umbrella"];
    let mut queued: Vec<(&str, String)> = Vec::new();
    for number in 0..3 {
        for (index, tenant) in tenants.into_iter().enumerate() {
            let house = if (number + index) % 2 == 0 { &one } else { &other };
            queued.push((tenant, house.import(tenant, &notes(&lines(number * 100, 150))).run_id));
        }
    }
    let ended: Vec<RunRecord> = queued.iter().map(|(tenant, run)| one.completed(tenant, run)).collect();
    assert!(ended.iter().all(|run| (run.attempt, run.fence) == (1, 1)), "{ended:#?}");
    for tenant in tenants {
        let runs: Vec<_> = ended.iter().filter(|run| run.tenant == tenant).collect();
        // Each run finds records of the one before it, and of no other: that tells the order.
        let written: Vec<_> =
            runs.iter().map(|run| (run.counters.records_imported, run.counters.records_updated)).collect();
        assert_eq!(written, [(150, 0), (100, 50), (100, 50)]);
    }
    database.execute(REFUSE_OVERLAPS);
    // A worker counts what it ended once the run shows it.
    let begin = Instant::now();
    while ended_on(&[&one, &other]) < 12 {
        assert!(begin.elapsed() < Duration::from_secs(60));
        std::thread::yield_now();
    }
    assert_eq!(ended_on(&[&one, &other]), 12);
}

#[test]
fn a_run_of_a_worker_that_vanished_is_taken_over_when_its_lease_ends() {
    let (house, run_id) = idle_house_with_import(BACKEND);
    let rules = ClaimRules { lease_ms: 400, ..RULES };
    house.store.control.run_claim("dead", SystemClock.now_micros(), rules).unwrap().unwrap();
    let other = house.beside(Arc::new(SystemClock), |settings| {
        settings.workers = 1;
        settings.poll_listening_ms = 50;
    });
    let run = other.completed("acme", &run_id);
    assert_eq!((run.attempt, run.fence, run.counters.records_imported), (2, 2, 10));
}

#[test]
fn a_worker_that_froze_past_its_lease_can_neither_commit_nor_overwrite_what_another_did() {
    let frozen = House::with(BACKEND, |settings| settings.workers = 1);
    frozen.ids.hold();
    let imported = frozen.import("acme", &notes(&nameless(100)));
    frozen.ids.wait_held();
    frozen.store.control.leases_expire(SystemClock.now_micros()).unwrap();
    let other = beside(&frozen);
    let run = other.completed("acme", &imported.run_id);
    assert_eq!((run.attempt, run.fence, run.counters.records_imported), (2, 2, 100));
    let (after, logs) = (other.dump("acme"), other.logs("acme", &imported.run_id));

    block_on(other.jobs.shutdown(Duration::ZERO));
    frozen.ids.release();
    // The woken worker is free again when it completes a run of another tenant.
    frozen.completed("globex", &frozen.import("globex", &notes(&lines(0, 1))).run_id);
    assert_eq!(frozen.dump("acme"), after);
    assert_eq!(frozen.run("acme", &imported.run_id), run);
    assert_eq!(frozen.logs("acme", &imported.run_id), logs);
}

#[test]
fn a_run_that_a_server_puts_back_at_its_end_is_taken_up_by_another_at_once() {
    let one = House::with(BACKEND, told_only);
    one.ids.hold();
    let imported = one.import("acme", &notes(&nameless(20_000)));
    one.ids.wait_held();
    let other = beside(&one);
    // The other server hears of runs from when it did one of its own.
    other.completed("globex", &other.import("globex", &notes(&lines(0, 1))).run_id);
    one.jobs.stop_claiming();
    one.jobs.stop_now();
    one.ids.release();
    let run = other.completed("acme", &imported.run_id);
    assert_eq!((run.attempt, run.fence, run.counters.records_imported), (1, 2, 20_000));
}

#[test]
fn a_server_hears_of_runs_that_another_one_queues() {
    let worker = House::with(BACKEND, told_only);
    let queueing = worker.beside(Arc::new(SystemClock), |settings| settings.workers = 0);
    let run = |number| {
        let imported = queueing.import("acme", &notes(&lines(number, 1)));
        let run = queueing.completed("acme", &imported.run_id);
        run.started_at.unwrap() - run.created_at
    };
    // The first one may be found by the look that follows the beginning of listening.
    run(0);
    let quickest = (1..5).map(run).min().unwrap();
    assert!(quickest < 500_000, "{quickest} us");
}

#[test]
fn leases_hold_between_servers_whose_clocks_differ_by_hours() {
    for (holder, taker) in [(0, HOUR), (0, -HOUR), (-HOUR, 0), (HOUR, -HOUR)] {
        let first = House::with(BACKEND, |settings| settings.workers = 0);
        let change = |settings: &mut reinstate_jobs::JobSettings| settings.workers = 1;
        let holding = first.beside(Arc::new(WrongClock(holder)), change);
        holding.ids.hold();
        let held = holding.import("acme", &notes(&nameless(10)));
        holding.ids.wait_held();
        let taking = first.beside(Arc::new(WrongClock(taker)), change);
        // Claims go by age: whoever thought the first lease over would have taken that run instead.
        taking.completed("globex", &taking.import("globex", &notes(&lines(0, 1))).run_id);
        holding.ids.release();
        let run = holding.completed("acme", &held.run_id);
        assert_eq!((run.attempt, run.fence), (1, 1), "clocks off by {holder} and {taker}");
        assert!((run.started_at.unwrap() - SystemClock.now_micros()).abs() < HOUR / 2);
    }
}

#[test]
fn files_of_no_upload_are_removed_when_no_server_can_be_at_them_any_more() {
    let house = House::with(BACKEND, |settings| settings.workers = 0);
    let kept = house.jobs.upload_keep(house.upload("acme", &notes(&lines(0, 1))).unwrap()).unwrap();
    let folder = house.dir.path().join("objects/uploads/acme");
    let old = SystemTime::now() - Duration::from_secs(25 * 3_600);
    let put = |name: &str, changed: Option<SystemTime>| {
        std::fs::write(folder.join(name), b"half").unwrap();
        if let Some(changed) = changed {
            File::options().write(true).open(folder.join(name)).unwrap().set_modified(changed).unwrap();
        }
    };
    put("upload_old.zip", Some(old));
    put("upload_old.zip#1", Some(old));
    put("upload_young.zip#1", None);
    let kept_file = house.dir.path().join("objects").join(&kept.source_ref);
    File::options().write(true).open(kept_file).unwrap().set_modified(old).unwrap();
    let other = beside(&house);
    let mut files = other.files();
    files.sort();
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.iter().any(|file| file.ends_with(&kept.source_ref)), "{files:?}");
    assert!(files.iter().any(|file| file.ends_with("upload_young.zip#1")), "{files:?}");
}

#[test]
fn an_archive_that_is_on_another_server_alone_fails_the_run_and_says_what_to_share() {
    let (house, run_id) = idle_house_with_import(BACKEND);
    let key = house.run("acme", &run_id).source_ref.unwrap();
    std::fs::remove_file(house.dir.path().join("objects").join(key)).unwrap();
    let other = house.beside(Arc::new(SystemClock), |settings| settings.workers = 1);
    let run = other.ended("acme", &run_id);
    assert_eq!(run.status, RunStatus::Failed);
    assert!(run.error.unwrap().contains("let all servers of one database use the same storage folder"));
    assert!(run.error_detail.unwrap().contains("SOURCE_NOT_FOUND"));
}

#[test]
fn a_server_with_databases_of_its_own_is_refused_a_storage_folder_that_others_share() {
    let house = House::new(BACKEND);
    let folder = tempfile::tempdir().unwrap();
    let refused = house.start_with_databases_in(folder.path()).unwrap_err();
    assert!(matches!(&refused, JobsError::StorageDirBusy { .. }));
}
