//! Restores: configurations, runs, logs, and the answers of the addresses that start and stop them. Extracts
//! answer in the same shapes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::extract;

/// The message of [`RunAccepted`] and [`ImportAccepted`].
pub const QUEUED_MESSAGE: &str = "Restore queued for execution";
/// The message of [`RunCancelled`].
pub const CANCELLED_MESSAGE: &str = "Restore cancelled";

/// The path of a run's record.
#[must_use]
pub fn status_url(run_id: &str) -> String {
    format!("/api/data/restore_runs/{run_id}")
}

/// A run was queued, of a restore or of an extract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunAccepted {
    /// The run.
    pub run_id: String,
    /// One sentence.
    pub message: String,
    /// Path of the run's record.
    pub status_url: String,
}

impl RunAccepted {
    /// The answer for a restore's run that was just queued.
    #[must_use]
    pub fn new(run_id: String) -> Self {
        Self { status_url: status_url(&run_id), message: QUEUED_MESSAGE.to_owned(), run_id }
    }

    /// The answer for an extract's run that was just queued.
    #[must_use]
    pub fn extract(run_id: String) -> Self {
        let status_url = extract::status_url(&run_id);
        Self { status_url, message: extract::QUEUED_MESSAGE.to_owned(), run_id }
    }
}

/// A run was cancelled, of a restore or of an extract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunCancelled {
    /// One sentence.
    pub message: String,
    /// The run that was cancelled.
    pub run_id: String,
}

impl RunCancelled {
    /// The answer for a restore's run that was just cancelled.
    #[must_use]
    pub fn new(run_id: String) -> Self {
        Self { message: CANCELLED_MESSAGE.to_owned(), run_id }
    }

    /// The answer for an extract's run that was just cancelled.
    #[must_use]
    pub fn extract(run_id: String) -> Self {
        Self { message: extract::CANCELLED_MESSAGE.to_owned(), run_id }
    }
}

/// An archive was taken in and its restore was queued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportAccepted {
    /// The run.
    pub run_id: String,
    /// One sentence.
    pub message: String,
    /// Path of the run's record.
    pub status_url: String,
    /// The configuration that was made for the import; it can be run again.
    pub restore_id: String,
    /// The file's name as the client gave it.
    pub filename: String,
    /// Bytes of the file.
    pub size: u64,
    /// What was asked for, defaults filled in.
    pub config: ImportConfig,
}

/// What an import was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportConfig {
    /// The conflict strategy.
    pub conflict_strategy: String,
    /// `describe`, `data` or both.
    pub include: Vec<String>,
    /// The models to restore; null for all.
    pub models: Option<Vec<String>>,
    /// Whether models may be created.
    pub create_models: bool,
}

/// An archive was taken in, for a configuration to name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadAccepted {
    /// What a configuration names as its `source_ref`.
    pub source_ref: String,
    /// The file's name as the client gave it.
    pub filename: String,
    /// Bytes of the file.
    pub size: u64,
}

/// A restore configuration, as the Data API takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestoreBody {
    /// A name for people.
    pub name: String,
    /// Notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where the archive is: `upload` or `extract_run`.
    pub source_type: String,
    /// Which archive: what an upload answered, or a run's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<String>,
    /// The conflict strategy; `upsert` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict_strategy: Option<String>,
    /// `describe`, `data` or both; both where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<Vec<String>>,
    /// The models to restore; all where absent or null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// Whether models may be created; true where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_models: Option<bool>,
    /// Whether the restore may be run; true where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Made, not yet in the queue.
    Pending,
    /// In the queue.
    Queued,
    /// A worker has it.
    Running,
    /// All of it is there.
    Completed,
    /// Nothing of it is there.
    Failed,
    /// Stopped by somebody; nothing of it is there.
    Cancelled,
}

impl RunStatus {
    /// Whether the run will never change again.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The spelling on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A run, as far as clients of this crate look at it. The server may send more keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunRecord {
    /// The run's id.
    pub id: String,
    /// The configuration that it runs.
    #[serde(default)]
    pub restore_id: Option<String>,
    /// The configuration's name when the run was made.
    #[serde(default)]
    pub restore_name: Option<String>,
    /// The state.
    pub status: RunStatus,
    /// Percent: 100 only once completed.
    #[serde(default)]
    pub progress: i64,
    /// More about the progress; null before the first step.
    #[serde(default)]
    pub progress_detail: Option<ProgressDetail>,
    /// Records inserted.
    #[serde(default)]
    pub records_imported: u64,
    /// Records updated.
    #[serde(default)]
    pub records_updated: u64,
    /// Records left out by the strategy.
    #[serde(default)]
    pub records_skipped: u64,
    /// Records removed before the import.
    #[serde(default)]
    pub records_deleted: u64,
    /// Records that did not fit.
    #[serde(default)]
    pub records_failed: u64,
    /// Models created.
    #[serde(default)]
    pub models_created: u64,
    /// Fields created.
    #[serde(default)]
    pub fields_created: u64,
    /// How often the run was begun.
    #[serde(default)]
    pub attempt: i64,
    /// Milliseconds from start to end; null before the end.
    #[serde(default)]
    pub duration_ms: Option<i64>,
    /// When a worker took it.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(default)]
    pub completed_at: Option<String>,
    /// When it was queued.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Why it failed, in one sentence.
    #[serde(default)]
    pub error: Option<String>,
    /// Where and why exactly it failed.
    #[serde(default)]
    pub error_detail: Option<String>,
}

/// How far a run is. Which keys are there depends on the phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ProgressDetail {
    /// `imported_describe`, then `importing_data`.
    pub phase: String,
    /// Data files to import.
    pub files_total: Option<u64>,
    /// Data files done.
    pub files_completed: Option<u64>,
    /// The model whose file is being read.
    pub current_model: Option<String>,
    /// Records inserted so far.
    pub records_imported: Option<u64>,
    /// Records updated so far.
    pub records_updated: Option<u64>,
    /// Records left out so far.
    pub records_skipped: Option<u64>,
    /// Bytes of data to read in all.
    pub bytes_total: Option<u64>,
    /// Bytes of data read.
    pub bytes_read: Option<u64>,
    /// Models created so far.
    pub models_created: Option<u64>,
    /// Fields created so far.
    pub fields_created: Option<u64>,
}

/// One line of a run's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogRecord {
    /// The line's id; later lines have later ids.
    pub id: String,
    /// The run.
    #[serde(default)]
    pub run_id: Option<String>,
    /// `info`, `warn` or `error`.
    pub level: String,
    /// `upload`, `validation`, `describe_import` or `data_import`.
    pub phase: String,
    /// The model that it is about.
    #[serde(default)]
    pub model_name: Option<String>,
    /// The record that it is about.
    #[serde(default)]
    pub record_id: Option<String>,
    /// One sentence.
    pub message: String,
    /// Facts for machines.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub detail: Option<serde_json::Value>,
    /// When it was written.
    #[serde(default)]
    pub created_at: Option<String>,
}
