//! The control plane: what must be visible while a restore or an extract is under way, and outlive its rollback.
//!
//! Configurations and runs of restores and of extracts, logs, uploads and artifacts, in static tables of one file. The
//! tables of runs are the queues as well: [`ControlPlane::run_claim`] and [`ControlPlane::extract_run_claim`] hand a run
//! to one worker at a time under a lease and a fencing number that grows with each claim; whatever a worker writes names
//! its number, so that one who lost the run can change nothing any more.

mod bell;
mod claim;
mod commit_wait;
mod connection;
mod extract;
mod extract_artifact;
mod extract_queue;
mod extract_run;
mod held_extract;
mod held_run;
mod installation;
mod json_text;
mod log;
mod object;
mod queue;
mod queue_watch;
mod restore;
mod run;
mod schema;
mod status;
mod system_model;
#[cfg(test)]
mod tests;
mod upload;

use std::sync::Arc;

use diesel::RunQueryDsl;

use bell::Bell;
use connection::Connections;

use crate::database::pool::{Place, ThreadPool};
use crate::error::StoreError;
use crate::settings::StoreSettings;
use crate::statement::Statement;

pub use claim::{ClaimRules, ClaimedRun};
pub use extract::{ExtractRecord, NewExtract};
pub use extract_artifact::{ArtifactRecord, NewArtifact};
pub use extract_queue::ClaimedExtract;
pub use extract_run::ExtractRunRecord;
pub use held_extract::{ExtractFinish, ExtractObject, ExtractProgressColumns};
pub use held_run::{Finish, Requeue, RunProgress, RunState};
pub use log::LogRow;
pub use object::{ExpiredExtract, SOURCE_EXTRACT_RUN};
pub use queue::{CancelOutcome, QueueState};
pub use queue_watch::QueueWatch;
pub use restore::{NewRestore, RestoreRecord};
pub use run::{NewRun, RunRecord};
pub use status::RunStatus;
pub use system_model::SYSTEM_MODELS;
pub use upload::{NewUpload, UploadRecord};

/// The control plane of one store. Cheap to clone; every call blocks.
#[derive(Debug, Clone)]
pub struct ControlPlane {
    connections: Arc<Connections>,
    /// Rings when a worker of this process let go of a run.
    settled: Arc<Bell>,
    /// Rings when a call of this process changed what may be worked on.
    queued: Arc<Bell>,
}

impl ControlPlane {
    /// Opens the control database, making it where it is missing and bringing it up to date.
    ///
    /// # Errors
    /// Where it cannot be opened or a migration fails.
    pub(crate) fn open(
        place: Place,
        settings: &StoreSettings,
        threads: &ThreadPool,
    ) -> Result<Self, StoreError> {
        let connections = Arc::new(Connections::open(place, settings, threads)?);
        Ok(Self { connections, settled: Arc::default(), queued: Arc::default() })
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn ping(&self) -> Result<(), StoreError> {
        diesel::sql_query("SELECT 1")
            .execute(&mut *self.connections.ping_reader()?)
            .map(|_| ())
            .map_err(|error| StoreError::from_diesel("asking for a sign of life", error))
    }

    /// Whether this process is the only one that works on the data: true on SQLite, whose folder belongs to one
    /// process at a time; false on PostgreSQL, where others hold leases of their own.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        self.connections.is_exclusive()
    }

    /// The time of PostgreSQL's own clock, in microseconds: one that all processes on a database share.
    ///
    /// # Errors
    /// Where the database fails, or is one that has no clock of its own.
    pub fn clock_micros(&self) -> Result<i64, StoreError> {
        let doing = "reading the database's clock";
        let asked = Statement::once("SELECT pg_catalog.clock_timestamp()");
        let rows = asked.rows(&mut *self.connections.worker_reader()?);
        let rows = rows.map_err(|error| StoreError::from_diesel(doing, error))?;
        rows.first().and_then(|row| row.int(0)).ok_or_else(|| StoreError::failed(doing, "it told no time"))
    }

    /// Connections that are open, and those of them that are idle.
    #[must_use]
    pub fn pool_state(&self) -> (u32, u32) {
        self.connections.state()
    }
}
