//! Running and cancelling.

use reinstate_describe::{AccessLevel, Caller};
use reinstate_store::TenantId;
use reinstate_store::control::{CancelOutcome, NewRun};

use super::options;
use crate::error::JobsError;
use crate::ids::prefixed;
use crate::jobs::Jobs;
use crate::restores::caller_to_json;

impl Jobs {
    /// Queues a run of a configuration and answers the run's id. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] below level `edit`; [`reinstate_store::StoreError::NotFound`];
    /// [`reinstate_store::StoreError::Conflict`] where the configuration is disabled or already running.
    pub fn extract_run(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        extract_id: &str,
    ) -> Result<String, JobsError> {
        allow_running(caller)?;
        let run = NewRun {
            id: prefixed("run", self.ids()),
            caller: caller_to_json(caller),
            executed_by: caller.user_id.clone(),
        };
        let control = &self.store().control;
        let created = control.extract_run_create(tenant, extract_id, &run, self.now(), |extract| {
            Ok::<_, JobsError>(options::snapshot(extract))
        })?;
        self.wake();
        Ok(created.id)
    }

    /// Cancels the active run of a configuration and answers its id. The worker follows within 250 ms. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] below level `edit`; [`JobsError::NotFound`] where no run is active.
    pub fn extract_cancel(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        extract_id: &str,
    ) -> Result<String, JobsError> {
        allow_running(caller)?;
        match self.store().control.extract_run_cancel(tenant, extract_id, &caller.user_id, self.now())? {
            CancelOutcome::Cancelled { run_id } => {
                self.cancel_running(&run_id);
                self.wake();
                Ok(run_id)
            }
            CancelOutcome::NoneActive | CancelOutcome::Committing { .. } => {
                Err(JobsError::NotFound { message: format!("No running extract found for '{extract_id}'") })
            }
        }
    }
}

fn allow_running(caller: &Caller) -> Result<(), JobsError> {
    if caller.level >= AccessLevel::Edit {
        return Ok(());
    }
    let message = "Running or cancelling an extract needs access level 'edit'".to_owned();
    Err(JobsError::Forbidden { message })
}
