//! The progress bar of an upload and of a run. Drawn on standard error, and only where a person looks on.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reinstate_api::restore::RunRecord;

use crate::table::grouped;

/// How often a bar moves by itself, so that one sees that the program lives.
const TICK_MS: u64 = 100;

/// A bar, or nothing at all.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A bar where standard output and standard error are both terminals and `wanted`; else it draws nothing.
    pub(crate) fn new(wanted: bool) -> Self {
        let is_watched = wanted && std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        Self(if is_watched { ProgressBar::no_length() } else { ProgressBar::hidden() })
    }

    /// Starts to show an upload.
    pub(crate) fn upload_begins(&self) {
        self.restyle("{prefix} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}");
        self.0.set_prefix("uploading");
    }

    /// Shows how many bytes are on their way.
    pub(crate) fn uploaded(&self, sent_bytes: u64, total_bytes: u64) {
        self.0.set_length(total_bytes);
        self.0.set_position(sent_bytes);
    }

    /// Starts to show a run.
    pub(crate) fn run_begins(&self) {
        self.0.reset();
        self.restyle("{prefix} [{bar:40}] {percent:>3} % {elapsed} {msg}");
        self.0.set_prefix("restoring");
        self.0.set_length(100);
        self.0.enable_steady_tick(Duration::from_millis(TICK_MS));
    }

    /// Shows the state of a run.
    pub(crate) fn run_is(&self, run: &RunRecord) {
        self.0.set_position(run.progress.clamp(0, 100).unsigned_abs());
        let detail = run.progress_detail.clone().unwrap_or_default();
        let count = [detail.records_imported, detail.records_updated, detail.records_skipped];
        let records = count.into_iter().flatten().sum::<u64>();
        self.0.set_message(match detail.current_model {
            Some(model) => format!("{model}, {} records", grouped(records)),
            None => run.status.as_str().to_owned(),
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
        for template in [
            "{prefix} [{bar:40}] {bytes}/{total_bytes} {bytes_per_sec}",
            "{prefix} [{bar:40}] {percent:>3} % {elapsed} {msg}",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
