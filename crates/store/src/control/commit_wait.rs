//! Waits out a commit under way.
//!
//! A run's records show as soon as the tenant's data is committed; the run itself is known as completed a moment
//! later, because the two planes commit one after the other. Whoever looks at the run in between is kept
//! waiting that moment, so that nobody sees the records of a run that is not completed.

use std::time::{Duration, Instant};

use diesel::prelude::*;

use super::ControlPlane;
use super::schema::restore_runs;
use super::status::RunStatus;
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// Longest wait: a commit takes milliseconds; where its worker died, the look must not hang.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Time between two looks at the run, where the commit is another process's and cannot be heard of.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl ControlPlane {
    /// Waits while a run is being committed, up to a second.
    pub(super) fn commit_wait(&self, tenant: &TenantId, run_id: &str) -> Result<(), StoreError> {
        let deadline = Instant::now() + WAIT_MAX;
        while self.is_committing(tenant, run_id)? && Instant::now() < deadline {
            self.settled.wait(self.settled.rings(), LOOK_EVERY);
        }
        Ok(())
    }

    fn is_committing(&self, tenant: &TenantId, run_id: &str) -> Result<bool, StoreError> {
        self.connections.look(|connection| {
            restore_runs::table
                .filter(restore_runs::id.eq(run_id).and(restore_runs::tenant.eq(tenant.as_str())))
                .filter(restore_runs::status.eq(RunStatus::Running.as_str()))
                .select(restore_runs::committing)
                .first(connection)
                .optional()
                .map(|committing| committing.unwrap_or(false))
                .map_err(|error| StoreError::from_diesel("watching a commit", error))
        })
    }
}
