use super::*;

on_both! {
    runs_of_one_tenant_are_handed_out_one_at_a_time_in_the_order_of_the_queue,
    a_run_starts_no_earlier_than_the_one_before_it_ended,
    runs_of_different_tenants_are_handed_out_side_by_side,
    a_run_that_waits_holds_back_younger_runs_of_its_tenant_only,
    a_run_put_back_does_not_count_as_an_attempt,
    a_run_whose_lease_ended_is_handed_out_again_until_its_attempts_are_used_up,
    a_renewed_lease_holds_and_one_of_a_dead_process_ends_at_once,
    a_worker_that_lost_its_run_can_change_nothing,
    a_late_worker_cannot_change_an_ended_run,
    a_cancelled_run_keeps_its_tenants_place_until_its_worker_lets_go,
    a_cancelled_run_whose_lease_ended_does_not_take_its_place_back,
    a_queued_run_is_cancelled_without_a_worker,
    cancel_and_commit_exclude_each_other,
    leave_to_commit_outlives_the_worker_until_somebody_looked,
    progress_never_falls_and_a_hundred_is_for_completed_runs,
    the_figures_of_the_queue_count_what_waits_and_what_runs,
    readers_that_take_every_connection_stop_no_worker,
}

fn runs_of_one_tenant_are_handed_out_one_at_a_time_in_the_order_of_the_queue(backend: Backend) {
    let plane = backend.plane();
    for (at, run_id) in ["run-c", "run-a", "run-b"].into_iter().enumerate() {
        plane.queue("acme", run_id, at as i64);
    }
    for expected in ["run-c", "run-a", "run-b"] {
        let run = plane.claim(MINUTE).unwrap();
        assert_eq!(run.id, expected);
        assert_eq!(plane.claim(MINUTE), None, "the tenant has a run in hand");
        assert!(plane.finish(&run, RunStatus::Completed, MINUTE));
    }
    assert_eq!(plane.claim(MINUTE), None);
}

fn a_run_starts_no_earlier_than_the_one_before_it_ended(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    plane.queue("acme", "run-b", 2);
    let first = plane.claim(10).unwrap();
    assert!(plane.finish(&first, RunStatus::Completed, MINUTE));
    // A clock that is behind the one by which the first run ended.
    let second = plane.claim(MINUTE - 5).unwrap();
    assert_eq!(second.started_at, plane.run("acme", "run-a").completed_at);
}

fn runs_of_different_tenants_are_handed_out_side_by_side(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    plane.queue("globex", "run-b", 2);
    assert_eq!(plane.claim(MINUTE).unwrap().id, "run-a");
    assert_eq!(plane.claim(MINUTE).unwrap().id, "run-b");
}

fn a_run_that_waits_holds_back_younger_runs_of_its_tenant_only(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    plane.queue("acme", "run-b", 2);
    plane.queue("globex", "run-c", 3);
    let run = plane.claim(10).unwrap();
    let requeue = Requeue { not_before: MINUTE, nothing_applied: true };
    assert!(plane.run_requeue(&run.id, run.fence, requeue, 10).unwrap());
    assert_eq!(plane.claim(11).unwrap().id, "run-c");
    assert_eq!(plane.claim(11), None);
    assert_eq!(plane.claim(MINUTE).unwrap().id, "run-a");
}

fn a_run_put_back_does_not_count_as_an_attempt(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    for fence in 1..=5 {
        let run = plane.claim(10).unwrap();
        assert_eq!((run.attempt, run.fence), (1, fence));
        let requeue = Requeue { not_before: 0, nothing_applied: true };
        assert!(plane.run_requeue(&run.id, run.fence, requeue, 10).unwrap());
        assert_eq!(plane.run("acme", "run-a").attempt, 0);
    }
}

fn a_run_whose_lease_ended_is_handed_out_again_until_its_attempts_are_used_up(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    let mut now = 10;
    for attempt in 1..=3 {
        let claimed = plane.run_claim("worker", now, RULES).unwrap().unwrap();
        assert_eq!((claimed.run.attempt, claimed.exhausted), (attempt, false));
        assert_eq!(plane.claim(now + 14_999_999), None);
        now += 15_000_000;
    }
    let claimed = plane.run_claim("worker", now, RULES).unwrap().unwrap();
    assert_eq!((claimed.run.attempt, claimed.run.fence, claimed.exhausted), (3, 4, true));
}

fn a_renewed_lease_holds_and_one_of_a_dead_process_ends_at_once(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    let run = plane.claim(0).unwrap();
    assert_eq!(plane.run_renew(&run.id, run.fence, MINUTE, 15_000).unwrap(), RunState::Held);
    assert_eq!(plane.claim(MINUTE + 14_000_000), None);
    assert_eq!(plane.leases_expire(MINUTE + 1).unwrap(), 1);
    assert_eq!(plane.claim(MINUTE + 1).unwrap().fence, 2);
}

fn a_worker_that_lost_its_run_can_change_nothing(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    let stale = plane.claim(0).unwrap();
    let holder = plane.claim(MINUTE).unwrap();
    let before = plane.run("acme", "run-a");
    let acme = tenant("acme");
    let log = log_row("log-1", 5);

    assert_eq!(plane.run_state(&stale.id, stale.fence).unwrap(), RunState::Lost);
    assert_eq!(plane.run_renew(&stale.id, stale.fence, MINUTE, 15_000).unwrap(), RunState::Lost);
    assert!(!plane.run_progress(&acme, &stale.id, stale.fence, Some(&progress(90)), &[log], MINUTE).unwrap());
    assert!(!plane.run_commit_begin(&stale.id, stale.fence, MINUTE).unwrap());
    assert!(!plane.run_commit_clear(&stale.id, stale.fence, MINUTE).unwrap());
    assert!(!plane.finish(&stale, RunStatus::Completed, MINUTE));
    let requeue = Requeue { not_before: 0, nothing_applied: true };
    assert!(!plane.run_requeue(&stale.id, stale.fence, requeue, MINUTE).unwrap());

    assert_eq!(plane.run("acme", "run-a"), before);
    assert!(plane.run_commit_begin(&holder.id, holder.fence, MINUTE).unwrap());
}

fn a_late_worker_cannot_change_an_ended_run(backend: Backend) {
    for status in [RunStatus::Completed, RunStatus::Failed] {
        let plane = backend.plane();
        plane.queue("acme", "run-a", 1);
        let run = plane.claim(0).unwrap();
        assert!(plane.finish(&run, status, MINUTE));
        let ended = plane.run("acme", "run-a");
        assert!(!plane.finish(&run, RunStatus::Completed, 2 * MINUTE));
        assert!(!plane.finish(&run, RunStatus::Failed, 2 * MINUTE));
        assert!(!plane.run_commit_begin(&run.id, run.fence, 2 * MINUTE).unwrap());
        let cancel = plane.run_cancel(&tenant("acme"), &run.restore_id, "bob", 2 * MINUTE).unwrap();
        assert_eq!(cancel, CancelOutcome::NoneActive);
        assert_eq!(plane.run("acme", "run-a"), ended);
    }
}

fn a_cancelled_run_keeps_its_tenants_place_until_its_worker_lets_go(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    plane.queue("acme", "run-b", 2);
    let run = plane.claim(0).unwrap();
    let outcome = plane.run_cancel(&tenant("acme"), &run.restore_id, "bob", 10).unwrap();
    assert_eq!(outcome, CancelOutcome::Cancelled { run_id: "run-a".to_owned() });
    assert_eq!(plane.run_state(&run.id, run.fence).unwrap(), RunState::Cancelled);
    assert_eq!(plane.run_renew(&run.id, run.fence, 20, 15_000).unwrap(), RunState::Cancelled);
    assert_eq!(plane.claim(20), None);

    assert!(plane.finish(&run, RunStatus::Completed, 30), "the worker lets go");
    let ended = plane.run("acme", "run-a");
    assert_eq!(ended.status, RunStatus::Cancelled);
    assert_eq!(ended.counters.records_imported, 7, "the counters tell how far it got");
    assert!(ended.error.unwrap().contains("nothing was applied"));
    assert_eq!(plane.claim(40).unwrap().id, "run-b");
}

fn a_cancelled_run_whose_lease_ended_does_not_take_its_place_back(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    plane.queue("acme", "run-b", 2);
    let stalled = plane.claim(0).unwrap();
    plane.run_cancel(&tenant("acme"), &stalled.restore_id, "bob", 10).unwrap();
    assert_eq!(plane.claim(MINUTE).unwrap().id, "run-b");
    assert_eq!(plane.run_renew(&stalled.id, stalled.fence, MINUTE, 15_000).unwrap(), RunState::Lost);
    assert!(plane.run("acme", "run-a").lease_expires_at <= Some(MINUTE));
}

fn a_queued_run_is_cancelled_without_a_worker(backend: Backend) {
    let plane = backend.plane();
    let run = plane.queue("acme", "run-a", 1);
    plane.run_cancel(&tenant("acme"), &run.restore_id, "bob", 10).unwrap();
    assert_eq!(plane.status("acme", "run-a"), RunStatus::Cancelled);
    assert_eq!(plane.claim(MINUTE), None);
}

fn cancel_and_commit_exclude_each_other(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    plane.queue("globex", "run-b", 2);
    let (first, second) = (plane.claim(0).unwrap(), plane.claim(0).unwrap());

    assert!(plane.run_commit_begin(&first.id, first.fence, 1).unwrap());
    let outcome = plane.run_cancel(&tenant("acme"), &first.restore_id, "bob", 2).unwrap();
    assert_eq!(outcome, CancelOutcome::Committing { run_id: first.id.clone() });
    assert_eq!(plane.status("acme", &first.id), RunStatus::Running);

    plane.run_cancel(&tenant("globex"), &second.restore_id, "bob", 2).unwrap();
    assert!(!plane.run_commit_begin(&second.id, second.fence, 3).unwrap());
}

fn leave_to_commit_outlives_the_worker_until_somebody_looked(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    let first = plane.claim(0).unwrap();
    assert!(plane.run_commit_begin(&first.id, first.fence, 1).unwrap());

    let second = plane.claim(MINUTE).unwrap();
    assert!(second.committing);
    let cancel = || plane.run_cancel(&tenant("acme"), &second.restore_id, "bob", MINUTE).unwrap();
    assert!(matches!(cancel(), CancelOutcome::Committing { .. }));
    let blind = Requeue { not_before: 0, nothing_applied: false };
    assert!(plane.run_requeue(&second.id, second.fence, blind, MINUTE).unwrap());
    assert!(matches!(cancel(), CancelOutcome::Committing { .. }));

    let third = plane.claim(MINUTE).unwrap();
    assert!(plane.run_commit_clear(&third.id, third.fence, MINUTE).unwrap());
    assert!(matches!(cancel(), CancelOutcome::Cancelled { .. }));
}

fn progress_never_falls_and_a_hundred_is_for_completed_runs(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    let acme = tenant("acme");
    let run = plane.claim(0).unwrap();
    for (percent, shown) in [(25, 25), (60, 60), (40, 60)] {
        assert!(plane.run_progress(&acme, &run.id, run.fence, Some(&progress(percent)), &[], 5).unwrap());
        assert_eq!(plane.run("acme", "run-a").progress, shown);
    }
    assert!(plane.finish(&run, RunStatus::Completed, 2_500_000));
    let ended = plane.run("acme", "run-a");
    assert_eq!((ended.progress, ended.duration_ms, ended.completed_at), (100, Some(2_500), Some(2_500_000)));
}

fn the_figures_of_the_queue_count_what_waits_and_what_runs(backend: Backend) {
    let plane = backend.plane();
    assert_eq!(plane.queue_state().unwrap(), QueueState::default());
    plane.queue("acme", "run-a", 1);
    plane.queue("acme", "run-b", 2);
    plane.claim(5);
    let expected = QueueState { queued: 1, running: 1, oldest_queued_at: Some(2) };
    assert_eq!(plane.queue_state().unwrap(), expected);
}

fn log_row(id: &str, at: i64) -> LogRow {
    LogRow {
        id: id.to_owned(),
        level: reinstate_engine::LogLevel::Info,
        phase: reinstate_engine::LogPhase::DataImport,
        model_name: None,
        record_id: None,
        message: "Something happened".to_owned(),
        detail: None,
        created_at: at,
    }
}

fn readers_that_take_every_connection_stop_no_worker(backend: Backend) {
    let plane = backend.plane();
    plane.queue("acme", "run-a", 1);
    let all: Vec<_> = (0..StoreSettings::new("sqlite://x".parse().unwrap()).control_pool_size)
        .map(|_| plane.connections.reader().unwrap())
        .collect();
    let run = plane.claim(MINUTE).unwrap();
    assert_eq!(plane.run_state(&run.id, run.fence).unwrap(), RunState::Held);
    drop(all);
}
