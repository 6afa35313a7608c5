//! Who waits for work hears of it from any process, and of nothing else.

use std::time::{Duration, Instant};

use super::*;

on_both! {
    a_watch_hears_of_every_change_that_may_have_made_a_run_free,
    a_watch_that_hears_nothing_ends_in_time,
    only_a_file_belongs_to_one_process,
}

/// Much longer than a hint takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough to look twice at what the server sent.
pub(super) const MOMENT: Duration = Duration::from_millis(120);

/// A watch that heard everything there was.
pub(super) fn quiet_watch(plane: &Plane) -> QueueWatch {
    let mut watch = plane.queue_watch();
    while watch.wait(MOMENT) {}
    assert!(watch.is_listening());
    watch
}

fn a_watch_hears_of_every_change_that_may_have_made_a_run_free(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    // On one folder there is one process.
    let elsewhere = match backend {
        Backend::Sqlite => plane.control.clone(),
        Backend::Postgres => plane.other_process(),
    };
    let mut watch = quiet_watch(&plane);
    let mut heard = |what: &str| {
        let since = Instant::now();
        assert!(watch.wait(PATIENCE), "nothing was heard of {what}");
        assert!(since.elapsed() < PATIENCE / 2, "{what} was heard of late");
        while watch.wait(MOMENT) {}
    };
    let restore = restore("restore-1");
    elsewhere.restores_create(&acme, std::slice::from_ref(&restore), 1).unwrap();
    let queue = |id: &str| {
        elsewhere.run_create(&acme, "restore-1", &new_run(id), 1, |_, _| Ok::<_, StoreError>(json!({})))
    };
    queue("run-a").unwrap();
    heard("a queued run");
    let run = elsewhere.run_claim("worker", 2, RULES).unwrap().unwrap().run;
    let requeue = Requeue { not_before: 0, nothing_applied: true };
    assert!(elsewhere.run_requeue(&run.id, run.fence, requeue, 3).unwrap());
    heard("a run that was put back");
    let run = elsewhere.run_claim("worker", 4, RULES).unwrap().unwrap().run;
    assert!(elsewhere.run_finish(&run.id, run.fence, &finish(RunStatus::Completed), 5).unwrap());
    heard("a run that ended");
    queue("run-b").unwrap();
    heard("another queued run");
    elsewhere.run_cancel(&acme, "restore-1", "bob", 6).unwrap();
    heard("a run that was called off");
}

fn a_watch_that_hears_nothing_ends_in_time(backend: Backend) {
    let plane = backend.plane();
    let mut watch = quiet_watch(&plane);
    let since = Instant::now();
    assert!(!watch.wait(MOMENT));
    assert!(since.elapsed() >= MOMENT);
}

fn only_a_file_belongs_to_one_process(backend: Backend) {
    assert_eq!(backend.plane().is_exclusive(), backend == Backend::Sqlite);
}
