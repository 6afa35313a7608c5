//! What a restore is going to do, worked out before the first change: which models to create or extend, which
//! files to import and how, which to pass over.
//!
//! Planning reads and decides; it changes nothing. Everything that can be refused up front is refused here.

use std::collections::HashSet;

use reinstate_archive::DataEntry;
use reinstate_describe::difference::difference;
use reinstate_describe::system::is_reserved_model;
use reinstate_describe::yaml::DescribeFile;
use reinstate_describe::{AccessLevel, Catalog, Field, Model, Name};
use serde_json::json;

use crate::error::{RestoreError, TypeConflict};
use crate::event::{LogEntry, LogLevel, LogPhase};
use crate::port::TargetError;
use crate::request::RestoreRequest;
use crate::strategy::Decision;

/// What becomes of a described model.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelAction {
    /// The tenant lacks it: it is created with all its fields.
    Create(Model),
    /// The tenant has it: these fields are added.
    Extend(Name, Vec<Field>),
    /// The tenant has it with every field.
    Keep(Name),
}

/// What becomes of a data file.
#[derive(Debug, Clone, PartialEq)]
pub struct FilePlan {
    /// The file.
    pub entry: DataEntry,
    /// Its model.
    pub model: Name,
    /// Whether the model is new with this run.
    pub model_is_new: bool,
    /// The strategy's decision for the model.
    pub decision: Decision,
}

/// A whole restore, planned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Models, in the order of `describe.yaml`.
    pub models: Vec<ModelAction>,
    /// Data files, in the order of the archive.
    pub files: Vec<FilePlan>,
    /// Entries that are read through for their checksums alone.
    pub verify_only: Vec<DataEntry>,
    /// What the log should say about what was left out or differs.
    pub notes: Vec<LogEntry>,
}

/// What planning looks at.
pub(crate) struct Inputs<'a> {
    pub(crate) request: &'a RestoreRequest,
    pub(crate) catalog: &'a Catalog,
    pub(crate) described: Option<&'a DescribeFile>,
    pub(crate) files: &'a [DataEntry],
}

/// Plans a restore. `has_records` is asked for models that get a new required field.
pub(crate) fn plan(
    inputs: &Inputs<'_>,
    has_records: &mut dyn FnMut(&Name) -> Result<bool, TargetError>,
) -> Result<Plan, RestoreError> {
    let scope = Scope::new(inputs)?;
    let mut plan = Plan { notes: reserved_notes(inputs), ..Plan::default() };
    if inputs.request.include.describe {
        plan_models(inputs, &scope, has_records, &mut plan)?;
    }
    plan_files(inputs, &scope, &mut plan)?;
    check_level(inputs.request, &plan)?;
    Ok(plan)
}

/// The models that the request is about.
struct Scope(Option<HashSet<String>>);

impl Scope {
    fn new(inputs: &Inputs<'_>) -> Result<Self, RestoreError> {
        let Some(wanted) = &inputs.request.models else { return Ok(Self(None)) };
        let described = inputs.described.into_iter().flat_map(|file| {
            file.models.iter().map(|model| model.name.folded()).chain(file.reserved.iter().map(fold))
        });
        let there: HashSet<_> = described.chain(inputs.files.iter().map(|file| fold(&file.model))).collect();
        let missing: Vec<_> = wanted.iter().filter(|name| !there.contains(&fold(name))).cloned().collect();
        if missing.is_empty() {
            Ok(Self(Some(wanted.iter().map(fold).collect())))
        } else {
            let what = if inputs.request.include.describe { "definition and no data" } else { "data" };
            Err(RestoreError::ModelsNotInArchive { models: missing, what })
        }
    }

    fn holds(&self, model: &str) -> bool {
        self.0.as_ref().is_none_or(|wanted| wanted.contains(&fold(model)))
    }
}

fn fold(name: impl AsRef<str>) -> String {
    name.as_ref().to_ascii_lowercase()
}

fn note(phase: LogPhase, level: LogLevel, model: &str, message: String) -> LogEntry {
    let model_name = Some(model.to_owned());
    LogEntry { level, phase, model_name, record_id: None, message, detail: None }
}

fn reserved_notes(inputs: &Inputs<'_>) -> Vec<LogEntry> {
    let described = inputs.described.into_iter().flat_map(|file| file.reserved.iter());
    let files = inputs.files.iter().map(|file| &file.model).filter(|model| is_reserved_model(model));
    let mut seen = HashSet::new();
    described
        .chain(files)
        .filter(|model| seen.insert(fold(model)))
        .map(|model| {
            let message = format!("Skipped reserved model '{model}': the platform keeps its own");
            note(LogPhase::Validation, LogLevel::Warn, model, message)
        })
        .collect()
}

fn plan_models(
    inputs: &Inputs<'_>,
    scope: &Scope,
    has_records: &mut dyn FnMut(&Name) -> Result<bool, TargetError>,
    plan: &mut Plan,
) -> Result<(), RestoreError> {
    let described = inputs.described.into_iter().flat_map(|file| file.models.iter());
    let mut conflicts = Vec::new();
    for model in described.filter(|model| scope.holds(model.name.as_str())) {
        match inputs.catalog.get(&model.name) {
            None if inputs.request.create_models => plan.models.push(ModelAction::Create(model.clone())),
            None => return Err(RestoreError::ModelMissing { model: model.name.to_string() }),
            Some(existing) => plan_existing(existing, model, has_records, plan, &mut conflicts)?,
        }
    }
    if conflicts.is_empty() { Ok(()) } else { Err(RestoreError::TypeConflict(conflicts)) }
}

fn plan_existing(
    existing: &Model,
    described: &Model,
    has_records: &mut dyn FnMut(&Name) -> Result<bool, TargetError>,
    plan: &mut Plan,
    conflicts: &mut Vec<TypeConflict>,
) -> Result<(), RestoreError> {
    let model = existing.name.as_str();
    let mut difference = difference(existing, described);
    conflicts.extend(difference.type_conflicts.into_iter().map(|conflict| TypeConflict {
        model: model.to_owned(),
        field: conflict.field.to_string(),
        existing: conflict.existing,
        described: conflict.described,
    }));
    plan.notes.extend(difference.others.into_iter().map(|other| {
        let place = other.field.as_ref().map_or_else(String::new, |field| format!("field '{field}': "));
        let message = format!("Kept the tenant's definition; {place}'{}' differs", other.attribute);
        let field = other.field.as_ref().map(Name::as_str);
        let detail = json!({
            "field": field,
            "attribute": other.attribute,
            "existing": other.existing,
            "described": other.described,
        });
        LogEntry { detail: Some(detail), ..note(LogPhase::DescribeImport, LogLevel::Warn, model, message) }
    }));
    let fills = difference.fields_added.iter().any(|field| field.default_value.is_some());
    if existing.frozen && fills && has_records(&existing.name)? {
        return Err(RestoreError::ModelProtected { model: model.to_owned() });
    }
    for field in &mut difference.fields_added {
        if field.required && field.default_value.is_none() && has_records(&existing.name)? {
            field.required = false;
            let message = format!(
                "Created field '{}' as not required: the model has records and the field no default value",
                field.name
            );
            plan.notes.push(note(LogPhase::DescribeImport, LogLevel::Warn, model, message));
        }
    }
    plan.models.push(if difference.fields_added.is_empty() {
        ModelAction::Keep(existing.name.clone())
    } else {
        ModelAction::Extend(existing.name.clone(), difference.fields_added)
    });
    Ok(())
}

fn plan_files(inputs: &Inputs<'_>, scope: &Scope, plan: &mut Plan) -> Result<(), RestoreError> {
    let created: HashSet<Name> = plan
        .models
        .iter()
        .filter_map(|action| match action {
            ModelAction::Create(model) => Some(model.name.clone()),
            ModelAction::Extend(..) | ModelAction::Keep(_) => None,
        })
        .collect();
    for entry in inputs.files {
        let wanted =
            inputs.request.include.data && scope.holds(&entry.model) && !is_reserved_model(&entry.model);
        if !wanted {
            plan.verify_only.push(entry.clone());
            continue;
        }
        let name = Name::new(&entry.model).ok();
        let existing = name.as_ref().and_then(|name| inputs.catalog.get(name));
        let new = name.as_ref().and_then(|name| created.get(name));
        let model_is_new = new.is_some();
        let Some(model) = existing.map(|model| &model.name).or(new) else {
            return Err(undefined(inputs, entry));
        };
        let decision = inputs.request.strategy.decide(model_is_new);
        plan.files.push(FilePlan { entry: entry.clone(), model: model.clone(), model_is_new, decision });
    }
    Ok(())
}

fn undefined(inputs: &Inputs<'_>, entry: &DataEntry) -> RestoreError {
    let hint = if inputs.request.include.describe {
        "the archive does not describe it; create the model first, or leave the file out with 'models'"
    } else {
        "add 'describe' to include, so that the archive's definition is imported, or create the model first"
    };
    RestoreError::ModelUndefined { model: entry.model.clone(), file: entry.name.clone(), hint }
}

/// What only the archive tells about a caller who may edit records but not definitions.
fn check_level(request: &RestoreRequest, plan: &Plan) -> Result<(), RestoreError> {
    if request.caller.level >= AccessLevel::Full {
        return Ok(());
    }
    if request.strategy.removes_records() {
        return forbidden(format!("The strategy '{}' removes records", request.strategy));
    }
    for action in &plan.models {
        match action {
            ModelAction::Create(model) => {
                return forbidden(format!("The run would create model '{}'", model.name));
            }
            ModelAction::Extend(model, fields) => {
                let names: Vec<_> = fields.iter().map(|field| format!("'{}'", field.name)).collect();
                return forbidden(format!(
                    "The run would add to model '{model}' the fields {}",
                    names.join(", ")
                ));
            }
            ModelAction::Keep(_) => {}
        }
    }
    Ok(())
}

fn forbidden(cause: String) -> Result<(), RestoreError> {
    Err(RestoreError::Forbidden { cause })
}
