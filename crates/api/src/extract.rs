//! Extracts: configurations, runs, the artifacts that they make, and the words of the addresses that start and stop
//! them.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::restore::RunStatus;

/// The message where a run was queued.
pub const QUEUED_MESSAGE: &str = "Extract queued for execution";
/// The message where a run was cancelled.
pub const CANCELLED_MESSAGE: &str = "Extract cancelled";

/// The path of a run's record.
#[must_use]
pub fn status_url(run_id: &str) -> String {
    format!("/api/data/extract_runs/{run_id}")
}

/// An extract configuration, as the Data API takes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExtractBody {
    /// A name for people; the file of a run is named after it.
    pub name: String,
    /// Notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How records are written: `jsonl`, the only way and the one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// `describe`, `data` or both; both where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<Vec<String>>,
    /// The models to write out; all but the platform's own where absent or null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
    /// By model name, the condition that its records must meet, as `where` of a list has it; all records of a
    /// model that is not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Json>,
    /// How long the archive of a run is kept, 1 to 365 days; 7 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Whether the extract may be run; true where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// An extract configuration, as far as clients of this crate look at it. The server may send more keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExtractConfiguration {
    /// `extract_…`
    pub id: String,
    /// A name for people.
    pub name: String,
    /// Notes.
    #[serde(default)]
    pub description: Option<String>,
    /// How records are written.
    #[serde(default)]
    pub format: String,
    /// `describe`, `data` or both.
    #[serde(default)]
    pub include: Vec<String>,
    /// The models to write out; null for all but the platform's own.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// Conditions by model name; null for all records.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Json>,
    /// How long the archive of a run is kept, in days.
    #[serde(default)]
    pub retention_days: u32,
    /// Whether the extract may be run.
    #[serde(default)]
    pub enabled: bool,
    /// The newest run.
    #[serde(default)]
    pub last_run_id: Option<String>,
    /// When that run was queued.
    #[serde(default)]
    pub last_run_at: Option<String>,
    /// Runs queued so far.
    #[serde(default)]
    pub total_runs: u64,
    /// Those that completed.
    #[serde(default)]
    pub successful_runs: u64,
    /// Those that failed.
    #[serde(default)]
    pub failed_runs: u64,
}

/// A run of an extract, as far as clients of this crate look at it. The server may send more keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExtractRunRecord {
    /// The run's id.
    pub id: String,
    /// The configuration that it runs.
    #[serde(default)]
    pub extract_id: Option<String>,
    /// The configuration's name when the run was made.
    #[serde(default)]
    pub extract_name: Option<String>,
    /// The state.
    pub status: RunStatus,
    /// Percent: 100 only once completed.
    #[serde(default)]
    pub progress: i64,
    /// More about the progress; null before the first step.
    #[serde(default)]
    pub progress_detail: Option<ExtractProgressDetail>,
    /// Records written out.
    #[serde(default)]
    pub records_exported: u64,
    /// Models written out.
    #[serde(default)]
    pub models_exported: u64,
    /// Entries of the archive.
    #[serde(default)]
    pub artifacts_created: u64,
    /// The sizes of those entries together, in bytes.
    #[serde(default)]
    pub total_size_bytes: u64,
    /// How often the run was begun.
    #[serde(default)]
    pub attempt: i64,
    /// Seconds from start to end; null before the end.
    #[serde(default)]
    pub duration_seconds: Option<i64>,
    /// Milliseconds from start to end; null before the end.
    #[serde(default)]
    pub duration_ms: Option<i64>,
    /// What the configuration said when the run was queued.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub config_snapshot: Option<Json>,
    /// The user who asked for it.
    #[serde(default)]
    pub executed_by: Option<String>,
    /// When a worker took it.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(default)]
    pub completed_at: Option<String>,
    /// Until when its archive is kept; null before it is completed.
    #[serde(default)]
    pub expires_at: Option<String>,
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

/// How far a run of an extract is. Which keys are there depends on the phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ExtractProgressDetail {
    /// `exported_describe`, then `exporting_data`.
    pub phase: String,
    /// Models to write out.
    pub models_total: Option<u64>,
    /// Models done.
    pub models_completed: Option<u64>,
    /// The model whose records are being written.
    pub current_model: Option<String>,
    /// Records written so far.
    pub records_exported: Option<u64>,
}

/// One entry of the archive that a run made; it can be downloaded by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactRecord {
    /// `artifact_…`
    pub id: String,
    /// The run that made it.
    pub run_id: String,
    /// The configuration of that run.
    #[serde(default)]
    pub extract_id: Option<String>,
    /// `describe`, `data-MODEL` or `manifest`.
    pub artifact_type: String,
    /// The entry's name in the archive.
    pub artifact_name: String,
    /// How it is written.
    #[serde(default)]
    pub format: String,
    /// Bytes of the entry, unpacked.
    pub size_bytes: u64,
    /// SHA-256 of the entry, unpacked, in hexadecimal.
    pub checksum: String,
    /// Its media type.
    #[serde(default)]
    pub content_type: String,
    /// Whether it is what most people look for.
    #[serde(default)]
    pub is_primary: bool,
    /// How often it was downloaded.
    #[serde(default)]
    pub download_count: u64,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Until when it is kept.
    #[serde(default)]
    pub expires_at: Option<String>,
}
