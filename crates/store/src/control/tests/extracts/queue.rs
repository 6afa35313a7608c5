use super::*;

on_both! {
    runs_are_handed_out_oldest_first_and_several_of_a_tenant_at_a_time,
    runs_of_restores_and_of_extracts_do_not_wait_for_each_other,
    a_run_that_waits_holds_nobody_back,
    a_run_put_back_does_not_count_as_an_attempt,
    a_run_whose_lease_ended_is_handed_out_again_until_its_attempts_are_used_up,
    a_renewed_lease_holds_and_one_of_a_dead_process_ends_at_once,
    a_worker_that_lost_its_run_writes_nothing,
    an_ended_run_is_not_changed_by_a_late_worker_nor_called_off,
    a_run_that_is_called_off_stays_so_and_keeps_nothing_but_figures,
    a_queued_run_is_called_off_without_a_worker,
    progress_never_falls_and_a_hundred_is_for_completed_runs,
    the_figures_of_the_queue_count_both_kinds_of_runs,
    readers_that_take_every_connection_stop_no_worker,
    a_watch_hears_of_a_run_that_was_queued_or_put_back,
}

fn runs_are_handed_out_oldest_first_and_several_of_a_tenant_at_a_time(backend: Backend) {
    let plane = backend.plane();
    for (at, (name, run_id)) in
        [("acme", "run-c"), ("acme", "run-a"), ("globex", "run-b")].into_iter().enumerate()
    {
        plane.queue_extract(name, run_id, at as i64);
    }
    let taken: Vec<_> = (0..3).map(|_| plane.claim_extract(MINUTE).unwrap().id).collect();
    assert_eq!(taken, ["run-c", "run-a", "run-b"]);
    assert_eq!(plane.claim_extract(MINUTE), None);
}

fn runs_of_restores_and_of_extracts_do_not_wait_for_each_other(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    plane.queue_extract("acme", "run-b", 2);
    assert_eq!(plane.claim_extract(MINUTE).unwrap().id, "run-b");
    assert_eq!(plane.claim(MINUTE).unwrap().id, "run-a");
}

fn a_run_that_waits_holds_nobody_back(backend: Backend) {
    let plane = backend.plane();
    plane.queue_extract("acme", "run-a", 1);
    plane.queue_extract("acme", "run-b", 2);
    let run = plane.claim_extract(10).unwrap();
    assert!(plane.extract_run_requeue(&run.id, run.fence, MINUTE, 10).unwrap());
    assert_eq!(plane.claim_extract(11).unwrap().id, "run-b");
    assert_eq!(plane.claim_extract(11), None);
    assert_eq!(plane.claim_extract(MINUTE).unwrap().id, "run-a");
}

fn a_run_put_back_does_not_count_as_an_attempt(backend: Backend) {
    let plane = backend.plane();
    plane.queue_extract("acme", "run-a", 1);
    for fence in 1..=5 {
        let run = plane.claim_extract(10).unwrap();
        assert_eq!((run.attempt, run.fence), (1, fence));
        assert!(plane.extract_run_requeue(&run.id, run.fence, 0, 10).unwrap());
        let waiting = plane.extract_run("acme", "run-a");
        assert_eq!((waiting.attempt, waiting.status), (0, RunStatus::Queued));
        assert_eq!((waiting.lease_owner, waiting.started_at), (None, Some(10)));
    }
}

fn a_run_whose_lease_ended_is_handed_out_again_until_its_attempts_are_used_up(backend: Backend) {
    let plane = backend.plane();
    plane.queue_extract("acme", "run-a", 1);
    let mut now = 10;
    for attempt in 1..=3 {
        let claimed = plane.extract_run_claim("worker", now, RULES).unwrap().unwrap();
        assert_eq!((claimed.run.attempt, claimed.exhausted), (attempt, false));
        assert_eq!(plane.claim_extract(now + 14_999_999), None);
        now += 15_000_000;
    }
    let claimed = plane.extract_run_claim("worker", now, RULES).unwrap().unwrap();
    assert_eq!((claimed.run.attempt, claimed.run.fence, claimed.exhausted), (3, 4, true));
}

fn a_renewed_lease_holds_and_one_of_a_dead_process_ends_at_once(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-r", 1);
    plane.claim(MINUTE).unwrap();
    plane.queue_extract("acme", "run-a", 1);
    let run = plane.claim_extract(0).unwrap();
    assert_eq!(plane.extract_run_renew(&run.id, run.fence, MINUTE, 15_000).unwrap(), RunState::Held);
    assert_eq!(plane.claim_extract(MINUTE + 14_000_000), None);
    assert_eq!(plane.leases_expire(MINUTE + 1).unwrap(), 2, "of either kind");
    assert_eq!(plane.claim_extract(MINUTE + 1).unwrap().fence, 2);
}

fn a_worker_that_lost_its_run_writes_nothing(backend: Backend) {
    let plane = backend.plane();
    plane.queue_extract("acme", "run-a", 1);
    let stale = plane.claim_extract(0).unwrap();
    let holder = plane.claim_extract(MINUTE).unwrap();
    let before = plane.extract_run("acme", "run-a");

    let (id, fence) = (&stale.id, stale.fence);
    assert_eq!(plane.extract_run_state(id, fence).unwrap(), RunState::Lost);
    assert_eq!(plane.extract_run_renew(id, fence, MINUTE, 15_000).unwrap(), RunState::Lost);
    assert_eq!(plane.extract_run_progress(id, fence, &progress(90), MINUTE).unwrap(), RunState::Lost);
    assert_eq!(plane.finish_extract(&stale, RunStatus::Completed, MINUTE), RunState::Lost);
    assert!(!plane.extract_run_requeue(id, fence, 0, MINUTE).unwrap());

    assert_eq!(plane.extract_run("acme", "run-a"), before);
    assert!(plane.extract_artifact_get(&tenant("acme"), &artifact_id("run-a", 0)).is_err());
    assert_eq!(plane.object_keys(), [""; 0]);
    assert_eq!(plane.finish_extract(&holder, RunStatus::Completed, MINUTE), RunState::Held);
    assert_eq!(plane.object_keys(), [object_key(&holder)]);
}

fn an_ended_run_is_not_changed_by_a_late_worker_nor_called_off(backend: Backend) {
    for status in [RunStatus::Completed, RunStatus::Failed] {
        let plane = backend.plane();
        plane.queue_extract("acme", "run-a", 1);
        let run = plane.claim_extract(0).unwrap();
        assert_eq!(plane.finish_extract(&run, status, MINUTE), RunState::Held);
        let ended = plane.extract_run("acme", "run-a");
        for late in [RunStatus::Completed, RunStatus::Failed] {
            let told = plane.finish_extract(&run, late, 2 * MINUTE);
            assert_eq!(told == RunState::Held, late == status, "whoever asks again hears what became of it");
        }
        let other = ExtractRunRecord { fence: 0, ..run.clone() };
        let elsewhere = finish(&other, RunStatus::Completed, MINUTE);
        let told = plane.extract_run_finish(&run.id, run.fence, &elsewhere, 2 * MINUTE).unwrap();
        assert_eq!(told, RunState::Lost, "its archive is another one");
        let told = plane.extract_run_progress(&run.id, run.fence, &progress(99), 2 * MINUTE).unwrap();
        assert_eq!(told, RunState::Lost);
        let cancel = plane.extract_run_cancel(&tenant("acme"), &run.extract_id, "bob", 2 * MINUTE).unwrap();
        assert_eq!(cancel, CancelOutcome::NoneActive);
        assert_eq!(plane.extract_run("acme", "run-a"), ended);
    }
}

fn a_run_that_is_called_off_stays_so_and_keeps_nothing_but_figures(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.queue_extract("acme", "run-a", 1);
    let run = plane.claim_extract(1_000_000).unwrap();
    let outcome = plane.extract_run_cancel(&acme, &run.extract_id, "bob", 3_500_000).unwrap();
    assert_eq!(outcome, CancelOutcome::Cancelled { run_id: "run-a".to_owned() });
    assert_eq!(plane.extract_run_state(&run.id, run.fence).unwrap(), RunState::Cancelled);
    assert_eq!(plane.extract_run_renew(&run.id, run.fence, MINUTE, 15_000).unwrap(), RunState::Cancelled);
    let told = plane.extract_run_progress(&run.id, run.fence, &progress(90), MINUTE).unwrap();
    assert_eq!(told, RunState::Cancelled);
    // The next run need not wait until the worker noticed.
    plane.extract_again("acme", &run.extract_id, "run-b", MINUTE).unwrap();
    assert_eq!(plane.claim_extract(MINUTE).unwrap().id, "run-b");

    assert_eq!(plane.finish_extract(&run, RunStatus::Completed, MINUTE), RunState::Cancelled);
    assert_eq!(plane.finish_extract(&run, RunStatus::Completed, MINUTE), RunState::Lost, "it let go");
    let ended = plane.extract_run("acme", "run-a");
    assert_eq!((ended.status, ended.progress, ended.progress_detail), (RunStatus::Cancelled, 0, None));
    assert_eq!((ended.records_exported, ended.models_exported), (12, 2), "figures tell how far it got");
    assert_eq!((ended.object_key, ended.expires_at, ended.artifacts_created), (None, None, 0));
    assert_eq!((ended.completed_at, ended.duration_ms), (Some(3_500_000), Some(2_500)));
    assert_eq!(ended.error.as_deref(), Some("The extract was cancelled; nothing was kept"));
    assert!(ended.error_detail.unwrap().contains("'bob'"));
    assert!(plane.extract_artifact_get(&acme, &artifact_id("run-a", 0)).is_err());
}

fn a_queued_run_is_called_off_without_a_worker(backend: Backend) {
    let plane = backend.plane();
    let run = plane.queue_extract("acme", "run-a", 1);
    plane.extract_run_cancel(&tenant("acme"), &run.extract_id, "bob", 10).unwrap();
    let ended = plane.extract_run("acme", "run-a");
    assert_eq!((ended.status, ended.duration_ms), (RunStatus::Cancelled, None));
    assert_eq!(plane.claim_extract(MINUTE), None);
}

fn progress_never_falls_and_a_hundred_is_for_completed_runs(backend: Backend) {
    let plane = backend.plane();
    plane.queue_extract("acme", "run-a", 1);
    let run = plane.claim_extract(0).unwrap();
    for (percent, shown) in [(25, 25), (60, 60), (40, 60)] {
        let told = plane.extract_run_progress(&run.id, run.fence, &progress(percent), 5).unwrap();
        assert_eq!(told, RunState::Held);
        let seen = plane.extract_run("acme", "run-a");
        assert_eq!((seen.progress, seen.records_exported, seen.models_exported), (shown, 5, 1));
        assert_eq!(seen.progress_detail, Some(progress(percent).detail));
    }
    plane.queue_extract("acme", "run-b", 1);
    let failing = plane.claim_extract(0).unwrap();
    plane.extract_run_progress(&failing.id, failing.fence, &progress(70), 5).unwrap();
    plane.finish_extract(&run, RunStatus::Completed, 2_500_000);
    plane.finish_extract(&failing, RunStatus::Failed, 2_500_000);
    let ended = plane.extract_run("acme", "run-a");
    assert_eq!((ended.progress, ended.duration_ms, ended.completed_at), (100, Some(2_500), Some(2_500_000)));
    assert_eq!(plane.extract_run("acme", "run-b").progress, 70);
}

fn the_figures_of_the_queue_count_both_kinds_of_runs(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 3);
    plane.queue("acme", "run-b", 4);
    for (run_id, at) in [("run-c", 1), ("run-d", 2), ("run-e", 6)] {
        plane.queue_extract("acme", run_id, at);
    }
    plane.claim(5);
    plane.claim_extract(5);
    let expected = QueueState { queued: 3, running: 2, oldest_queued_at: Some(2) };
    assert_eq!(plane.queue_state().unwrap(), expected);
    plane.claim_extract(7);
    let expected = QueueState { queued: 2, running: 3, oldest_queued_at: Some(4) };
    assert_eq!(plane.queue_state().unwrap(), expected);
}

fn readers_that_take_every_connection_stop_no_worker(backend: Backend) {
    let plane = backend.plane();
    plane.queue_extract("acme", "run-a", 1);
    let all: Vec<_> = (0..StoreSettings::new("sqlite://x".parse().unwrap()).control_pool_size)
        .map(|_| plane.connections.reader().unwrap())
        .collect();
    let run = plane.claim_extract(MINUTE).unwrap();
    assert_eq!(plane.extract_run_state(&run.id, run.fence).unwrap(), RunState::Held);
    drop(all);
}

fn a_watch_hears_of_a_run_that_was_queued_or_put_back(backend: Backend) {
    let plane = backend.plane();
    let elsewhere = match backend {
        Backend::Sqlite => plane.control.clone(),
        Backend::Postgres => plane.other_process(),
    };
    let mut watch = queue_watches::quiet_watch(&plane);
    let mut heard = |what: &str| {
        assert!(watch.wait(queue_watches::PATIENCE), "nothing was heard of {what}");
        while watch.wait(queue_watches::MOMENT) {}
    };
    elsewhere.extracts_create(&tenant("acme"), &[extract("extract-1")], 1).unwrap();
    let admit = |_: &ExtractRecord| Ok::<_, StoreError>(json!({}));
    elsewhere.extract_run_create(&tenant("acme"), "extract-1", &new_run("run-a"), 1, admit).unwrap();
    heard("a queued run");
    let run = elsewhere.extract_run_claim("worker", 2, RULES).unwrap().unwrap().run;
    assert!(elsewhere.extract_run_requeue(&run.id, run.fence, 0, 3).unwrap());
    heard("a run that was put back");
}
