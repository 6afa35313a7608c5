//! An extract configuration as a JSON object: read with every fault at once.

use std::collections::HashSet;

use reinstate_describe::Name;
use reinstate_describe::system::{is_reserved_model, is_system_column};
use reinstate_store::control::{ExtractRecord, NewExtract};
use serde_json::{Map, Value as Json};

use crate::body::{
    Fault, fault, flag, include, models, name, name_missing, of_key, optional_text, read_only, shown, text,
};
use crate::error::FieldFault;
use crate::halves::{DATA, DESCRIBE};

/// Longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 10_000;

/// Longest spelling of a format that is looked at, in characters.
const FORMAT_CHARS_MAX: usize = 100;

/// The one format that there is.
pub(super) const FORMAT: &str = "jsonl";

/// How long an archive is kept, in days.
const RETENTION_DAYS_DEFAULT: i32 = 7;

/// How long it may be kept, in days.
const RETENTION_DAYS_MAX: i32 = 365;

/// Models with a filter that one configuration may hold.
const FILTERS_MAX: usize = 10_000;

/// Bytes of all filters together.
const FILTERS_BYTES_MAX: usize = 1 << 20;

/// Keys that a configuration shows and nobody sets, besides the system columns.
const READ_ONLY: [&str; 6] =
    ["last_run_id", "last_run_at", "total_runs", "successful_runs", "failed_runs", "created_by"];

/// A configuration without anything said about it yet.
pub(super) fn blank(id: String, created_by: String) -> NewExtract {
    NewExtract {
        id,
        name: String::new(),
        description: None,
        format: FORMAT.to_owned(),
        include: vec![DESCRIBE.to_owned(), DATA.to_owned()],
        models: None,
        filter: None,
        retention_days: RETENTION_DAYS_DEFAULT,
        enabled: true,
        created_by,
    }
}

/// A configuration as it is, to be changed.
pub(super) fn as_it_is(extract: &ExtractRecord) -> NewExtract {
    NewExtract {
        id: extract.id.clone(),
        name: extract.name.clone(),
        description: extract.description.clone(),
        format: extract.format.clone(),
        include: extract.include.clone(),
        models: extract.models.clone(),
        filter: extract.filter.clone(),
        retention_days: extract.retention_days,
        enabled: extract.enabled,
        created_by: extract.created_by.clone(),
    }
}

/// Writes what `body` says into `extract`; keys that it lacks stay as they are. `current` is the configuration as
/// it is shown: a key that nobody sets may be sent back with the value that it has.
pub(super) fn apply(
    body: &Map<String, Json>,
    extract: &mut NewExtract,
    current: Option<&Json>,
) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    for (key, value) in body {
        if let Err(fault) = apply_key(key, value, extract, current) {
            faults.push(of_key(key, fault));
        }
    }
    if extract.name.is_empty() {
        faults.extend(name_missing(&faults));
    }
    if let Err(fault) = filters_fit_models(extract) {
        faults.push(of_key("filter", fault));
    }
    faults
}

fn apply_key(key: &str, value: &Json, extract: &mut NewExtract, current: Option<&Json>) -> Result<(), Fault> {
    match key {
        "name" => extract.name = name(value)?,
        "description" => extract.description = optional_text(key, value, DESCRIPTION_CHARS_MAX)?,
        "format" => extract.format = format(value)?,
        "include" => extract.include = include(value)?,
        "models" => extract.models = own_models(value)?,
        "filter" => extract.filter = filter(value)?,
        "retention_days" => extract.retention_days = retention_days(value)?,
        "enabled" => extract.enabled = flag(key, value)?,
        _ if READ_ONLY.contains(&key) || is_system_column(key) => read_only(key, value, current)?,
        _ => return fault("unknown_key", format!("an extract has no field '{}'", shown(key))),
    }
    Ok(())
}

/// Models of the tenant's own: the platform's bookkeeping is never written out.
fn own_models(value: &Json) -> Result<Option<Vec<String>>, Fault> {
    let models = models(value)?;
    match models.iter().flatten().find(|model| is_reserved_model(model)) {
        None => Ok(models),
        Some(model) => fault("reserved", format!("models names '{model}', which belongs to the platform")),
    }
}

fn format(value: &Json) -> Result<String, Fault> {
    let format = text("format", value, FORMAT_CHARS_MAX)?;
    if format == FORMAT {
        return Ok(format.to_owned());
    }
    fault("enum_values", format!("format '{}' is unknown; allowed is {FORMAT}", shown(format)))
}

fn filter(value: &Json) -> Result<Option<Json>, Fault> {
    if value.is_null() {
        return Ok(None);
    }
    let Some(filters) = value.as_object() else {
        return fault(
            "type_mismatch",
            "filter must be an object of model names with a condition each, or null",
        );
    };
    if filters.len() > FILTERS_MAX || value.to_string().len() > FILTERS_BYTES_MAX {
        let message =
            format!("filter must hold at most {FILTERS_MAX} models and {FILTERS_BYTES_MAX} bytes in all");
        return fault("maximum", message);
    }
    if holds_nul(value) {
        return fault("type_mismatch", "filter must not contain NUL");
    }
    let mut named = HashSet::new();
    for (model, condition) in filters {
        if !named.insert(model.to_ascii_lowercase()) {
            return fault("pattern", format!("filter names model '{model}' twice, in upper and lower case"));
        }
        if let Err(error) = Name::new(model) {
            return fault("pattern", format!("filter: {error}"));
        }
        if !condition.is_object() {
            let message = format!("filter of model '{model}' must be an object like {{\"field\": value}}");
            return fault("type_mismatch", message);
        }
    }
    Ok(Some(value.clone()))
}

/// Whether a text or a key anywhere holds NUL, which no database keeps.
fn holds_nul(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('\0'),
        Json::Array(values) => values.iter().any(holds_nul),
        Json::Object(members) => members.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// A filter of a model that is not written would be passed over in silence.
fn filters_fit_models(extract: &NewExtract) -> Result<(), Fault> {
    let (Some(models), Some(Json::Object(filters))) = (&extract.models, &extract.filter) else {
        return Ok(());
    };
    let stray = filters.keys().find(|model| !models.iter().any(|named| named.eq_ignore_ascii_case(model)));
    match stray {
        None => Ok(()),
        Some(model) => {
            fault("unknown_model", format!("filter names model '{model}', which models does not list"))
        }
    }
}

fn retention_days(value: &Json) -> Result<i32, Fault> {
    let days = value.as_i64().and_then(|days| i32::try_from(days).ok());
    match days {
        Some(days @ 1..=RETENTION_DAYS_MAX) => Ok(days),
        _ => fault("range", format!("retention_days must be a whole number from 1 to {RETENTION_DAYS_MAX}")),
    }
}
