use super::*;

on_both! {
    what_an_extract_made_is_kept_until_its_time_is_up_and_its_run_for_good,
    the_longest_over_their_time_are_listed_first_and_no_more_than_asked_for,
    objects_of_uploads_and_of_extracts_are_all_known,
    a_restore_of_an_extracts_run_reads_what_that_made,
    a_restore_reads_no_run_that_is_not_completed_or_expired_or_another_tenants,
    what_an_active_restore_reads_is_neither_listed_nor_forgotten,
    a_key_of_an_extract_is_no_upload,
}

fn what_an_extract_made_is_kept_until_its_time_is_up_and_its_run_for_good(backend: Backend) {
    let plane = backend.plane();
    let run = plane.complete_extract("acme", "run-a", 1);
    let end = run.expires_at.unwrap();
    assert_eq!(plane.extract_runs_expired(end - 1, 10).unwrap(), []);
    let expired = ExpiredExtract { run_id: "run-a".to_owned(), object_key: run.object_key.clone().unwrap() };
    assert_eq!(plane.extract_runs_expired(end, 10).unwrap(), [expired]);
    assert!(plane.extract_run_forget_object("run-a").unwrap());
    assert!(!plane.extract_run_forget_object("run-a").unwrap(), "there is nothing left to forget");
    assert_eq!(plane.extract_runs_expired(end, 10).unwrap(), []);
    assert_eq!(plane.extract_run("acme", "run-a"), ExtractRunRecord { object_key: None, ..run });
    assert!(plane.extract_artifact_get(&tenant("acme"), &artifact_id("run-a", 0)).is_ok());
    assert!(!plane.extract_run_forget_object("run-unknown").unwrap());
}

fn the_longest_over_their_time_are_listed_first_and_no_more_than_asked_for(backend: Backend) {
    let plane = backend.plane();
    for (run_id, at) in [("run-b", 20), ("run-c", 30), ("run-a", 10)] {
        plane.complete_extract(if at == 20 { "globex" } else { "acme" }, run_id, at);
    }
    plane.queue_extract("acme", "run-d", 1);
    let listed: Vec<_> = plane.extract_runs_expired(2 * MINUTE, 2).unwrap();
    assert_eq!(listed.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>(), ["run-a", "run-b"]);
}

fn objects_of_uploads_and_of_extracts_are_all_known(backend: Backend) {
    let plane = backend.plane();
    let upload = NewUpload {
        id: "upload-1".to_owned(),
        object_key: "uploads/globex/1.zip".to_owned(),
        filename: "data.zip".to_owned(),
        size_bytes: 12,
        created_by: "ann".to_owned(),
    };
    plane.upload_create(&tenant("globex"), &upload, 1).unwrap();
    let made = plane.complete_extract("acme", "run-a", 1).object_key.unwrap();
    plane.queue_extract("acme", "run-b", 1);
    let known = |keys: &[&str]| {
        let mut known: Vec<_> = plane.object_keys_known(keys).unwrap().into_iter().collect();
        known.sort();
        known
    };
    assert_eq!(known(&[]), [""; 0]);
    assert_eq!(known(&["uploads/globex/2.zip", "uploads/globex/1.zip#1"]), [""; 0]);
    assert_eq!(known(&["uploads/globex/2.zip", &upload.object_key, &made]), [made, upload.object_key]);
}

/// Queues a restore of what a run made; says which object it reads, where the run is one that it may read.
fn restore_from(plane: &Plane, tenant_name: &str, source_ref: &str, number: u32, now: i64) -> Option<String> {
    let tenant = tenant(tenant_name);
    let new = NewRestore {
        source_type: SOURCE_EXTRACT_RUN.to_owned(),
        source_ref: Some(source_ref.to_owned()),
        ..restore(&format!("restore-{number}"))
    };
    plane.restores_create(&tenant, std::slice::from_ref(&new), now).unwrap();
    let mut seen = None;
    let queued = plane
        .run_create(&tenant, &new.id, &new_run(&format!("run-restore-{number}")), now, |restore, is_kept| {
            assert_eq!(restore.source_ref.as_deref(), Some(source_ref));
            seen = Some(is_kept);
            Ok::<_, StoreError>(json!({}))
        })
        .unwrap();
    assert_eq!(seen, Some(queued.source_ref.is_some()));
    queued.source_ref
}

fn a_restore_of_an_extracts_run_reads_what_that_made(backend: Backend) {
    let plane = backend.plane();
    let run = plane.complete_extract("acme", "run-a", 1);
    assert!(run.object_key.is_some());
    assert_eq!(restore_from(&plane, "acme", "run-a", 1, 2), run.object_key);
    let claimed = plane.claim(3).unwrap();
    assert_eq!(claimed.source_ref, run.object_key);
}

fn a_restore_reads_no_run_that_is_not_completed_or_expired_or_another_tenants(backend: Backend) {
    let plane = backend.plane();
    let done = plane.complete_extract("acme", "run-done", 1);
    plane.queue_extract("acme", "run-failed", 1);
    let failed = plane.claim_extract(1).unwrap();
    plane.finish_extract(&failed, RunStatus::Failed, 2);
    plane.complete_extract("acme", "run-removed", 1);
    plane.extract_run_forget_object("run-removed").unwrap();
    plane.queue_extract("acme", "run-queued", 1);
    let end = done.expires_at.unwrap();
    let cases = [
        ("acme", "run-done", end),
        ("globex", "run-done", 2),
        ("acme", "run-failed", 2),
        ("acme", "run-removed", 2),
        ("acme", "run-queued", 2),
        ("acme", "run-unknown", 2),
        ("acme", done.object_key.as_deref().unwrap(), 2),
    ];
    for (number, (tenant_name, source_ref, now)) in cases.into_iter().enumerate() {
        let read = restore_from(&plane, tenant_name, source_ref, number as u32, now);
        assert_eq!(read, None, "{tenant_name} {source_ref} at {now}");
    }
    assert_eq!(restore_from(&plane, "acme", "run-done", 99, end - 1), done.object_key);
}

fn what_an_active_restore_reads_is_neither_listed_nor_forgotten(backend: Backend) {
    let plane = backend.plane();
    let run = plane.complete_extract("acme", "run-a", 1);
    restore_from(&plane, "acme", "run-a", 1, 2);
    let end = run.expires_at.unwrap();
    assert_eq!(plane.extract_runs_expired(end, 10).unwrap(), []);
    assert!(!plane.extract_run_forget_object("run-a").unwrap());
    let reading = plane.claim(end).unwrap();
    assert!(!plane.extract_run_forget_object("run-a").unwrap());
    assert!(plane.finish(&reading, RunStatus::Completed, end));
    assert_eq!(plane.extract_runs_expired(end, 10).unwrap().len(), 1);
    assert!(plane.extract_run_forget_object("run-a").unwrap());
}

fn a_key_of_an_extract_is_no_upload(backend: Backend) {
    let plane = backend.plane();
    let acme = tenant("acme");
    let run = plane.complete_extract("acme", "run-a", 1);
    let new = NewRestore { source_ref: run.object_key, ..restore("restore-1") };
    plane.restores_create(&acme, &[new], 1).unwrap();
    let refused = plane.run_create(&acme, "restore-1", &new_run("run-b"), 2, |_, is_kept| {
        assert!(!is_kept);
        Err::<serde_json::Value, _>(StoreError::Forbidden { message: "no".to_owned() })
    });
    assert!(refused.is_err());
}
