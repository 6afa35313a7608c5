//! Figures for the operator: what workers do and did since the process started.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use reinstate_engine::{Counters, Strategy};
use reinstate_store::control::{QueueState, RunStatus};

use crate::jobs::lock;

/// What the workers of this process are at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStats {
    /// Workers of this process.
    pub workers: usize,
    /// Those that have a run.
    pub workers_busy: usize,
    /// The queue of all processes.
    pub queue: QueueState,
    /// Restores that ended in this process, by state and strategy.
    pub ended: Vec<EndedRuns>,
    /// Extracts that ended in this process, by state.
    pub extracts_ended: Vec<(RunStatus, u64)>,
    /// Records and definitions of the completed restores, and the failed records of all, added up.
    pub records: Counters,
}

/// How many restores ended alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedRuns {
    /// How they ended.
    pub status: RunStatus,
    /// Their strategy.
    pub strategy: Strategy,
    /// How many.
    pub runs: u64,
}

/// The counters behind [`JobStats`].
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    busy: AtomicUsize,
    ended: Mutex<Ended>,
}

/// What ended, counted.
#[derive(Debug, Default)]
struct Ended {
    runs: HashMap<(RunStatus, Strategy), u64>,
    extracts: HashMap<RunStatus, u64>,
    records: Counters,
}

impl Statistics {
    /// A worker took a run; it counts as busy until the guard is dropped.
    pub(crate) fn busy(&self) -> BusyGuard<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        BusyGuard(&self.busy)
    }

    /// A restore ended.
    pub(crate) fn ended(&self, status: RunStatus, strategy: Strategy, counters: &Counters) {
        let mut ended = lock(&self.ended);
        *ended.runs.entry((status, strategy)).or_default() += 1;
        ended.records.records_failed += counters.records_failed;
        if status == RunStatus::Completed {
            let sum = &mut ended.records;
            sum.records_imported += counters.records_imported;
            sum.records_updated += counters.records_updated;
            sum.records_skipped += counters.records_skipped;
            sum.records_deleted += counters.records_deleted;
            sum.models_created += counters.models_created;
            sum.fields_created += counters.fields_created;
        }
    }

    /// An extract ended.
    pub(crate) fn extract_ended(&self, status: RunStatus) {
        *lock(&self.ended).extracts.entry(status).or_default() += 1;
    }

    /// The figures now.
    pub(crate) fn snapshot(&self, workers: usize, queue: QueueState) -> JobStats {
        let ended = lock(&self.ended);
        let runs = ended.runs.iter().map(|((status, strategy), runs)| EndedRuns {
            status: *status,
            strategy: *strategy,
            runs: *runs,
        });
        JobStats {
            workers,
            workers_busy: self.busy.load(Ordering::Relaxed),
            queue,
            ended: runs.collect(),
            extracts_ended: ended.extracts.iter().map(|(status, runs)| (*status, *runs)).collect(),
            records: ended.records,
        }
    }
}

/// Counts a worker as busy while it lives.
#[derive(Debug)]
pub(crate) struct BusyGuard<'a>(&'a AtomicUsize);

impl Drop for BusyGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
