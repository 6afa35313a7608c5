//! Where an archive comes from: one file a kind of source.
//!
//! A source turns what a configuration says (`source_ref`) into the key of an object. What a run reads is always an
//! object, whatever it came from.

mod extract_run;
mod upload;

use std::collections::HashSet;

use reinstate_describe::Caller;
use reinstate_store::TenantId;

use crate::error::JobsError;
use crate::jobs::Jobs;

/// A kind of source that has a name but no use yet.
pub(crate) const PLANNED: &str = "url";

/// The kinds of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// A file that somebody sent in.
    Upload,
    /// The archive of an extract of the same tenant.
    ExtractRun,
}

impl SourceKind {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Upload, Self::ExtractRun];

    /// The spelling in `source_type`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::ExtractRun => "extract_run",
        }
    }

    /// Reads the spelling.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The sources that configurations name and that are there, looked up before anything is changed.
#[derive(Debug, Default)]
pub(crate) struct KnownSources {
    upload_keys: HashSet<String>,
    extract_runs: HashSet<String>,
}

impl Jobs {
    /// Looks up which of the named sources are there for the caller. What they are named by is looked up as every
    /// kind of source: which one is meant may be said elsewhere.
    pub(crate) fn known_sources<'a>(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        source_refs: impl Iterator<Item = &'a str>,
    ) -> Result<KnownSources, JobsError> {
        let (mut keys, mut extract_runs) = (Vec::new(), HashSet::new());
        for source_ref in source_refs {
            if let Some(key) = upload::upload_key(self.objects(), tenant, source_ref) {
                keys.push(key);
            } else if extract_run::is_usable(self, tenant, caller, source_ref)? {
                extract_runs.insert(source_ref.to_owned());
            }
        }
        let upload_keys = self.store().control.uploads_kept(tenant, &keys)?;
        Ok(KnownSources { upload_keys, extract_runs })
    }

    /// What a configuration keeps of a `source_ref`. One answer for everything that is no source of the tenant, so
    /// that it tells nothing about what else exists.
    ///
    /// # Errors
    /// [`JobsError::BadRequest`] where it is not among the known ones.
    pub(crate) fn known_source(
        &self,
        tenant: &TenantId,
        kind: Option<SourceKind>,
        source_ref: &str,
        known: &KnownSources,
    ) -> Result<String, JobsError> {
        let (found, message) = match kind {
            Some(SourceKind::ExtractRun) => (
                known.extract_runs.get(source_ref).cloned(),
                "source_ref must be the id of a completed extract run whose archive is kept and that you may download",
            ),
            Some(SourceKind::Upload) | None => (
                upload::upload_key(self.objects(), tenant, source_ref)
                    .filter(|key| known.upload_keys.contains(key)),
                "source_ref must be what POST /api/restores/uploads answered for an upload that is kept",
            ),
        };
        found.ok_or_else(|| JobsError::BadRequest { message: message.to_owned() })
    }

    /// Refuses a source that the caller may not read.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`].
    pub(crate) fn allow_source(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        kind: Option<SourceKind>,
        source_ref: Option<&str>,
    ) -> Result<(), JobsError> {
        match (kind, source_ref) {
            (Some(SourceKind::ExtractRun), Some(run_id)) => extract_run::allow(self, tenant, caller, run_id),
            _ => Ok(()),
        }
    }
}
