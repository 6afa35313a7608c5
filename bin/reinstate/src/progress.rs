//! The progress bar of an upload, a download and a run. Drawn on standard error, and only where a person looks on.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reinstate_api::extract::ExtractRunRecord;
use reinstate_api::restore::{RunRecord, RunStatus};

use crate::table::grouped;

/// How often a bar moves by itself, so that one sees that the program lives.
const TICK_MS: u64 = 100;

/// The bar of bytes that move.
const TRANSFER: &str = "{prefix} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}";

/// The bar of a run.
const RUN: &str = "{prefix} [{bar:40}] {percent:>3} % {elapsed} {msg}";

/// A bar, or nothing at all.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar where standard output and standard error are both terminals and `wanted`; else it draws nothing.
    pub(crate) fn new(wanted: bool) -> Self {
        let is_watched = wanted && std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        Self(if is_watched { ProgressBar::no_length() } else { ProgressBar::hidden() })
    }

    /// Starts to show bytes that move, such as `uploading`.
    pub(crate) fn transfer_begins(&self, doing: &'static str) {
        self.0.reset();
        self.restyle(TRANSFER);
        self.0.set_prefix(doing);
    }

    /// Shows how many of the bytes are through.
    pub(crate) fn transferred(&self, done_bytes: u64, total_bytes: u64) {
        self.0.set_length(total_bytes);
        self.0.set_position(done_bytes);
    }

    /// Starts to show a restore's run.
    pub(crate) fn run_begins(&self) {
        self.percents_begin("restoring");
    }

    /// Starts to show an extract's run.
    pub(crate) fn extract_begins(&self) {
        self.percents_begin("extracting");
    }

    fn percents_begin(&self, doing: &'static str) {
        self.0.reset();
        self.restyle(RUN);
        self.0.set_prefix(doing);
        self.0.set_length(100);
        self.0.enable_steady_tick(Duration::from_millis(TICK_MS));
    }

    /// Shows the state of a restore's run.
    pub(crate) fn run_is(&self, run: &RunRecord) {
        let detail = run.progress_detail.clone().unwrap_or_default();
        let count = [detail.records_imported, detail.records_updated, detail.records_skipped];
        let records = count.into_iter().flatten().sum::<u64>();
        self.percents_are(run.progress, run.status, detail.current_model, records);
    }

    /// Shows the state of an extract's run.
    pub(crate) fn extract_is(&self, run: &ExtractRunRecord) {
        let detail = run.progress_detail.clone().unwrap_or_default();
        let records = detail.records_exported.unwrap_or_default();
        self.percents_are(run.progress, run.status, detail.current_model, records);
    }

    fn percents_are(&self, percent: i64, status: RunStatus, model: Option<String>, records: u64) {
        self.0.set_position(percent.clamp(0, 100).unsigned_abs());
        self.0.set_message(match model {
            Some(model) => format!("{model}, {} records", grouped(records)),
            None => status.as_str().to_owned(),
        });
    }

    /// Lets `print` write to the terminal without tearing the bar.
    pub(crate) fn aside(&self, print: impl FnOnce()) {
        self.0.suspend(print);
    }

    /// Takes the bar away.
    pub(crate) fn ends(&self) {
        self.0.finish_and_clear();
    }

    fn restyle(&self, template: &str) {
        // A template that does not parse would be a fault of this file; the default style is still a bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style.progress_chars("=> "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_parse() {
        for template in [TRANSFER, RUN] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
