//! The handle to everything that goes on behind the API.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use reinstate_engine::{Cancellation, Clock, IdSource, Stop};
use reinstate_store::Store;

use tokio::sync::Semaphore;

use crate::custody::Custody;
use crate::data_lock::DataLock;
use crate::error::JobsError;
use crate::objects::Objects;
use crate::server_clock::ServerClock;
use crate::settings::JobSettings;
use crate::signal::Signal;
use crate::statistics::{JobStats, Statistics};
use crate::{janitor, queue_listener, worker};

/// Entries that are unpacked for downloads at once: each has a thread.
const ENTRY_DOWNLOADS_MAX: usize = 64;

/// Workers, uploads, and the use cases of restores and extracts. Cheap to clone; when the last clone is dropped, the workers
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
    pub(crate) clock: ServerClock,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) statistics: Statistics,
    pub(crate) signal: Signal,
    /// The runs that workers of this process have, by id.
    running: Mutex<HashMap<String, Cancellation>>,
    /// Workers that are asking for a run.
    claiming: AtomicUsize,
    /// Workers that have an extract, or are asking for one.
    extracting: AtomicUsize,
    threads: Mutex<Vec<JoinHandle<()>>>,
    pub(crate) custody: Custody,
    /// Leave to unpack an entry for somebody, which takes a thread for as long as he reads.
    entry_downloads: Arc<Semaphore>,
    /// The folder of the objects, where they lie in one.
    _storage: Option<DataLock>,
}

/// Stops the threads when nobody holds a [`Jobs`] any more.
struct Owner(Arc<Inner>);

impl Jobs {
    /// Starts the workers. `custody` says whether the data belongs to this process, and is to be taken before the
    /// store is opened; what it holds is let go of when the last worker ended. Where it does, the folder of uploads is
    /// taken as well and what an earlier process left behind is tidied up: its runs are taken up again at once.
    /// Where other processes work on the same data, all of them use one folder of uploads.
    ///
    /// On a server's database instants are told by the server's clock instead of `clock`.
    ///
    /// # Errors
    /// [`JobsError::StorageDirBusy`] where another process works with the folder; [`JobsError::Store`] and
    /// [`JobsError::Storage`] where database or storage fail.
    pub fn start(
        custody: Custody,
        store: Store,
        objects: Objects,
        settings: JobSettings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, JobsError> {
        let storage = custody.take_storage(&objects)?;
        let clock = ServerClock::new(clock);
        if custody.is_shared() {
            clock.set(&store)?;
        }
        let expired = custody.end_leases(&store, clock.now_micros())?;
        // A bucket that is away is no reason not to start, so that is left to the janitor.
        let orphans = if objects.is_bucket() { 0 } else { custody.remove_orphans(&store, &objects)? };
        tracing::info!(workers = settings.workers, expired, orphans, "starting to work on runs");
        let inner = Arc::new(Inner {
            store,
            objects,
            settings,
            clock,
            ids,
            statistics: Statistics::default(),
            signal: Signal::default(),
            running: Mutex::default(),
            claiming: AtomicUsize::default(),
            extracting: AtomicUsize::default(),
            threads: Mutex::default(),
            custody,
            entry_downloads: Arc::new(Semaphore::new(ENTRY_DOWNLOADS_MAX)),
            _storage: storage,
        });
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
        if self.inner.custody.is_shared() {
            threads.push(queue_listener::start(&self.inner).map_err(failed)?);
        }
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

    /// Takes no run any more; those that are running go on.
    pub fn stop_claiming(&self) {
        self.inner.signal.stop();
    }

    /// Has the running ones rolled back and put into the queue again, without waiting for that; a grace time that
    /// [`Jobs::shutdown`] waits for is over.
    pub fn stop_now(&self) {
        self.inner.stop_running();
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

    pub(crate) fn entry_downloads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.inner.entry_downloads)
    }

    pub(crate) fn settings(&self) -> &JobSettings {
        &self.inner.settings
    }

    /// Whether other processes work on the same data.
    pub(crate) fn is_shared(&self) -> bool {
        self.inner.custody.is_shared()
    }

    pub(crate) fn ids(&self) -> &dyn IdSource {
        self.inner.ids.as_ref()
    }

    pub(crate) fn now(&self) -> i64 {
        self.inner.now()
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
    /// The instant by the clock that all processes on the data agree on, in microseconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now_micros()
    }

    /// Notes that a worker of this process has a run; it counts as running until the guard is dropped.
    pub(crate) fn running(&self, run_id: &str) -> Running<'_> {
        let cancellation = Cancellation::default();
        lock(&self.running).insert(run_id.to_owned(), cancellation.clone());
        if self.signal.is_stopping_now() {
            cancellation.stop(Stop::Shutdown);
        }
        Running { inner: self, run_id: run_id.to_owned(), cancellation }
    }

    /// Notes that a worker is about to ask for a run, which may be given to it any moment; until the guard is dropped.
    pub(crate) fn claiming(&self) -> Claiming<'_> {
        self.claiming.fetch_add(1, Ordering::SeqCst);
        Claiming(self)
    }

    /// A place among the extracts of this process; none where the last worker is to be left for restores.
    pub(crate) fn extract_place(&self) -> Option<ExtractPlace<'_>> {
        let places = self.settings.workers.saturating_sub(1).max(1);
        let taken = self.extracting.fetch_add(1, Ordering::SeqCst);
        let place = ExtractPlace(self);
        (taken < places).then_some(place)
    }

    fn is_idle(&self) -> bool {
        self.claiming.load(Ordering::SeqCst) == 0 && lock(&self.running).is_empty()
    }

    fn shutdown(&self, grace: Duration) {
        self.signal.stop();
        self.signal.wait_idle(grace, || self.is_idle());
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

/// A worker that asks for a run. To be kept until the run counts as running.
pub(crate) struct Claiming<'a>(&'a Inner);

impl Drop for Claiming<'_> {
    fn drop(&mut self) {
        self.0.claiming.fetch_sub(1, Ordering::SeqCst);
        if self.0.signal.is_stopping() {
            // Somebody may wait for the workers to be idle.
            self.0.signal.wake();
        }
    }
}

/// A place among the extracts that a process works on at once.
pub(crate) struct ExtractPlace<'a>(&'a Inner);

impl Drop for ExtractPlace<'_> {
    fn drop(&mut self) {
        self.0.extracting.fetch_sub(1, Ordering::SeqCst);
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
