//! The tenants that were ever seen.

use diesel::prelude::*;

use super::ControlPlane;
use super::schema::tenants;
use crate::error::StoreError;
use crate::tenant_id::TenantId;

impl ControlPlane {
    /// Notes a tenant down on its first use; `now` in microseconds.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn tenant_ensure(&self, tenant: &TenantId, now: i64) -> Result<(), StoreError> {
        if self.tenant_exists(tenant)? {
            return Ok(());
        }
        self.connections.write(|connection| {
            diesel::insert_or_ignore_into(tenants::table)
                .values((tenants::id.eq(tenant.as_str()), tenants::created_at.eq(now)))
                .execute(connection)
                .map_err(|error| StoreError::from_diesel("noting a tenant down", error))?;
            Ok(())
        })
    }

    /// Whether a tenant was seen before.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn tenant_exists(&self, tenant: &TenantId) -> Result<bool, StoreError> {
        let known = tenants::table.filter(tenants::id.eq(tenant.as_str()));
        diesel::select(diesel::dsl::exists(known))
            .get_result(&mut self.connections.reader()?)
            .map_err(|error| StoreError::from_diesel("looking a tenant up", error))
    }
}
