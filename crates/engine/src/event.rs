//! What happens on the way, for whoever watches: progress and log entries.

use serde_json::Value as Json;

use crate::counters::Counters;

/// Severity of a log entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Normal operation.
    Info,
    /// Something that the user should look at; the run goes on.
    Warn,
    /// Why a record or the run failed.
    Error,
}

impl LogLevel {
    /// The spelling in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// The part of a run that a log entry speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogPhase {
    /// Reading the archive's directory.
    Upload,
    /// Checking the archive's structure.
    Validation,
    /// Models and fields.
    DescribeImport,
    /// Records.
    DataImport,
}

impl LogPhase {
    /// The spelling in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Validation => "validation",
            Self::DescribeImport => "describe_import",
            Self::DataImport => "data_import",
        }
    }
}

/// One line of a run's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// Severity.
    pub level: LogLevel,
    /// Part of the run.
    pub phase: LogPhase,
    /// The model that it is about.
    pub model_name: Option<String>,
    /// The record that it is about.
    pub record_id: Option<String>,
    /// One sentence.
    pub message: String,
    /// Facts for machines.
    pub detail: Option<Json>,
}

/// Which half of a restore is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressPhase {
    /// Models and fields are being compared and created.
    ImportedDescribe,
    /// Records are being read and written.
    ImportingData,
}

impl ProgressPhase {
    /// The spelling in `progress_detail`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImportedDescribe => "imported_describe",
            Self::ImportingData => "importing_data",
        }
    }
}

/// How far a restore is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Percent, 0 to 99 while the run goes on; never falls within a run.
    pub percent: u8,
    /// Which half.
    pub phase: ProgressPhase,
    /// Data files to import.
    pub files_total: u64,
    /// Data files done.
    pub files_completed: u64,
    /// The model whose file is being read.
    pub current_model: Option<String>,
    /// Bytes of JSONL to read in all, uncompressed.
    pub bytes_total: u64,
    /// Bytes of JSONL read.
    pub bytes_read: u64,
    /// Counters so far.
    pub counters: Counters,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A line for the log.
    Log(LogEntry),
    /// A new state of progress; sent often, to be thinned out by the receiver.
    Progress(Progress),
}

/// Takes events. Must be quick: the engine calls it between batches.
pub trait Events {
    /// Takes one event.
    fn event(&mut self, event: Event);
}

impl Events for Vec<Event> {
    fn event(&mut self, event: Event) {
        self.push(event);
    }
}
