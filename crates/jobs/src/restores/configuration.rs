//! Managing restore configurations.

use reinstate_describe::{AccessLevel, Caller, Trashed};
use reinstate_store::TenantId;
use reinstate_store::control::NewRestore;
use serde_json::{Map, Value as Json};

use super::definition;
use crate::body::{id_missing, object, placed};
use crate::error::JobsError;
use crate::ids::prefixed;
use crate::jobs::Jobs;
use crate::sources::{KnownSources, SourceKind};

/// What messages call a configuration.
const A_RESTORE: &str = "A restore";

/// The name under which configurations are read.
const MODEL: &str = "restores";

impl Jobs {
    /// Creates configurations from JSON objects, all or none, and answers each as the text of a JSON object.
    /// Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] below level `full`; [`JobsError::Validation`] with every fault;
    /// [`JobsError::BadRequest`] where `source_ref` names no upload of the tenant; [`JobsError::Store`].
    pub fn restores_create(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        bodies: &[Json],
    ) -> Result<Vec<String>, JobsError> {
        allow_managing(caller)?;
        let mut faults = Vec::new();
        let mut restores = Vec::with_capacity(bodies.len());
        for (place, body) in bodies.iter().enumerate() {
            let mut restore = definition::blank(prefixed("restore", self.ids()), caller.user_id.clone());
            let found = definition::apply(object(A_RESTORE, body)?, &mut restore, None);
            faults.extend(found.into_iter().map(|fault| placed(fault, place, bodies.len())));
            restores.push(restore);
        }
        if !faults.is_empty() {
            return Err(JobsError::Validation(faults));
        }
        let named = restores.iter().filter_map(|restore| restore.source_ref.as_deref());
        let known = self.known_sources(tenant, caller, named)?;
        for restore in &mut restores {
            restore.source_ref = self.kept_source(tenant, restore, &known)?;
        }
        self.store().control.restores_create(tenant, &restores, self.now())?;
        let ids: Vec<_> = restores.iter().map(|restore| restore.id.as_str()).collect();
        self.shown(tenant, caller, &ids, Trashed::Exclude)
    }

    /// Changes configurations, all or none, and answers each as the text of a JSON object. Each patch is a JSON
    /// object with the keys to change; its id comes beside it (from the path) or in it. Blocks.
    ///
    /// # Errors
    /// As [`Jobs::restores_create`]; [`StoreError::NotFound`](reinstate_store::StoreError::NotFound) where one is missing.
    pub fn restores_update(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        patches: &[(Option<&str>, &Json)],
    ) -> Result<Vec<String>, JobsError> {
        allow_managing(caller)?;
        let mut ids = Vec::with_capacity(patches.len());
        let mut bodies = Vec::with_capacity(patches.len());
        for (id, body) in patches {
            let body = object(A_RESTORE, body)?;
            ids.push(id.or_else(|| body.get("id").and_then(Json::as_str)).ok_or_else(id_missing)?);
            bodies.push(body);
        }
        let shown: Vec<Json> = self
            .shown(tenant, caller, &ids, Trashed::Exclude)?
            .iter()
            .map(|text| serde_json::from_str(text).unwrap_or_default())
            .collect();
        // Looked up beforehand: the change itself holds up every writer of the control plane.
        let new = bodies.iter().filter_map(|body| body.get("source_ref"));
        let old = shown.iter().filter_map(|restore| restore.get("source_ref"));
        let named = new.chain(old).filter_map(Json::as_str);
        let known = self.known_sources(tenant, caller, named)?;
        self.store().control.restores_update(tenant, &ids, self.now(), |place, current| {
            let mut restore = definition::as_it_is(current);
            let body = bodies.get(place).copied().unwrap_or(&NO_KEYS);
            let found = definition::apply(body, &mut restore, shown.get(place));
            if !found.is_empty() {
                let faults = found.into_iter().map(|fault| placed(fault, place, patches.len()));
                return Err(JobsError::Validation(faults.collect()));
            }
            // A configuration may outlive its upload and still be renamed.
            if restore.source_ref != current.source_ref || restore.source_type != current.source_type {
                restore.source_ref = self.kept_source(tenant, &restore, &known)?;
            }
            Ok(restore)
        })?;
        self.shown(tenant, caller, &ids, Trashed::Exclude)
    }

    /// Trashes configurations, or removes them for good, all or none, and answers them as they were left. Their
    /// runs and logs stay. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] below level `full`; [`StoreError::NotFound`](reinstate_store::StoreError::NotFound) where one is missing,
    /// [`StoreError::Conflict`](reinstate_store::StoreError::Conflict) while one has an active run.
    pub fn restores_delete(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        ids: &[String],
        permanent: bool,
    ) -> Result<Vec<String>, JobsError> {
        allow_managing(caller)?;
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let before = self.shown(tenant, caller, &ids, Trashed::Include)?;
        self.store().control.restores_delete(tenant, &ids, permanent, self.now())?;
        if permanent { Ok(before) } else { self.shown(tenant, caller, &ids, Trashed::Include) }
    }

    fn shown(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        ids: &[&str],
        trashed: Trashed,
    ) -> Result<Vec<String>, JobsError> {
        Ok(self.store().control.system_get_many(tenant, caller, MODEL, ids, trashed)?)
    }

    /// What a configuration keeps of the source that it names.
    fn kept_source(
        &self,
        tenant: &TenantId,
        restore: &NewRestore,
        known: &KnownSources,
    ) -> Result<Option<String>, JobsError> {
        let Some(source_ref) = &restore.source_ref else { return Ok(None) };
        self.known_source(tenant, SourceKind::parse(&restore.source_type), source_ref, known).map(Some)
    }
}

/// What a patch says that is not there.
static NO_KEYS: std::sync::LazyLock<Map<String, Json>> = std::sync::LazyLock::new(Map::new);

fn allow_managing(caller: &Caller) -> Result<(), JobsError> {
    if caller.level >= AccessLevel::Full {
        return Ok(());
    }
    let message = "Managing restores needs access level 'full'".to_owned();
    Err(JobsError::Forbidden { message })
}
