//! What tests ask of runs.

use std::path::Path;

use reinstate_api::client::{Client, ImportOptions};
use reinstate_api::restore::{RunRecord, RunStatus};

use crate::archives::MODEL;
use crate::program::{block_on, wait_for};

/// A number that whoever runs the tests may set.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// Queues an import.
pub(crate) fn queue(client: &Client, file: &Path) -> String {
    block_on(client.import(file, &ImportOptions::default(), |_, _| {})).unwrap().run_id
}

/// The run's record.
pub(crate) fn run(client: &Client, run_id: &str) -> RunRecord {
    block_on(client.run(run_id)).unwrap()
}

/// Waits until a worker has the run and has come so far, in percent.
pub(crate) fn under_way(client: &Client, run_id: &str, progress: i64) -> RunRecord {
    wait_for(|| {
        let run = run(client, run_id);
        (run.status != RunStatus::Queued && run.progress >= progress).then_some(run)
    })
}

/// How many records a reader sees; none where the model is not there yet.
pub(crate) fn seen(client: &Client) -> u64 {
    match block_on(client.count(MODEL)) {
        Ok(count) => count,
        Err(error) => {
            assert_eq!(error.code(), Some("MODEL_NOT_FOUND"), "{error}");
            0
        }
    }
}

/// Follows a run to its end; on the way a reader sees nothing or, once it is committed, all.
pub(crate) fn ended(client: &Client, run_id: &str, records: u64) -> RunRecord {
    wait_for(|| {
        let count = seen(client);
        assert!(count == 0 || count == records, "a reader saw {count} of {records} records");
        let run = run(client, run_id);
        run.status.is_ended().then_some(run)
    })
}

/// Follows a run to its end and checks that it was applied once.
pub(crate) fn completed(client: &Client, run_id: &str, records: u64) -> RunRecord {
    let run = ended(client, run_id, records);
    assert_eq!(
        (run.status, run.records_imported, run.records_updated),
        (RunStatus::Completed, records, 0),
        "{:?} {:?}",
        run.error,
        run.error_detail
    );
    assert_eq!(seen(client), records);
    run
}
