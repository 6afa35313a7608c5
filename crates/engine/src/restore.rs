//! The restore procedure: read, plan, define, import, commit.
//!
//! The strategy has had its say once the plan is made; from there on the steps know only whether to clear and
//! what a conflict means.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};
use std::sync::Arc;

use reinstate_archive::{Archive, Warning};
use reinstate_describe::yaml::{DescribeFile, DescribeLimits, parse_describe};
use reinstate_describe::{Layout, Model, Name};
use serde_json::json;

use crate::counters::Counters;
use crate::definitions;
use crate::error::{RestoreError, RestoreFailure};
use crate::event::{LogEntry, LogLevel, LogPhase};
use crate::plan::{FilePlan, Inputs, Plan, plan};
use crate::port::{Cancellation, RunMark, Stop, Target, TargetError};
use crate::records::{self, Shared};
use crate::reporter::Reporter;
use crate::request::{Environment, Gate, RestoreRequest};

/// Restores an archive into a target, all of it or nothing.
///
/// Everything happens in the target's one transaction; on any failure the target is dropped, which takes
/// everything back. The counters come back either way.
///
/// # Errors
/// [`RestoreFailure`]: why nothing was applied, and how far the run had got.
pub fn restore<R: Read + Seek + Send>(
    archive: Archive<R>,
    request: &RestoreRequest,
    target: Box<dyn Target + '_>,
    environment: Environment<'_>,
) -> Result<Counters, RestoreFailure> {
    let Environment { clock, ids, events, cancellation, gate } = environment;
    let shared = Shared { request, now_micros: clock.now_micros(), ids, cancellation };
    let mut reporter = Reporter::new(events);
    match run(archive, target, &shared, &mut reporter, gate) {
        Ok(()) => Ok(*reporter.counters()),
        Err(error) => {
            let error = Box::new(told(error, cancellation));
            Err(RestoreFailure { error, counters: *reporter.counters() })
        }
    }
}

/// A target that was interrupted does not know why; the wish to stop does.
fn told(error: RestoreError, cancellation: &Cancellation) -> RestoreError {
    match (error, cancellation.stopped()) {
        (RestoreError::Target(TargetError::Stopped), Some(stop)) => RestoreError::Stopped(stop),
        (error, _) => error,
    }
}

fn run<R: Read + Seek + Send>(
    mut archive: Archive<R>,
    mut target: Box<dyn Target + '_>,
    shared: &Shared<'_>,
    reporter: &mut Reporter<'_>,
    gate: &mut dyn Gate,
) -> Result<(), RestoreError> {
    log_opening(&archive, reporter);
    let described = read_describe(&mut archive, shared.request, reporter)?;
    let mut plan = make_plan(&archive, target.as_mut(), described.as_ref(), shared.request)?;
    drop(described);
    log_notes(&plan, reporter);
    for entry in &plan.verify_only {
        records::count(&mut archive, entry, shared.cancellation)?;
    }
    // Definitions of thousands of models take room that the records can use.
    let models = std::mem::take(&mut plan.models);
    definitions::apply(&models, target.as_mut(), reporter, shared.cancellation)?;
    drop(models);
    import_files(&mut archive, &plan, target.as_mut(), shared, reporter)?;
    commit(target, shared.request, *reporter.counters(), shared.cancellation, gate)
}

fn log_opening<R: Read + Seek>(archive: &Archive<R>, reporter: &mut Reporter<'_>) {
    let files = archive.data_entries().count();
    let message = format!("Opened archive with {files} data files");
    reporter.log(LogLevel::Info, LogPhase::Upload, message);
    for warning in archive.warnings() {
        let phase = match warning {
            Warning::UnknownEntry { .. } => LogPhase::Upload,
            Warning::NotInManifest { .. } => LogPhase::Validation,
        };
        reporter.log(LogLevel::Warn, phase, warning.to_string());
    }
}

/// Reads `describe.yaml`, verified against the manifest even where only data is asked for.
fn read_describe<R: Read + Seek>(
    archive: &mut Archive<R>,
    request: &RestoreRequest,
    reporter: &mut Reporter<'_>,
) -> Result<Option<DescribeFile>, RestoreError> {
    let Some(text) = archive.describe_text()? else { return Ok(None) };
    if !request.include.describe {
        return Ok(None);
    }
    // The archive has its own limit on this entry, which is a setting.
    let limits = DescribeLimits { bytes_max: usize::MAX, ..DescribeLimits::default() };
    let described = parse_describe(&text, &limits).map_err(RestoreError::Describe)?;
    for warning in &described.warnings {
        let detail = json!({ "line": warning.line, "field": warning.field, "key": warning.key });
        reporter.note(LogEntry {
            level: LogLevel::Warn,
            phase: LogPhase::Validation,
            model_name: warning.model.clone(),
            record_id: None,
            message: warning.message.clone(),
            detail: Some(detail),
        });
    }
    Ok(Some(described))
}

fn make_plan<R: Read + Seek>(
    archive: &Archive<R>,
    target: &mut dyn Target,
    described: Option<&DescribeFile>,
    request: &RestoreRequest,
) -> Result<Plan, RestoreError> {
    let catalog = target.catalog()?;
    let files: Vec<_> = archive.data_entries().cloned().collect();
    let inputs = Inputs { request, catalog: &catalog, described, files: &files };
    plan(&inputs, &mut |model| target.model_has_records(model))
}

fn log_notes(plan: &Plan, reporter: &mut Reporter<'_>) {
    for note in plan.notes.iter().cloned() {
        reporter.note(note);
    }
    if plan.models.is_empty() && plan.files.is_empty() {
        reporter.log(LogLevel::Warn, LogPhase::Validation, "The archive holds nothing to import");
    }
}

fn import_files<R: Read + Seek + Send>(
    archive: &mut Archive<R>,
    plan: &Plan,
    target: &mut dyn Target,
    shared: &Shared<'_>,
    reporter: &mut Reporter<'_>,
) -> Result<(), RestoreError> {
    let bytes_total = plan.files.iter().map(|file| file.entry.uncompressed_bytes).sum();
    reporter.data_begins(plan.files.len(), bytes_total);
    let models = models(plan, target)?;
    for file in &plan.files {
        records::look(shared.cancellation)?;
        reporter.file_begins(file.model.as_str());
        if file.decision.import {
            let Some(model) = models.get(&file.model).cloned() else { continue };
            let layout = Arc::new(Layout::new(model));
            clear(file, &layout, target, reporter)?;
            records::import(archive, file, layout, target, shared, reporter)?;
            target.records_end(&file.model)?;
        } else {
            leave_out(archive, file, shared, reporter)?;
        }
        reporter.file_ends();
    }
    Ok(())
}

/// The models with a file, as the target has them after all changes of definitions. Layouts are larger: they are made
/// one at a time.
fn models(plan: &Plan, target: &mut dyn Target) -> Result<HashMap<Name, Model>, RestoreError> {
    let with_file: HashSet<_> = plan.files.iter().map(|file| &file.model).collect();
    let models = target.catalog()?.into_iter().filter(|model| with_file.contains(&model.name));
    Ok(models.map(|model| (model.name.clone(), model)).collect())
}

fn clear(
    file: &FilePlan,
    layout: &Layout,
    target: &mut dyn Target,
    reporter: &mut Reporter<'_>,
) -> Result<(), RestoreError> {
    if !file.decision.clear {
        return Ok(());
    }
    let model = file.model.as_str();
    if layout.model().frozen && target.model_has_records(&file.model)? {
        return Err(RestoreError::ModelProtected { model: model.to_owned() });
    }
    let deleted = target.records_clear(&file.model)?;
    reporter.counters().records_deleted += deleted;
    let message = format!("Deleted {deleted} existing records");
    let detail = Some(json!({ "deleted": deleted }));
    reporter.log_model(LogLevel::Info, LogPhase::DataImport, model, message, detail);
    Ok(())
}

/// Counts the records of a file that the strategy leaves out whole.
fn leave_out<R: Read + Seek>(
    archive: &mut Archive<R>,
    file: &FilePlan,
    shared: &Shared<'_>,
    reporter: &mut Reporter<'_>,
) -> Result<(), RestoreError> {
    let skipped = records::count(archive, &file.entry, shared.cancellation)?;
    reporter.counters().records_skipped += skipped;
    reporter.bytes_read(file.entry.uncompressed_bytes);
    let message = format!("Left out {skipped} records: the model existed before");
    let detail = Some(json!({ "imported": 0, "updated": 0, "skipped": skipped }));
    reporter.log_model(LogLevel::Info, LogPhase::DataImport, file.model.as_str(), message, detail);
    Ok(())
}

fn commit(
    mut target: Box<dyn Target + '_>,
    request: &RestoreRequest,
    counters: Counters,
    cancellation: &Cancellation,
    gate: &mut dyn Gate,
) -> Result<(), RestoreError> {
    // Before the leave to commit, after which nobody can cancel the run.
    target.commit_prepare()?;
    records::look(cancellation)?;
    if !gate.may_commit() {
        return Err(RestoreError::Stopped(cancellation.stopped().unwrap_or(Stop::Cancelled)));
    }
    let mark = RunMark { run_id: request.run_id.clone(), fence: request.fence, counters };
    Ok(target.commit(&mark)?)
}
