//! What a run has done so far, in numbers.

use serde::{Deserialize, Serialize};

/// The counters of a run. They tell how far a run got even where nothing of it was kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Records inserted.
    pub records_imported: u64,
    /// Records that existed and were updated.
    pub records_updated: u64,
    /// Records of the archive that the strategy left out.
    pub records_skipped: u64,
    /// Records removed before the import (`replace`).
    pub records_deleted: u64,
    /// Records that did not fit.
    pub records_failed: u64,
    /// Models created.
    pub models_created: u64,
    /// Fields created, those of created models included.
    pub fields_created: u64,
}
