//! Which models are written, and which of their records.

use std::collections::BTreeMap;
use std::sync::Arc;

use reinstate_describe::filter::filter_from_json;
use reinstate_describe::{Caller, Catalog, Filter, Layout, Model, Name};
use serde_json::Value as Json;

use super::error::ExtractError;
use super::request::ExtractRequest;
use crate::source::Selection;

/// What is written.
pub(super) struct Plan {
    pub(super) describe: bool,
    pub(super) data: bool,
    /// The models by their names, without case.
    pub(super) exports: Vec<Export>,
    pub(super) caller: Caller,
}

/// A model that is written.
pub(super) struct Export {
    pub(super) layout: Arc<Layout>,
    filter: Option<Filter>,
}

impl Export {
    pub(super) fn selection<'a>(&'a self, caller: &'a Caller) -> Selection<'a> {
        Selection { layout: &self.layout, filter: self.filter.as_ref(), caller }
    }
}

/// Checks the request against the tenant's models.
pub(super) fn plan(catalog: &Catalog, request: &ExtractRequest) -> Result<Plan, ExtractError> {
    let mut models = BTreeMap::new();
    for model in chosen(catalog, request.models.as_deref())? {
        models.insert(model.name.as_str().to_ascii_lowercase(), model);
    }
    let mut filters = filters(&request.filters, &models)?;
    let exports = models.iter().map(|(key, model)| {
        let layout = Arc::new(Layout::new((*model).clone()));
        let filter = match filters.remove(key) {
            None => None,
            Some(json) => Some(filter_from_json(json, &layout).map_err(|fault| {
                ExtractError::FilterInvalid { model: model.name.to_string(), message: fault.message }
            })?),
        };
        Ok(Export { layout, filter })
    });
    Ok(Plan {
        describe: request.include.describe,
        data: request.include.data,
        exports: exports.collect::<Result<_, ExtractError>>()?,
        caller: request.caller.clone(),
    })
}

fn chosen<'a>(catalog: &'a Catalog, names: Option<&[String]>) -> Result<Vec<&'a Model>, ExtractError> {
    let Some(names) = names else { return Ok(catalog.iter().collect()) };
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match catalog.find(name) {
            Some(model) => found.push(model),
            None => missing.push(name.clone()),
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(ExtractError::ModelsUnknown { models: missing }) }
}

/// The filters by the models' names without case. A filter that would filter nothing is a mistake of whoever wrote it:
/// he would get records that he did not ask for.
fn filters<'a>(
    filters: &'a BTreeMap<String, Json>,
    models: &BTreeMap<String, &Model>,
) -> Result<BTreeMap<String, &'a Json>, ExtractError> {
    let mut known = BTreeMap::new();
    for (model, json) in filters {
        let key = model.to_ascii_lowercase();
        if Name::new(model).is_err() || !models.contains_key(&key) {
            let message = "is not among the models of this extract".to_owned();
            return Err(ExtractError::FilterInvalid { model: model.clone(), message });
        }
        if known.insert(key, json).is_some() {
            let message = "has two filters, spelled in upper and lower case".to_owned();
            return Err(ExtractError::FilterInvalid { model: model.clone(), message });
        }
    }
    Ok(known)
}
