//! Managing extract configurations.

use reinstate_describe::filter::filter_from_json;
use reinstate_describe::{AccessLevel, Caller, Catalog, Layout, Trashed};
use reinstate_store::TenantId;
use reinstate_store::control::NewExtract;
use serde_json::{Map, Value as Json};

use super::definition;
use crate::body::{id_missing, object, placed};
use crate::error::{FieldFault, JobsError};
use crate::ids::prefixed;
use crate::jobs::Jobs;

/// What messages call a configuration.
const AN_EXTRACT: &str = "An extract";

/// The name under which configurations are read.
const MODEL: &str = "extracts";

impl Jobs {
    /// Creates configurations from JSON objects, all or none, and answers each as the text of a JSON object.
    /// Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] below level `full`; [`JobsError::Validation`] with every fault;
    /// [`JobsError::Store`].
    pub fn extracts_create(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        bodies: &[Json],
    ) -> Result<Vec<String>, JobsError> {
        allow_managing(caller)?;
        let catalog = self.models_to_filter(tenant, bodies.iter())?;
        let mut faults = Vec::new();
        let mut extracts = Vec::with_capacity(bodies.len());
        for (place, body) in bodies.iter().enumerate() {
            let mut extract = definition::blank(prefixed("extract", self.ids()), caller.user_id.clone());
            let mut found = definition::apply(object(AN_EXTRACT, body)?, &mut extract, None);
            found.extend(filter_faults(&catalog, &extract));
            faults.extend(found.into_iter().map(|fault| placed(fault, place, bodies.len())));
            extracts.push(extract);
        }
        if !faults.is_empty() {
            return Err(JobsError::Validation(faults));
        }
        self.store().control.extracts_create(tenant, &extracts, self.now())?;
        let ids: Vec<_> = extracts.iter().map(|extract| extract.id.as_str()).collect();
        self.extracts_shown(tenant, caller, &ids, Trashed::Exclude)
    }

    /// Changes configurations, all or none, and answers each as the text of a JSON object. Each patch is a JSON
    /// object with the keys to change; its id comes beside it (from the path) or in it. Blocks.
    ///
    /// # Errors
    /// As [`Jobs::extracts_create`]; [`StoreError::NotFound`](reinstate_store::StoreError::NotFound) where one is
    /// missing.
    pub fn extracts_update(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        patches: &[(Option<&str>, &Json)],
    ) -> Result<Vec<String>, JobsError> {
        allow_managing(caller)?;
        let mut ids = Vec::with_capacity(patches.len());
        let mut bodies = Vec::with_capacity(patches.len());
        for (id, body) in patches {
            let body = object(AN_EXTRACT, body)?;
            ids.push(id.or_else(|| body.get("id").and_then(Json::as_str)).ok_or_else(id_missing)?);
            bodies.push(body);
        }
        let shown: Vec<Json> = self
            .extracts_shown(tenant, caller, &ids, Trashed::Exclude)?
            .iter()
            .map(|text| serde_json::from_str(text).unwrap_or_default())
            .collect();
        // Looked up beforehand: the change itself holds up every writer of the control plane.
        let catalog = self.models_to_filter(tenant, patches.iter().map(|(_, body)| *body))?;
        self.store().control.extracts_update(tenant, &ids, self.now(), |place, current| {
            let mut extract = definition::as_it_is(current);
            let body = bodies.get(place).copied().unwrap_or(&NO_KEYS);
            let mut found = definition::apply(body, &mut extract, shown.get(place));
            if body.contains_key("filter") {
                found.extend(filter_faults(&catalog, &extract));
            }
            if !found.is_empty() {
                let faults = found.into_iter().map(|fault| placed(fault, place, patches.len()));
                return Err(JobsError::Validation(faults.collect()));
            }
            Ok(extract)
        })?;
        self.extracts_shown(tenant, caller, &ids, Trashed::Exclude)
    }

    /// Trashes configurations, or removes them for good, all or none, and answers them as they were left. Their
    /// runs and archives stay until their time is over. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] below level `full`; [`StoreError::NotFound`](reinstate_store::StoreError::NotFound)
    /// where one is missing, [`StoreError::Conflict`](reinstate_store::StoreError::Conflict) while one has an active
    /// run.
    pub fn extracts_delete(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        ids: &[String],
        permanent: bool,
    ) -> Result<Vec<String>, JobsError> {
        allow_managing(caller)?;
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let before = self.extracts_shown(tenant, caller, &ids, Trashed::Include)?;
        self.store().control.extracts_delete(tenant, &ids, permanent, self.now())?;
        if permanent { Ok(before) } else { self.extracts_shown(tenant, caller, &ids, Trashed::Include) }
    }

    fn extracts_shown(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        ids: &[&str],
        trashed: Trashed,
    ) -> Result<Vec<String>, JobsError> {
        Ok(self.store().control.system_get_many(tenant, caller, MODEL, ids, trashed)?)
    }

    /// The tenant's models, where a body has a filter to be checked against them.
    fn models_to_filter<'a>(
        &self,
        tenant: &TenantId,
        mut bodies: impl Iterator<Item = &'a Json>,
    ) -> Result<Catalog, JobsError> {
        if bodies.any(|body| body.get("filter").is_some_and(Json::is_object)) {
            Ok(self.store().tenants.open(tenant)?.catalog()?)
        } else {
            Ok(Catalog::default())
        }
    }
}

/// What a patch says that is not there.
static NO_KEYS: std::sync::LazyLock<Map<String, Json>> = std::sync::LazyLock::new(Map::new);

/// The filters that do not fit their models. Models may still come into being before the first run, which looks again.
fn filter_faults(catalog: &Catalog, extract: &NewExtract) -> Vec<FieldFault> {
    let filters = extract.filter.as_ref().and_then(Json::as_object).into_iter().flatten();
    let fault = |(name, condition): (&String, &Json)| {
        let model = catalog.find(name)?;
        let fault = filter_from_json(condition, &Layout::new(model.clone())).err()?;
        let message = format!("the filter of model '{name}' cannot be used: {fault}");
        Some(FieldFault { field: "filter".to_owned(), rule: "filter", message })
    };
    filters.filter_map(fault).collect()
}

fn allow_managing(caller: &Caller) -> Result<(), JobsError> {
    if caller.level >= AccessLevel::Full {
        return Ok(());
    }
    let message = "Managing extracts needs access level 'full'".to_owned();
    Err(JobsError::Forbidden { message })
}
