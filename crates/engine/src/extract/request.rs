//! What an extract is asked to do, and what it is given to do it with.

use std::collections::BTreeMap;

use reinstate_archive::{Limits, ManifestHeader};
use reinstate_describe::Caller;
use serde_json::Value as Json;

use super::progress::ExtractProgress;
use crate::port::{Cancellation, Clock};
use crate::request::Include;

/// An extract to be done.
#[derive(Debug, Clone)]
pub struct ExtractRequest {
    /// The run's id, for the manifest.
    pub run_id: String,
    /// The id of the configuration, for the manifest.
    pub extract_id: String,
    /// Which halves to write.
    pub include: Include,
    /// Only these models, compared without case; `None` for all.
    pub models: Option<Vec<String>>,
    /// For some of the models the condition that their records must meet, in the JSON form of the list language.
    pub filters: BTreeMap<String, Json>,
    /// On whose behalf: records that the caller may not read are left out.
    pub caller: Caller,
    /// What the archive may hold: one that the same limits refuse would be no archive. Entries, bytes in all, bytes of
    /// `describe.yaml` and of a line count here.
    pub limits: Limits,
    /// How hard to pack, from 1 (fast) to 9 (small); `None` for the archive writer's own choice.
    pub level: Option<u8>,
}

impl ExtractRequest {
    /// What the manifest says about the archive as a whole.
    pub(super) fn manifest_header(&self, generated_at: String) -> ManifestHeader {
        let halves = [(self.include.describe, "describe"), (self.include.data, "data")];
        let taken = halves.into_iter().filter(|(taken, _)| *taken).map(|(_, half)| half.to_owned());
        ManifestHeader {
            generated_at: Some(generated_at),
            run_id: Some(self.run_id.clone()),
            extract_id: Some(self.extract_id.clone()),
            format: Some("jsonl".to_owned()),
            include: Some(taken.collect()),
        }
    }
}

/// What an extract needs from outside besides the source and the output.
pub struct ExtractEnvironment<'a> {
    /// Tells the time that the manifest carries.
    pub clock: &'a dyn Clock,
    /// Hears how far the extract is, after each batch. Must be quick.
    pub progress: &'a mut dyn FnMut(&ExtractProgress),
    /// Says when to stop.
    pub cancellation: &'a Cancellation,
}

impl std::fmt::Debug for ExtractEnvironment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExtractEnvironment").field("cancellation", self.cancellation).finish_non_exhaustive()
    }
}
