//! The describe half of a restore: creates models and adds fields as planned.

use crate::error::RestoreError;
use crate::event::{LogLevel, LogPhase};
use crate::plan::ModelAction;
use crate::port::{Cancellation, Target};
use crate::reporter::Reporter;

/// Carries out the planned changes of definitions.
pub(crate) fn apply(
    actions: &[ModelAction],
    target: &mut dyn Target,
    reporter: &mut Reporter<'_>,
    cancellation: &Cancellation,
) -> Result<(), RestoreError> {
    for (done, action) in actions.iter().enumerate() {
        if let Some(stop) = cancellation.stopped() {
            return Err(RestoreError::Stopped(stop));
        }
        match action {
            ModelAction::Create(model) => {
                target.model_create(model)?;
                reporter.counters().models_created += 1;
                created(
                    reporter,
                    model.name.as_str(),
                    model.fields.values().map(|field| field.name.as_str()),
                    true,
                );
            }
            ModelAction::Extend(model, fields) => {
                target.fields_add(model, fields)?;
                created(reporter, model.as_str(), fields.iter().map(|field| field.name.as_str()), false);
            }
            ModelAction::Keep(_) => {}
        }
        reporter.described(done + 1, actions.len());
    }
    Ok(())
}

fn created<'a>(
    reporter: &mut Reporter<'_>,
    model: &str,
    fields: impl Iterator<Item = &'a str>,
    model_is_new: bool,
) {
    let phase = LogPhase::DescribeImport;
    if model_is_new {
        reporter.log_model(LogLevel::Info, phase, model, "Created model", None);
    }
    for field in fields {
        reporter.counters().fields_created += 1;
        reporter.log_model(LogLevel::Info, phase, model, format!("Created field: {field}"), None);
    }
}
