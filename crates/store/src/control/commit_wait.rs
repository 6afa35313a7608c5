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
use crate::database::Database;
use crate::error::StoreError;
use crate::tenant_id::TenantId;

/// Longest wait: a commit takes milliseconds; where its worker died, the look must not hang.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// Time between two looks at the run, where the commit is another process's and cannot be heard of.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl ControlPlane {
    /// Does `work`, which only reads, once a run is not being committed, or after a second of waiting for that. Both
    /// looks go over one connection, right after each other.
    pub(super) fn look_settled<T>(
        &self,
        tenant: &TenantId,
        run_id: &str,
        work: impl Fn(&mut Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let deadline = Instant::now() + WAIT_MAX;
        loop {
            let rings = self.settled.rings();
            let seen = self.connections.look(|connection| {
                let is_settled = Instant::now() >= deadline || !is_committing(connection, tenant, run_id)?;
                if is_settled { work(connection).map(Some) } else { Ok(None) }
            });
            if let Some(seen) = seen? {
                return Ok(seen);
            }
            self.settled.wait(rings, LOOK_EVERY);
        }
    }
}

fn is_committing(connection: &mut Database, tenant: &TenantId, run_id: &str) -> Result<bool, StoreError> {
    restore_runs::table
        .filter(restore_runs::id.eq(run_id).and(restore_runs::tenant.eq(tenant.as_str())))
        .filter(restore_runs::status.eq(RunStatus::Running.as_str()))
        .select(restore_runs::committing)
        .first(connection)
        .optional()
        .map(|committing| committing.unwrap_or(false))
        .map_err(|error| StoreError::from_diesel("watching a commit", error))
}
