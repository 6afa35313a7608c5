//! Keeps the counters and the progress of one restore and tells the listener.

use serde_json::{Value as Json, json};

use crate::counters::Counters;
use crate::event::{Event, Events, LogEntry, LogLevel, LogPhase, Progress, ProgressPhase};

/// Percent reached when models and fields are done.
const DESCRIBE_PERCENT: u8 = 25;

/// Percent that a run may show before it is committed.
const UNCOMMITTED_PERCENT_MAX: u8 = 99;

/// Speaks for one restore to its listener.
pub(crate) struct Reporter<'a> {
    events: &'a mut dyn Events,
    progress: Progress,
}

impl<'a> Reporter<'a> {
    pub(crate) fn new(events: &'a mut dyn Events) -> Self {
        let progress = Progress {
            percent: 0,
            phase: ProgressPhase::ImportedDescribe,
            files_total: 0,
            files_completed: 0,
            current_model: None,
            bytes_total: 0,
            bytes_read: 0,
            counters: Counters::default(),
        };
        Self { events, progress }
    }

    pub(crate) fn counters(&mut self) -> &mut Counters {
        &mut self.progress.counters
    }

    pub(crate) fn log(&mut self, level: LogLevel, phase: LogPhase, message: impl Into<String>) {
        self.entry(level, phase, None, message.into(), None);
    }

    /// Passes on an entry that was made while planning.
    pub(crate) fn note(&mut self, entry: LogEntry) {
        self.events.event(Event::Log(entry));
    }

    pub(crate) fn log_model(
        &mut self,
        level: LogLevel,
        phase: LogPhase,
        model: &str,
        message: impl Into<String>,
        detail: Option<Json>,
    ) {
        self.entry(level, phase, Some(model), message.into(), detail);
    }

    fn entry(
        &mut self,
        level: LogLevel,
        phase: LogPhase,
        model: Option<&str>,
        message: String,
        detail: Option<Json>,
    ) {
        let model_name = model.map(str::to_owned);
        self.events.event(Event::Log(LogEntry {
            level,
            phase,
            model_name,
            record_id: None,
            message,
            detail,
        }));
    }

    /// Logs a record that was there already and was left alone, or that an earlier line had brought.
    pub(crate) fn log_skipped(&mut self, model: &str, id: &str, line: u64, existed_before: bool) {
        let (message, reason) = if existed_before {
            ("Skipped existing record (sync strategy)", "record_exists_in_parent")
        } else {
            ("Skipped record whose id an earlier line of the file has", "id_repeated_in_file")
        };
        self.events.event(Event::Log(LogEntry {
            level: LogLevel::Info,
            phase: LogPhase::DataImport,
            model_name: Some(model.to_owned()),
            record_id: Some(id.to_owned()),
            message: message.to_owned(),
            detail: Some(json!({ "reason": reason, "line": line })),
        }));
    }

    /// `done` of `total` models have their definition.
    pub(crate) fn described(&mut self, done: usize, total: usize) {
        let share = done.saturating_mul(DESCRIBE_PERCENT.into()).checked_div(total);
        self.progress.percent = share.and_then(|p| u8::try_from(p).ok()).unwrap_or(DESCRIBE_PERCENT);
        self.tell();
    }

    pub(crate) fn data_begins(&mut self, files_total: usize, bytes_total: u64) {
        self.progress.phase = ProgressPhase::ImportingData;
        self.progress.percent = DESCRIBE_PERCENT;
        self.progress.files_total = files_total as u64;
        self.progress.bytes_total = bytes_total;
        self.tell();
    }

    pub(crate) fn file_begins(&mut self, model: &str) {
        self.progress.current_model = Some(model.to_owned());
        self.tell();
    }

    /// So many bytes more were read and dealt with.
    pub(crate) fn bytes_read(&mut self, bytes: u64) {
        self.progress.bytes_read =
            self.progress.bytes_read.saturating_add(bytes).min(self.progress.bytes_total);
        let span = u64::from(UNCOMMITTED_PERCENT_MAX - DESCRIBE_PERCENT);
        let share = (u128::from(self.progress.bytes_read) * u128::from(span))
            .checked_div(u128::from(self.progress.bytes_total))
            .and_then(|share| u8::try_from(share).ok())
            .unwrap_or(0);
        self.progress.percent = self.progress.percent.max(DESCRIBE_PERCENT.saturating_add(share));
        self.tell();
    }

    pub(crate) fn file_ends(&mut self) {
        self.progress.files_completed += 1;
        self.tell();
    }

    fn tell(&mut self) {
        self.events.event(Event::Progress(self.progress.clone()));
    }
}
