//! How an extract shall go: what a configuration says, and what a run keeps of it.

use std::collections::BTreeMap;

use reinstate_archive::Limits;
use reinstate_engine::{ExtractRequest, Include};
use reinstate_store::control::{ExtractRecord, ExtractRunRecord};
use serde_json::{Value as Json, json};

use crate::halves;
use crate::restores::caller_from_json;

/// Microseconds in a day.
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What a run of a configuration keeps of it.
pub(super) fn snapshot(extract: &ExtractRecord) -> Json {
    json!({
        "name": extract.name,
        "format": extract.format,
        "include": extract.include,
        "models": extract.models,
        "filter": extract.filter,
        "retention_days": extract.retention_days,
    })
}

/// What a run is asked to do; `None` where its snapshot cannot be read.
pub(super) fn request(run: &ExtractRunRecord, limits: &Limits) -> Option<ExtractRequest> {
    let snapshot = &run.config_snapshot;
    let models = match snapshot.get("models")? {
        Json::Null => None,
        models => Some(texts(models)?),
    };
    let filters = match snapshot.get("filter")? {
        Json::Object(filters) => filters.iter().map(|(model, json)| (model.clone(), json.clone())).collect(),
        _ => BTreeMap::new(),
    };
    Some(ExtractRequest {
        run_id: run.id.clone(),
        extract_id: run.extract_id.clone(),
        include: include(snapshot)?,
        models,
        filters,
        caller: caller_from_json(&run.caller)?,
        limits: limits.clone(),
        level: None,
    })
}

/// When the archive of a run that ends now expires, in microseconds.
pub(super) fn expires_at(run: &ExtractRunRecord, now: i64) -> Option<i64> {
    let days = run.config_snapshot.get("retention_days")?.as_i64()?;
    Some(now.saturating_add(days.saturating_mul(MICROS_PER_DAY)))
}

fn include(snapshot: &Json) -> Option<Include> {
    halves::read(texts(snapshot.get("include")?)?.iter().map(String::as_str)).ok()
}

fn texts(json: &Json) -> Option<Vec<String>> {
    json.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}
