//! A restore configuration as a JSON object: read with every fault at once.

use reinstate_describe::system::is_system_column;
use reinstate_engine::Strategy;
use reinstate_store::control::{NewRestore, RestoreRecord};
use serde_json::{Map, Value as Json};

use super::options::strategies;
use crate::body::{
    Fault, fault, flag, include, models, name, name_missing, of_key, optional_text, read_only, shown, text,
};
use crate::error::FieldFault;
use crate::halves::{DATA, DESCRIBE};
use crate::sources::{self, SourceKind};

/// Longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 10_000;

/// Keys that a configuration shows and nobody sets, besides the system columns.
const READ_ONLY: [&str; 6] =
    ["last_run_id", "last_run_at", "total_runs", "successful_runs", "failed_runs", "created_by"];

/// A configuration without anything said about it yet.
pub(super) fn blank(id: String, created_by: String) -> NewRestore {
    NewRestore {
        id,
        name: String::new(),
        description: None,
        source_type: SourceKind::Upload.as_str().to_owned(),
        source_ref: None,
        conflict_strategy: Strategy::default().as_str().to_owned(),
        include: vec![DESCRIBE.to_owned(), DATA.to_owned()],
        models: None,
        create_models: true,
        enabled: true,
        created_by,
    }
}

/// A configuration as it is, to be changed.
pub(super) fn as_it_is(restore: &RestoreRecord) -> NewRestore {
    NewRestore {
        id: restore.id.clone(),
        name: restore.name.clone(),
        description: restore.description.clone(),
        source_type: restore.source_type.clone(),
        source_ref: restore.source_ref.clone(),
        conflict_strategy: restore.conflict_strategy.clone(),
        include: restore.include.clone(),
        models: restore.models.clone(),
        create_models: restore.create_models,
        enabled: restore.enabled,
        created_by: restore.created_by.clone(),
    }
}

/// Writes what `body` says into `restore`; keys that it lacks stay as they are. `current` is the configuration as
/// it is shown: a key that nobody sets may be sent back with the value that it has.
pub(super) fn apply(
    body: &Map<String, Json>,
    restore: &mut NewRestore,
    current: Option<&Json>,
) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    for (key, value) in body {
        if let Err(fault) = apply_key(key, value, restore, current) {
            faults.push(of_key(key, fault));
        }
    }
    if restore.name.is_empty() {
        faults.extend(name_missing(&faults));
    }
    faults
}

fn apply_key(key: &str, value: &Json, restore: &mut NewRestore, current: Option<&Json>) -> Result<(), Fault> {
    match key {
        "name" => restore.name = name(value)?,
        "description" => restore.description = optional_text(key, value, DESCRIPTION_CHARS_MAX)?,
        "source_type" => restore.source_type = source_type(value)?,
        "source_ref" => restore.source_ref = optional_text(key, value, SOURCE_REF_CHARS_MAX)?,
        "conflict_strategy" => restore.conflict_strategy = conflict_strategy(value)?,
        "include" => restore.include = include(value)?,
        "models" => restore.models = models(value)?,
        "create_models" => restore.create_models = flag(key, value)?,
        "enabled" => restore.enabled = flag(key, value)?,
        _ if READ_ONLY.contains(&key) || is_system_column(key) => read_only(key, value, current)?,
        _ => return fault("unknown_key", format!("a restore has no field '{}'", shown(key))),
    }
    Ok(())
}

/// Longest reference to a source, in characters.
const SOURCE_REF_CHARS_MAX: usize = 4_096;

fn source_type(value: &Json) -> Result<String, Fault> {
    let spelling = text("source_type", value, SOURCE_REF_CHARS_MAX)?;
    if SourceKind::parse(spelling).is_some() {
        return Ok(spelling.to_owned());
    }
    let what = if spelling == sources::PLANNED { "is not supported yet" } else { "is unknown" };
    let allowed = SourceKind::ALL.map(SourceKind::as_str).join(", ");
    fault("enum_values", format!("source_type '{}' {what}; allowed are {allowed}", shown(spelling)))
}

fn conflict_strategy(value: &Json) -> Result<String, Fault> {
    let strategy = text("conflict_strategy", value, SOURCE_REF_CHARS_MAX)?;
    match Strategy::parse(strategy) {
        Some(strategy) => Ok(strategy.as_str().to_owned()),
        None => {
            let (strategy, allowed) = (shown(strategy), strategies());
            fault("enum_values", format!("conflict_strategy '{strategy}' is unknown; allowed are {allowed}"))
        }
    }
}
