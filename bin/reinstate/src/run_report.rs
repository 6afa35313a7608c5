//! What came of a run: totals from its record, one line a model and the warnings from its log.

use std::io::Write;

use reinstate_api::client::{Client, ClientError};
use reinstate_api::restore::{LogRecord, RunRecord, RunStatus};
use serde::Serialize;
use serde_json::Value as Json;

use crate::error::ProgramError;
use crate::table::{self, grouped};

/// Log lines asked for at once; the server gives no more in one list.
const LOG_LINES_MAX: u64 = 10_000;
/// Warnings printed to a person; `--json` has all of them.
const WARNINGS_SHOWN_MAX: usize = 20;

/// What came of a run.
#[derive(Debug, Serialize)]
pub(crate) struct RunReport {
    /// The run as the server has it.
    pub(crate) run: RunRecord,
    /// One entry a model whose file was read, in the order of the files.
    pub(crate) models: Vec<ModelReport>,
    /// The run's warnings.
    pub(crate) warnings: Vec<String>,
}

/// What a run did to one model.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ModelReport {
    /// The model.
    pub(crate) model: String,
    /// Records inserted.
    pub(crate) imported: u64,
    /// Records updated.
    pub(crate) updated: u64,
    /// Records left out.
    pub(crate) skipped: u64,
    /// Records removed beforehand.
    pub(crate) deleted: u64,
}

impl RunReport {
    /// Reads the log of an ended run.
    ///
    /// # Errors
    /// Where the server does not answer.
    pub(crate) async fn read(client: &Client, run: RunRecord) -> Result<Self, ClientError> {
        let of_models = logs(client, &run.id, "info").await?;
        let of_warnings = logs(client, &run.id, "warn").await?;
        let warnings = of_warnings.into_iter().map(|log| match log.model_name {
            Some(model) => format!("{model}: {}", log.message),
            None => log.message,
        });
        Ok(Self { run, models: models(&of_models), warnings: warnings.collect() })
    }

    /// Whether everything was applied.
    pub(crate) fn is_completed(&self) -> bool {
        self.run.status == RunStatus::Completed
    }

    /// Prints the report for a person.
    ///
    /// # Errors
    /// Where the output cannot be written.
    pub(crate) fn print(&self, out: &mut impl Write) -> Result<(), ProgramError> {
        let run = &self.run;
        let time =
            run.duration_ms.map_or_else(String::new, |ms| format!(" in {} ms", grouped(ms.unsigned_abs())));
        writeln!(out, "Run {} {}{time}", run.id, run.status.as_str())?;
        if self.is_completed() {
            self.print_models(out)?;
        }
        for warning in self.warnings.iter().take(WARNINGS_SHOWN_MAX) {
            writeln!(out, "warning: {warning}")?;
        }
        let more = self.warnings.len().saturating_sub(WARNINGS_SHOWN_MAX);
        if more > 0 {
            writeln!(out, "warning: {more} more in the run's log")?;
        }
        if let Some(error) = &run.error {
            writeln!(out, "error: {error}")?;
        }
        for line in run.error_detail.iter().flat_map(|detail| detail.lines()) {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }

    fn print_models(&self, out: &mut impl Write) -> Result<(), ProgramError> {
        let run = &self.run;
        let row = |name: &str, counts: [u64; 4]| {
            std::iter::once(name.to_owned()).chain(counts.map(grouped)).collect::<Vec<_>>()
        };
        let mut rows: Vec<Vec<String>> = self
            .models
            .iter()
            .map(|model| row(&model.model, [model.imported, model.updated, model.skipped, model.deleted]))
            .collect();
        let total = [run.records_imported, run.records_updated, run.records_skipped, run.records_deleted];
        rows.push(row("total", total));
        for line in table::lines(&["model", "imported", "updated", "skipped", "deleted"], &rows) {
            writeln!(out, "{line}")?;
        }
        if run.models_created + run.fields_created > 0 {
            let (models, fields) = (grouped(run.models_created), grouped(run.fields_created));
            writeln!(out, "  created: {models} models, {fields} fields")?;
        }
        Ok(())
    }
}

/// The lines of a level that are not about single records, page by page.
async fn logs(client: &Client, run_id: &str, level: &str) -> Result<Vec<LogRecord>, ClientError> {
    let mut found = Vec::new();
    loop {
        let query = [
            ("filter[where][run_id]", run_id.to_owned()),
            ("filter[where][level]", level.to_owned()),
            ("filter[where][record_id][$null]", "true".to_owned()),
            ("filter[limit]", LOG_LINES_MAX.to_string()),
            ("filter[offset]", found.len().to_string()),
        ];
        let listed = client.list::<LogRecord>("restore_logs", &query).await?;
        let is_last = listed.records.is_empty() || !listed.page.is_some_and(|page| page.has_more);
        found.extend(listed.records);
        if is_last {
            return Ok(found);
        }
    }
}

/// Adds up the counts that the log names for each model.
fn models(logs: &[LogRecord]) -> Vec<ModelReport> {
    let mut found: Vec<ModelReport> = Vec::new();
    for log in logs {
        let (Some(name), Some(detail)) = (&log.model_name, &log.detail) else { continue };
        let number = |key: &str| detail.get(key).and_then(Json::as_u64);
        let counts = ["imported", "updated", "skipped", "deleted"].map(number);
        if counts.iter().all(Option::is_none) {
            continue;
        }
        let [imported, updated, skipped, deleted] = counts.map(Option::unwrap_or_default);
        let index = found.iter().position(|model| &model.model == name).unwrap_or(found.len());
        if index == found.len() {
            found.push(ModelReport { model: name.clone(), ..ModelReport::default() });
        }
        if let Some(model) = found.get_mut(index) {
            model.imported += imported;
            model.updated += updated;
            model.skipped += skipped;
            model.deleted += deleted;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_one_model_are_added_up_and_other_lines_are_passed_over() {
        let log = |model: Option<&str>, detail: Json| LogRecord {
            id: "log_1".to_owned(),
            run_id: None,
            level: "info".to_owned(),
            phase: "data_import".to_owned(),
            model_name: model.map(str::to_owned),
            record_id: None,
            message: String::new(),
            detail: Some(detail),
            created_at: None,
        };
        let logs = [
            log(Some("a"), serde_json::json!({"deleted": 7})),
            log(Some("a"), serde_json::json!({"imported": 2, "updated": 0, "skipped": 1})),
            log(Some("b"), serde_json::json!({"reason": "x"})),
            log(None, serde_json::json!({"imported": 2})),
        ];
        let expected = ModelReport { model: "a".to_owned(), imported: 2, updated: 0, skipped: 1, deleted: 7 };
        assert_eq!(models(&logs), [expected]);
    }
}
