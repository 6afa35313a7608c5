use super::*;

on_both! {
    a_configuration_reads_back_as_it_was_written,
    an_id_of_another_tenant_answers_as_an_unknown_one,
    a_second_active_run_of_a_configuration_is_refused,
    a_disabled_configuration_is_not_run,
    what_admits_a_run_may_refuse_it_and_nothing_is_queued,
    statistics_follow_the_runs_and_cancelled_ones_count_in_the_total_alone,
    a_change_refused_for_one_configuration_changes_none,
    a_change_can_clear_what_may_be_null,
    a_configuration_with_an_active_run_is_not_deleted_and_runs_outlive_it,
    an_import_keeps_upload_configuration_and_run_together_or_nothing,
    old_uploads_are_listed_for_removal_unless_an_active_run_reads_them,
    an_installation_keeps_the_first_id_that_it_was_given,
}

fn a_configuration_reads_back_as_it_was_written(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.restores_create(&acme, &[restore("restore-1")], 5).unwrap();
    let read = plane.restore_get(&acme, "restore-1").unwrap();
    let (include, models) = (["describe", "data"].map(str::to_owned), ["orders".to_owned()]);
    assert_eq!((read.include.as_slice(), read.models.as_deref()), (&include[..], Some(&models[..])));
    assert_eq!((read.created_at, read.updated_at, read.total_runs), (5, 5, 0));
    assert!(read.create_models && read.enabled);
}

fn an_id_of_another_tenant_answers_as_an_unknown_one(backend: Backend) {
    let plane = backend.plane();
    let run = plane.queue("acme", "run-a", 1);
    let other = tenant("globex");
    let is_unknown = |error: StoreError| matches!(error, StoreError::NotFound { .. });
    assert!(is_unknown(plane.restore_get(&other, &run.restore_id).unwrap_err()));
    assert!(is_unknown(plane.run_get(&other, &run.id).unwrap_err()));
    assert!(is_unknown(plane.run_again("globex", &run.restore_id, "run-b", 2).unwrap_err()));
    assert!(is_unknown(plane.run_cancel(&other, &run.restore_id, "eve", 2).unwrap_err()));
    assert!(is_unknown(plane.restores_delete(&other, &[&run.restore_id], true, 2).unwrap_err()));
    let change = |_: usize, _: &RestoreRecord| Ok::<_, StoreError>(restore("x"));
    assert!(is_unknown(plane.restores_update(&other, &[&run.restore_id], 2, change).unwrap_err()));
    assert_eq!(plane.status("acme", "run-a"), RunStatus::Queued);
}

fn a_second_active_run_of_a_configuration_is_refused(backend: Backend) {
    let plane = backend.plane();
    let run = plane.queue("acme", "run-a", 1);
    let again = |id| plane.run_again("acme", &run.restore_id, id, 2);
    assert!(matches!(again("run-b"), Err(StoreError::Conflict { .. })));
    let claimed = plane.claim(3).unwrap();
    assert!(matches!(again("run-b"), Err(StoreError::Conflict { .. })));
    assert!(plane.finish(&claimed, RunStatus::Failed, 4));
    assert_eq!(again("run-b").unwrap().status, RunStatus::Queued);
}

fn a_disabled_configuration_is_not_run(backend: Backend) {
    let plane = backend.plane();
    let disabled = NewRestore { enabled: false, ..restore("restore-1") };
    plane.restores_create(&tenant("acme"), &[disabled], 1).unwrap();
    let refused = plane.run_again("acme", "restore-1", "run-a", 2).unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { message } if message.contains("disabled")));
}

fn what_admits_a_run_may_refuse_it_and_nothing_is_queued(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.restores_create(&acme, &[restore("restore-1")], 1).unwrap();
    let refusal = || StoreError::Forbidden { message: "no".to_owned() };
    let refused = plane.run_create(&acme, "restore-1", &new_run("run-a"), 2, |_, _| Err(refusal()));
    assert!(matches!(refused, Err(StoreError::Forbidden { .. })));
    assert_eq!(plane.queue_state().unwrap().queued, 0);
    assert_eq!(plane.restore_get(&acme, "restore-1").unwrap().total_runs, 0);
}

fn statistics_follow_the_runs_and_cancelled_ones_count_in_the_total_alone(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.restores_create(&acme, &[restore("restore-1")], 1).unwrap();
    for (at, status) in
        [RunStatus::Completed, RunStatus::Failed, RunStatus::Completed].into_iter().enumerate()
    {
        plane.run_again("acme", "restore-1", &format!("run-{at}"), 10 + at as i64).unwrap();
        let run = plane.claim(MINUTE).unwrap();
        assert!(plane.finish(&run, status, MINUTE));
    }
    plane.run_again("acme", "restore-1", "run-last", 20).unwrap();
    plane.run_cancel(&acme, "restore-1", "bob", 30).unwrap();
    let read = plane.restore_get(&acme, "restore-1").unwrap();
    assert_eq!((read.total_runs, read.successful_runs, read.failed_runs), (4, 2, 1));
    assert_eq!((read.last_run_id.as_deref(), read.last_run_at), (Some("run-last"), Some(20)));
    assert_eq!(read.updated_at, 1, "runs do not edit the configuration");
}

fn a_change_refused_for_one_configuration_changes_none(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.restores_create(&acme, &[restore("restore-1"), restore("restore-2")], 1).unwrap();
    let refused = plane.restores_update(&acme, &["restore-1", "restore-2"], 5, |place, current| {
        if place == 1 {
            return Err(StoreError::Forbidden { message: "no".to_owned() });
        }
        Ok(NewRestore { name: "New".to_owned(), models: None, ..restore(&current.id) })
    });
    assert!(matches!(refused, Err(StoreError::Forbidden { .. })));
    assert_eq!(plane.restore_get(&acme, "restore-1").unwrap().name, "Restore restore-1");
}

fn a_change_can_clear_what_may_be_null(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    plane.restores_create(&acme, &[restore("restore-1")], 1).unwrap();
    let change = |_: usize, current: &RestoreRecord| {
        Ok::<_, StoreError>(NewRestore { models: None, source_ref: None, ..restore(&current.id) })
    };
    plane.restores_update(&acme, &["restore-1"], 5, change).unwrap();
    let read = plane.restore_get(&acme, "restore-1").unwrap();
    assert_eq!((read.models, read.source_ref, read.updated_at), (None, None, 5));
}

fn a_configuration_with_an_active_run_is_not_deleted_and_runs_outlive_it(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    let run = plane.queue("acme", "run-a", 1);
    let delete = |permanent| plane.restores_delete(&acme, &[&run.restore_id], permanent, 9);
    assert!(matches!(delete(false), Err(StoreError::Conflict { .. })));
    assert!(matches!(delete(true), Err(StoreError::Conflict { .. })));
    plane.run_cancel(&acme, &run.restore_id, "bob", 5).unwrap();
    delete(false).unwrap();
    assert_eq!(plane.restore_get(&acme, &run.restore_id).unwrap().trashed_at, Some(9));
    let rerun = plane.run_again("acme", &run.restore_id, "run-b", 10);
    assert!(matches!(rerun, Err(StoreError::NotFound { .. })));
    assert!(matches!(delete(false), Err(StoreError::NotFound { .. })));
    delete(true).unwrap();
    assert!(plane.restore_get(&acme, &run.restore_id).is_err());
    assert_eq!(plane.status("acme", "run-a"), RunStatus::Cancelled);
}

fn an_import_keeps_upload_configuration_and_run_together_or_nothing(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    let upload = upload("upload-1");
    let import = |run: &str, name: &str| {
        plane.import_create(&acme, &upload, &restore(name), &new_run(run), &json!({}), 5)
    };
    let run = import("run-a", "restore-1").unwrap();
    assert_eq!(run.restore_name, "Restore restore-1");
    let kept = |tenant| plane.uploads_kept(tenant, std::slice::from_ref(&upload.object_key)).unwrap().len();
    assert_eq!((kept(&acme), kept(&tenant("globex"))), (1, 0));
    // The same upload again: its row is there, so neither configuration nor run may come to be.
    assert!(import("run-b", "restore-2").is_err());
    assert!(plane.restore_get(&acme, "restore-2").is_err());
    assert!(plane.run_get(&acme, "run-b").is_err());
}

fn old_uploads_are_listed_for_removal_unless_an_active_run_reads_them(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    for (id, at) in [("old", 1), ("needed", 2), ("young", 50)] {
        let upload = NewUpload { object_key: format!("uploads/acme/restore-{id}.zip"), ..upload(id) };
        plane.upload_create(&acme, &upload, at).unwrap();
    }
    let run = plane.queue("acme", "needed", 3);
    assert_eq!(run.source_ref.as_deref(), Some("uploads/acme/restore-needed.zip"));
    let expired = |before| -> Vec<String> {
        plane.upload_list_expired(before, 10).unwrap().into_iter().map(|upload| upload.id).collect()
    };
    assert_eq!(expired(50), ["old"]);
    assert!(!plane.upload_delete("uploads/acme/restore-needed.zip").unwrap());
    plane.run_cancel(&acme, &run.restore_id, "bob", 5).unwrap();
    assert_eq!(expired(50), ["old", "needed"]);
    assert!(plane.upload_delete("uploads/acme/restore-needed.zip").unwrap());
    assert_eq!(plane.object_keys().len(), 2);
}

fn upload(id: &str) -> NewUpload {
    NewUpload {
        id: id.to_owned(),
        object_key: format!("uploads/acme/{id}.zip"),
        filename: "data.zip".to_owned(),
        size_bytes: 12,
        created_by: "ann".to_owned(),
    }
}

fn an_installation_keeps_the_first_id_that_it_was_given(backend: Backend) {
    let plane = backend.plane();
    let other = plane.other_process();
    assert_eq!(plane.control.installation_id("first").unwrap(), "first");
    assert_eq!(other.installation_id("second").unwrap(), "first");
    assert_eq!(plane.control.installation_id("third").unwrap(), "first");
}
