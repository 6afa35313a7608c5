use super::*;

on_both! {
    an_extract_reads_back_as_it_was_written,
    an_id_of_another_tenant_answers_as_an_unknown_one,
    a_second_active_run_of_an_extract_is_refused_in_words,
    a_disabled_extract_is_not_run,
    what_admits_a_run_may_refuse_it_and_nothing_is_queued,
    statistics_follow_the_runs_and_cancelled_ones_count_in_the_total_alone,
    a_change_refused_for_one_extract_changes_none,
    a_change_can_clear_what_may_be_null,
    an_extract_with_an_active_run_is_not_deleted_and_runs_outlive_it,
}

fn an_extract_reads_back_as_it_was_written(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    let written = extract("extract-1");
    plane.extracts_create(&acme, std::slice::from_ref(&written), 5).unwrap();
    let read = plane.extract_get(&acme, "extract-1").unwrap();
    assert_eq!(
        (&read.include, &read.models, &read.filter),
        (&written.include, &written.models, &written.filter)
    );
    assert_eq!((read.format.as_str(), read.retention_days, read.enabled), ("jsonl", 7, true));
    assert_eq!((read.created_at, read.updated_at, read.total_runs), (5, 5, 0));
    assert_eq!((read.last_run_id, read.last_run_at, read.trashed_at), (None, None, None));
}

fn an_id_of_another_tenant_answers_as_an_unknown_one(backend: Backend) {
    let plane = backend.plane();
    let run = plane.queue_extract("acme", "run-a", 1);
    let other = tenant("globex");
    let is_unknown = |error: StoreError| matches!(error, StoreError::NotFound { .. });
    assert!(is_unknown(plane.extract_get(&other, &run.extract_id).unwrap_err()));
    assert!(is_unknown(plane.extract_run_get(&other, &run.id).unwrap_err()));
    assert!(is_unknown(plane.extract_again("globex", &run.extract_id, "run-b", 2).unwrap_err()));
    assert!(is_unknown(plane.extract_run_cancel(&other, &run.extract_id, "eve", 2).unwrap_err()));
    assert!(is_unknown(plane.extracts_delete(&other, &[&run.extract_id], true, 2).unwrap_err()));
    let change = |_: usize, _: &ExtractRecord| Ok::<_, StoreError>(extract("x"));
    assert!(is_unknown(plane.extracts_update(&other, &[&run.extract_id], 2, change).unwrap_err()));
    assert_eq!(plane.extract_run("acme", "run-a").status, RunStatus::Queued);
}

fn a_second_active_run_of_an_extract_is_refused_in_words(backend: Backend) {
    let plane = backend.plane();
    let run = plane.queue_extract("acme", "run-a", 1);
    let refused = || {
        let refused = plane.extract_again("acme", &run.extract_id, "run-b", 2);
        let Err(StoreError::Conflict { message }) = refused else { panic!("{refused:?}") };
        assert_eq!(message, "Extract 'extract-run-a' is already running (run 'run-a')");
    };
    refused();
    let claimed = plane.claim_extract(3).unwrap();
    refused();
    plane.finish_extract(&claimed, RunStatus::Failed, 4);
    let again = plane.extract_again("acme", &run.extract_id, "run-b", 2).unwrap();
    assert_eq!(again.status, RunStatus::Queued);
}

fn a_disabled_extract_is_not_run(backend: Backend) {
    let plane = backend.plane();
    let disabled = NewExtract { enabled: false, ..extract("extract-1") };
    plane.extracts_create(&tenant("acme"), &[disabled], 1).unwrap();
    let refused = plane.extract_again("acme", "extract-1", "run-a", 2).unwrap_err();
    let StoreError::Conflict { message } = refused else { panic!("{refused:?}") };
    assert_eq!(message, "Extract 'extract-1' is disabled");
}

fn what_admits_a_run_may_refuse_it_and_nothing_is_queued(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.extracts_create(&acme, &[extract("extract-1")], 1).unwrap();
    let refusal = || StoreError::Forbidden { message: "no".to_owned() };
    let refused = plane.extract_run_create(&acme, "extract-1", &new_run("run-a"), 2, |_| Err(refusal()));
    assert!(matches!(refused, Err(StoreError::Forbidden { .. })));
    assert_eq!(plane.queue_state().unwrap().queued, 0);
    assert_eq!(plane.extract_get(&acme, "extract-1").unwrap().total_runs, 0);
}

fn statistics_follow_the_runs_and_cancelled_ones_count_in_the_total_alone(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.extracts_create(&acme, &[extract("extract-1")], 1).unwrap();
    for (at, status) in
        [RunStatus::Completed, RunStatus::Failed, RunStatus::Completed].into_iter().enumerate()
    {
        plane.extract_again("acme", "extract-1", &format!("run-{at}"), 10 + at as i64).unwrap();
        let run = plane.claim_extract(MINUTE).unwrap();
        assert_eq!(plane.finish_extract(&run, status, MINUTE), RunState::Held);
    }
    plane.extract_again("acme", "extract-1", "run-last", 20).unwrap();
    plane.extract_run_cancel(&acme, "extract-1", "bob", 30).unwrap();
    let read = plane.extract_get(&acme, "extract-1").unwrap();
    assert_eq!((read.total_runs, read.successful_runs, read.failed_runs), (4, 2, 1));
    assert_eq!((read.last_run_id.as_deref(), read.last_run_at), (Some("run-last"), Some(20)));
    assert_eq!(read.updated_at, 1, "runs do not edit the configuration");
}

fn a_change_refused_for_one_extract_changes_none(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.extracts_create(&acme, &[extract("extract-1"), extract("extract-2")], 1).unwrap();
    let refused = plane.extracts_update(&acme, &["extract-1", "extract-2"], 5, |place, current| {
        if place == 1 {
            return Err(StoreError::Forbidden { message: "no".to_owned() });
        }
        Ok(NewExtract { name: "New".to_owned(), ..extract(&current.id) })
    });
    assert!(matches!(refused, Err(StoreError::Forbidden { .. })));
    assert_eq!(plane.extract_get(&acme, "extract-1").unwrap().name, "Extract extract-1");
}

fn a_change_can_clear_what_may_be_null(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.extracts_create(&acme, &[extract("extract-1")], 1).unwrap();
    let change = |_: usize, current: &ExtractRecord| {
        Ok::<_, StoreError>(NewExtract {
            models: None,
            filter: None,
            retention_days: 30,
            ..extract(&current.id)
        })
    };
    plane.extracts_update(&acme, &["extract-1"], 5, change).unwrap();
    let read = plane.extract_get(&acme, "extract-1").unwrap();
    assert_eq!((read.models, read.filter, read.retention_days, read.updated_at), (None, None, 30, 5));
}

fn an_extract_with_an_active_run_is_not_deleted_and_runs_outlive_it(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    let run = plane.queue_extract("acme", "run-a", 1);
    let delete = |permanent| plane.extracts_delete(&acme, &[&run.extract_id], permanent, 9);
    assert!(matches!(delete(false), Err(StoreError::Conflict { .. })));
    assert!(matches!(delete(true), Err(StoreError::Conflict { .. })));
    let claimed = plane.claim_extract(2).unwrap();
    plane.finish_extract(&claimed, RunStatus::Completed, 3);
    delete(false).unwrap();
    assert_eq!(plane.extract_get(&acme, &run.extract_id).unwrap().trashed_at, Some(9));
    let rerun = plane.extract_again("acme", &run.extract_id, "run-b", 10);
    assert!(matches!(rerun, Err(StoreError::NotFound { .. })));
    assert!(matches!(delete(false), Err(StoreError::NotFound { .. })));
    delete(true).unwrap();
    assert!(plane.extract_get(&acme, &run.extract_id).is_err());
    assert_eq!(plane.extract_run("acme", "run-a").status, RunStatus::Completed);
    assert!(plane.extract_artifact_get(&acme, &artifact_id("run-a", 0)).is_ok());
}
