//! Servers that are told to stop in the middle of a run.

use reinstate_api::restore::RunStatus;

use super::BACKEND;
use crate::archives;
use crate::place::Place;
use crate::program::{block_on, wait_for};
use crate::runs::{completed, queue, run, seen, under_way};

/// Many enough that a run is still under way when a signal comes.
const RECORDS: u64 = 40_000;

#[test]
fn a_run_has_its_grace_time_and_can_be_watched_through_new_connections_to_its_end() {
    let place = Place::new(BACKEND);
    let file = archives::write(place.folder(), 4 * RECORDS);
    let mut server = place.start(&[("REINSTATE_SHUTDOWN_GRACE_S", "60")]);
    let (client, other) = (server.client("acme"), server.client("other"));
    let run_id = queue(&client, &file);
    under_way(&client, &run_id, 1);
    assert_eq!(server.get("/readyz").unwrap().0, 200);
    server.terminate();
    let (status, body) = wait_for(|| server.get("/readyz").filter(|(status, _)| *status != 200));
    assert_eq!(status, 503);
    assert!(body.contains("shutting down"), "{body}");
    // A run that is queued now is left to others.
    let left = queue(&other, &archives::sample());
    let mut looks = 0;
    let ended = wait_for(|| {
        let run = run(&client, &run_id);
        looks += 1;
        run.status.is_ended().then_some(run)
    });
    assert_eq!((ended.status, ended.attempt), (RunStatus::Completed, 1), "{:?}", ended.error);
    assert_eq!(run(&other, &left).status, RunStatus::Queued);
    assert!(looks > 1, "the run had ended before it was looked at");
    assert!(server.ended().success());

    let server = place.start(&[]);
    let other = server.client("other");
    wait_for(|| (run(&other, &left).status == RunStatus::Completed).then_some(()));
}

#[test]
fn a_run_that_has_no_grace_time_is_put_back_and_the_next_server_completes_it() {
    let place = Place::new(BACKEND);
    let file = archives::write(place.folder(), RECORDS);
    let mut server = place.start(&[("REINSTATE_SHUTDOWN_GRACE_S", "0")]);
    let client = server.client("acme");
    let run_id = queue(&client, &file);
    under_way(&client, &run_id, 0);
    server.terminate();
    assert!(server.ended().success());

    let reader = place.start(&[("REINSTATE_WORKERS", "0")]);
    let put_back = run(&reader.client("acme"), &run_id);
    // On a quick machine the run may have been through before the signal came.
    assert!(matches!(put_back.status, RunStatus::Queued | RunStatus::Completed), "{put_back:?}");
    assert_eq!(seen(&reader.client("acme")), if put_back.status == RunStatus::Queued { 0 } else { RECORDS });
    drop(reader);

    let server = place.start(&[]);
    completed(&server.client("acme"), &run_id, RECORDS);
}

#[test]
fn a_second_signal_stops_a_server_that_is_still_waiting_for_its_run() {
    let place = Place::new(BACKEND);
    let file = archives::write(place.folder(), 200_000);
    let mut server = place.start(&[("REINSTATE_SHUTDOWN_GRACE_S", "600")]);
    let client = server.client("acme");
    let run_id = queue(&client, &file);
    under_way(&client, &run_id, 0);
    server.terminate();
    // Signals that arrive together count as one, so the second one is sent until it is heard.
    wait_for(|| {
        server.terminate();
        server.has_ended().then_some(())
    });
}

#[test]
fn a_server_without_runs_stops_at_once() {
    let place = Place::new(BACKEND);
    let mut server = place.start(&[("REINSTATE_SHUTDOWN_GRACE_S", "600")]);
    assert_eq!(block_on(server.client("acme").models()).unwrap(), Vec::<String>::new());
    server.terminate();
    assert!(server.ended().success());
}
