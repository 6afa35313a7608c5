//! The handle to everything that goes on behind the API.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reinstate_engine::{Cancellation, Clock, IdSource, Stop};
use reinstate_store::Store;

use crate::data_lock::DataLock;
use crate::error::JobsError;
use crate::objects::Objects;
use crate::settings::JobSettings;
use crate::signal::Signal;
use crate::statistics::{JobStats, Statistics};
use crate::{janitor, messenger, worker};

/// Workers, uploads and the use cases of restores. Cheap to clone; when the last clone is dropped, the workers
/// roll their runs back, put them into the queue again and end.
#[derive(Clone)]
pub struct Jobs {
    inner: Arc<Inner>,
    _owner: Arc<Owner>,
}

/// What the threads share.
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) objects: Objects,
    pub(crate) settings: JobSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) statistics: Statistics,
    pub(crate) signal: Signal,
    /// The runs that workers of this process have, by id.
    running: Mutex<HashMap<String, Cancellation>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The folders of the databases and of the uploads, where this process has them for itself.
    _locks: Option<[DataLock; 2]>,
    /// Whether the database tells of runs that others queued.
    hears_of_runs: AtomicBool,
    /// What the clock of the database is ahead of ours, in microseconds; see [`Inner::lease_now`].
    clock_ahead: AtomicI64,
}

/// Stops the threads when nobody holds a [`Jobs`] any more.
struct Owner(Arc<Inner>);

impl Jobs {
    /// Starts the workers.
    ///
    /// Where the database is this process's alone, `data` is the lock on its folder, to be taken before the store
    /// is opened; it is let go of when the last worker ended. The folder of uploads is then taken as well, and what
    /// an earlier process left behind is tidied up: its runs are taken up again at once. Without `data` other
    /// processes may work on the same database and the same uploads: their runs and files are left alone as long as
    /// they give signs of life.
    ///
    /// # Errors
    /// [`JobsError::StorageDirBusy`] where another process works with the folder; [`JobsError::Store`] and
    /// [`JobsError::Storage`] where database or storage fail.
    pub fn start(
        data: Option<DataLock>,
        store: Store,
        objects: Objects,
        settings: JobSettings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, JobsError> {
        let locks = match data {
            None => None,
            Some(data) => {
                let locks = [data, objects.lock()?];
                let expired = store.control.leases_expire(clock.now_micros())?;
                let orphans = janitor::remove_orphans(&store, &objects, Duration::ZERO)?;
                tracing::info!(expired, orphans, "tidied up after an earlier process");
                Some(locks)
            }
        };
        tracing::info!(workers = settings.workers, alone = locks.is_some(), "starting to work on runs");
        let inner = Arc::new(Inner {
            store,
            objects,
            settings,
            clock,
            ids,
            statistics: Statistics::default(),
            signal: Signal::default(),
            running: Mutex::default(),
            threads: Mutex::default(),
            _locks: locks,
            hears_of_runs: AtomicBool::default(),
            clock_ahead: AtomicI64::default(),
        });
        inner.follow_clock();
        let jobs = Self { _owner: Arc::new(Owner(Arc::clone(&inner))), inner };
        jobs.start_threads()?;
        Ok(jobs)
    }

    fn start_threads(&self) -> Result<(), JobsError> {
        let failed = |error: std::io::Error| JobsError::storage("starting a thread", error);
        let mut threads = lock(&self.inner.threads);
        for handle in worker::start(&self.inner) {
            threads.push(handle.map_err(failed)?);
        }
        threads.push(janitor::start(&self.inner).map_err(failed)?);
        threads.push(messenger::start(&self.inner).map_err(failed)?);
        Ok(())
    }

    /// Tells the workers that something was queued.
    pub fn wake(&self) {
        self.inner.signal.wake();
    }

    /// What the workers are at. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Store`] where the queue cannot be read.
    pub fn stats(&self) -> Result<JobStats, JobsError> {
        let queue = self.inner.store.control.queue_state()?;
        Ok(self.inner.statistics.snapshot(self.inner.settings.workers, queue))
    }

    /// Stops taking runs, lets the running ones go on for `grace`, then has them rolled back and put into the
    /// queue again. Returns when every worker ended.
    pub async fn shutdown(&self, grace: Duration) {
        let inner = Arc::clone(&self.inner);
        // A failure to join means that the runtime is going down: nobody is left to tell.
        let _ = tokio::task::spawn_blocking(move || inner.shutdown(grace)).await;
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn objects(&self) -> &Objects {
        &self.inner.objects
    }

    pub(crate) fn settings(&self) -> &JobSettings {
        &self.inner.settings
    }

    pub(crate) fn ids(&self) -> &dyn IdSource {
        self.inner.ids.as_ref()
    }

    pub(crate) fn now(&self) -> i64 {
        self.inner.clock.now_micros()
    }

    /// Lets a worker of this process know at once that its run was cancelled.
    pub(crate) fn cancel_running(&self, run_id: &str) {
        if let Some(cancellation) = lock(&self.inner.running).get(run_id) {
            cancellation.stop(Stop::Cancelled);
        }
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl Inner {
    /// Notes that a worker of this process has a run; it counts as running until the guard is dropped.
    pub(crate) fn running(&self, run_id: &str) -> Running<'_> {
        let cancellation = Cancellation::default();
        lock(&self.running).insert(run_id.to_owned(), cancellation.clone());
        if self.signal.is_stopping_now() {
            cancellation.stop(Stop::Shutdown);
        }
        Running { inner: self, run_id: run_id.to_owned(), cancellation }
    }

    /// Whether other processes may work on the same database.
    pub(crate) fn is_shared(&self) -> bool {
        self._locks.is_none()
    }

    /// Whether the database tells of runs that others queued.
    pub(crate) fn hears_of_runs(&self) -> bool {
        self.hears_of_runs.load(Ordering::Relaxed)
    }

    /// Notes whether the database tells of runs.
    pub(crate) fn note_listening(&self, listens: bool) {
        self.hears_of_runs.store(listens, Ordering::Relaxed);
    }

    /// Now, in microseconds, by the clock that all processes on the database have in common: leases are compared
    /// with what others wrote.
    pub(crate) fn lease_now(&self) -> i64 {
        self.clock.now_micros().saturating_add(self.clock_ahead.load(Ordering::Relaxed))
    }

    /// Looks how far the clock of the database is ahead of ours. Where it cannot be asked, the last answer holds.
    pub(crate) fn follow_clock(&self) {
        if !self.is_shared() {
            return;
        }
        let before = self.clock.now_micros();
        match self.store.control.clock_micros() {
            Ok(theirs) => {
                let after = self.clock.now_micros();
                let middle = before + (after - before) / 2;
                self.clock_ahead.store(theirs - middle, Ordering::Relaxed);
            }
            Err(error) => tracing::debug!(%error, "the database's clock could not be read"),
        }
    }

    fn shutdown(&self, grace: Duration) {
        self.signal.stop();
        self.signal.wait_idle(grace, || lock(&self.running).is_empty());
        self.stop_running();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // A worker that panicked has said so in its log.
            let _ = thread.join();
        }
    }

    fn stop_running(&self) {
        self.signal.stop_now();
        for cancellation in lock(&self.running).values() {
            cancellation.stop(Stop::Shutdown);
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.signal.stop();
        self.0.stop_running();
    }
}

/// A run in the hands of a worker of this process.
pub(crate) struct Running<'a> {
    inner: &'a Inner,
    run_id: String,
    pub(crate) cancellation: Cancellation,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        lock(&self.inner.running).remove(&self.run_id);
        // Others may have waited for this run of the tenant to end, or for all runs to end.
        self.inner.signal.wake();
    }
}

/// What a panic left behind here is whole: every change is one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
