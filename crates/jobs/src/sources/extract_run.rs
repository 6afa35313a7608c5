//! Archives of extracts: named by the id of a completed run of the same tenant.
//!
//! Who may not download an archive may not restore it either: what it holds would show in the tenant afterwards.

use reinstate_describe::Caller;
use reinstate_store::{StoreError, TenantId};

use crate::error::JobsError;
use crate::jobs::Jobs;

/// Whether the caller may restore the archive of a run.
pub(super) fn is_usable(
    jobs: &Jobs,
    tenant: &TenantId,
    caller: &Caller,
    run_id: &str,
) -> Result<bool, JobsError> {
    match jobs.extract_download(tenant, caller, run_id) {
        Ok(_) => Ok(true),
        Err(
            JobsError::Store(StoreError::NotFound { .. })
            | JobsError::Conflict { .. }
            | JobsError::Gone { .. }
            | JobsError::Forbidden { .. },
        ) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Refuses a caller who may not have the archive of a run; that it is there is looked at when a run is queued.
pub(super) fn allow(jobs: &Jobs, tenant: &TenantId, caller: &Caller, run_id: &str) -> Result<(), JobsError> {
    match jobs.extract_download(tenant, caller, run_id) {
        Ok(_)
        | Err(
            JobsError::Store(StoreError::NotFound { .. })
            | JobsError::Conflict { .. }
            | JobsError::Gone { .. },
        ) => Ok(()),
        Err(error) => Err(error),
    }
}
