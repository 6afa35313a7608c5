//! What every handler can reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reinstate_engine::{Clock, IdSource};
use reinstate_jobs::{Jobs, Objects};
use reinstate_store::Store;

use crate::auth::{AuthSettings, AuthSettingsError, Authenticator};
use crate::error::ApiError;
use crate::metrics::{Metrics, Snapshot};
use crate::settings::HttpSettings;

/// The application's parts, wired once.
pub struct AppState {
    pub(crate) store: Store,
    pub(crate) objects: Objects,
    pub(crate) jobs: Jobs,
    pub(crate) auth: Authenticator,
    pub(crate) settings: HttpSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) metrics: Metrics,
    is_stopping: AtomicBool,
}

/// Why the application cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AppStateError {
    /// The key for tokens.
    #[error(transparent)]
    Auth(#[from] AuthSettingsError),
    /// The figures for Prometheus; a fault of the program.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(String),
}

impl AppState {
    /// Puts the application together. `clock` and `ids` serve the Data API; `jobs` has its own.
    ///
    /// # Errors
    /// [`AppStateError::Auth`] where the key for tokens is not usable.
    pub fn new(
        store: Store,
        objects: Objects,
        jobs: Jobs,
        auth: &AuthSettings,
        settings: HttpSettings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, AppStateError> {
        let metrics = Metrics::new().map_err(|error| AppStateError::Metrics(error.to_string()))?;
        let (auth, is_stopping) = (Authenticator::new(auth)?, AtomicBool::new(false));
        Ok(Self { store, objects, jobs, auth, settings, clock, ids, metrics, is_stopping })
    }

    /// Lets the readiness address say from now on that the server is shutting down, so that balancers send their
    /// requests elsewhere. Requests that come nevertheless are answered until the server is stopped.
    pub fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// The figures that are read anew for each look. Blocks.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, ApiError> {
        let stats = self.jobs.stats()?;
        let records = &stats.records;
        let pools =
            [("control", self.store.control.pool_state()), ("tenants", self.store.tenants.pool_state())];
        let waits =
            stats.queue.oldest_queued_at.map_or(0, |since| self.clock.now_micros().saturating_sub(since));
        Ok(Snapshot {
            runs: stats
                .ended
                .iter()
                .map(|ended| (ended.status.as_str(), ended.strategy.as_str(), ended.runs))
                .collect(),
            extracts: stats.extracts_ended.iter().map(|(status, runs)| (status.as_str(), *runs)).collect(),
            records: vec![
                ("imported", records.records_imported),
                ("updated", records.records_updated),
                ("skipped", records.records_skipped),
                ("deleted", records.records_deleted),
                ("failed", records.records_failed),
            ],
            queue_depth: stats.queue.queued,
            queue_age_s: std::time::Duration::from_micros(u64::try_from(waits).unwrap_or_default())
                .as_secs_f64(),
            workers_busy: stats.workers_busy,
            workers: stats.workers,
            pool: pools
                .into_iter()
                .flat_map(|(pool, (open, idle))| {
                    [(pool, "idle", idle), (pool, "busy", open.saturating_sub(idle))]
                })
                .collect(),
        })
    }
}
