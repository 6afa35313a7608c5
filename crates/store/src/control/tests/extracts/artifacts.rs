use std::collections::HashSet;

use super::*;

on_both! {
    artifacts_are_there_with_the_end_of_their_run_and_take_what_they_share_from_it,
    an_artifact_of_another_tenant_answers_as_an_unknown_one,
    downloads_are_counted,
    the_artifacts_of_the_largest_archive_are_noted_at_once,
    artifacts_that_cannot_be_noted_leave_the_run_as_it_was,
}

/// Entries of the largest archive: manifest, describe file and a file for each of ten thousand models.
const ENTRIES_MAX: usize = 10_002;

fn artifacts_are_there_with_the_end_of_their_run_and_take_what_they_share_from_it(backend: Backend) {
    let plane = backend.plane();
    let run = plane.complete_extract("acme", "run-a", MINUTE);
    assert_eq!((run.artifacts_created, run.total_size_bytes), (2, 201));
    assert_eq!((run.archive_size_bytes, run.is_restricted), (Some(300), true));
    let expected = "c".repeat(64);
    assert_eq!(
        (run.archive_checksum.as_deref(), run.expires_at),
        (Some(expected.as_str()), Some(2 * MINUTE))
    );
    let [first, second] = [0, 1]
        .map(|number| plane.extract_artifact_get(&tenant("acme"), &artifact_id("run-a", number)).unwrap());
    assert_eq!(
        first,
        ArtifactRecord {
            id: artifact_id("run-a", 0),
            tenant: "acme".to_owned(),
            run_id: "run-a".to_owned(),
            extract_id: "extract-run-a".to_owned(),
            artifact_type: "data-model_0".to_owned(),
            artifact_name: "data/model_0.jsonl".to_owned(),
            format: "jsonl".to_owned(),
            size_bytes: 100,
            checksum: "a".repeat(64),
            content_type: "application/x-ndjson".to_owned(),
            is_primary: true,
            download_count: 0,
            expires_at: Some(2 * MINUTE),
            created_at: MINUTE,
        }
    );
    assert!(!second.is_primary);
}

fn an_artifact_of_another_tenant_answers_as_an_unknown_one(backend: Backend) {
    let plane = backend.plane();
    plane.complete_extract("acme", "run-a", 1);
    let (other, id) = (tenant("globex"), artifact_id("run-a", 0));
    assert!(matches!(plane.extract_artifact_get(&other, &id), Err(StoreError::NotFound { .. })));
    assert!(matches!(plane.extract_artifact_count_download(&other, &id), Err(StoreError::NotFound { .. })));
    assert_eq!(plane.extract_artifact_get(&tenant("acme"), &id).unwrap().download_count, 0);
}

fn downloads_are_counted(backend: Backend) {
    let plane = backend.plane();
    plane.complete_extract("acme", "run-a", 1);
    let (acme, id) = (tenant("acme"), artifact_id("run-a", 1));
    for count in 1..=3 {
        plane.extract_artifact_count_download(&acme, &id).unwrap();
        assert_eq!(plane.extract_artifact_get(&acme, &id).unwrap().download_count, count);
    }
    assert_eq!(plane.extract_artifact_get(&acme, &artifact_id("run-a", 0)).unwrap().download_count, 0);
}

fn the_artifacts_of_the_largest_archive_are_noted_at_once(backend: Backend) {
    let plane = backend.plane();
    plane.queue_extract("acme", "run-a", 1);
    let run = plane.claim_extract(2).unwrap();
    let artifacts: Vec<_> = (0..ENTRIES_MAX).map(|number| artifact(&run, number)).collect();
    let sizes: u64 = artifacts.iter().map(|artifact| artifact.size_bytes).sum();
    let largest = ExtractFinish { artifacts, ..finish(&run, RunStatus::Completed, MINUTE) };
    assert_eq!(plane.extract_run_finish(&run.id, run.fence, &largest, 3).unwrap(), RunState::Held);
    let ended = plane.extract_run("acme", "run-a");
    assert_eq!((ended.artifacts_created as usize, ended.total_size_bytes as u64), (ENTRIES_MAX, sizes));
    let kept: HashSet<String> = artifact_names(&plane).into_iter().collect();
    assert_eq!(kept.len(), ENTRIES_MAX);
    assert!(kept.contains("data/model_10001.jsonl"));
}

fn artifacts_that_cannot_be_noted_leave_the_run_as_it_was(backend: Backend) {
    let plane = backend.plane();
    plane.queue_extract("acme", "run-a", 1);
    let run = plane.claim_extract(2).unwrap();
    let twice = vec![artifact(&run, 1), artifact(&run, 1)];
    let broken = ExtractFinish { artifacts: twice, ..finish(&run, RunStatus::Completed, MINUTE) };
    assert!(plane.extract_run_finish(&run.id, run.fence, &broken, 3).is_err());
    assert_eq!(plane.extract_run("acme", "run-a"), run);
    assert!(artifact_names(&plane).is_empty());
    assert_eq!(plane.extract_get(&tenant("acme"), &run.extract_id).unwrap().successful_runs, 0);
    assert_eq!(plane.finish_extract(&run, RunStatus::Failed, 4), RunState::Held);
}

fn artifact_names(plane: &Plane) -> Vec<String> {
    use diesel::QueryDsl;
    schema::extract_artifacts::table
        .select(schema::extract_artifacts::artifact_name)
        .load(&mut *plane.connections.reader().unwrap())
        .unwrap()
}
