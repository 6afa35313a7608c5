//! Managing restore configurations.

use reinstate_describe::Caller;
use reinstate_store::TenantId;
use serde_json::Value as Json;

use crate::error::JobsError;
use crate::jobs::Jobs;

impl Jobs {
    /// Creates configurations from JSON objects, all or none, and answers each as the text of a JSON object.
    /// Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] below level `full`; [`JobsError::Validation`] with every fault;
    /// [`JobsError::BadRequest`] where `source_ref` names no upload of the tenant; [`JobsError::Store`].
    pub fn restores_create(
        &self,
        _tenant: &TenantId,
        _caller: &Caller,
        _bodies: &[Json],
    ) -> Result<Vec<String>, JobsError> {
        todo!()
    }

    /// Changes configurations, all or none, and answers each as the text of a JSON object. Each patch is a JSON
    /// object with the keys to change; its id comes beside it (from the path) or in it. Blocks.
    ///
    /// # Errors
    /// As [`Jobs::restores_create`]; [`reinstate_store::StoreError::NotFound`] where one is missing.
    pub fn restores_update(
        &self,
        _tenant: &TenantId,
        _caller: &Caller,
        _patches: &[(Option<&str>, &Json)],
    ) -> Result<Vec<String>, JobsError> {
        todo!()
    }

    /// Trashes configurations, or removes them for good, all or none, and answers them as they were left. Their
    /// runs and logs stay. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] below level `full`; [`reinstate_store::StoreError::NotFound`] where one is
    /// missing, [`reinstate_store::StoreError::Conflict`] while one has an active run.
    pub fn restores_delete(
        &self,
        _tenant: &TenantId,
        _caller: &Caller,
        _ids: &[String],
        _permanent: bool,
    ) -> Result<Vec<String>, JobsError> {
        todo!()
    }
}
