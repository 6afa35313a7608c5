//! Turns a run's events into progress and logs, from a thread of its own: the engine hands events over and goes
//! on.
//!
//! Of progress only the newest state counts. Log entries are kept in order, as many as fit the backlog; beyond
//! that the engine waits, so that memory stays bounded however slow the control plane is.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reinstate_engine::{Cancellation, Event, Events, LogEntry, LogPhase, Progress, ProgressPhase, Stop};
use reinstate_store::control::{LogRow, RunProgress, RunRecord};
use reinstate_store::{StoreError, TenantId};
use serde_json::{Value as Json, json};

use crate::ids::prefixed;
use crate::jobs::{Inner, lock};
use crate::patience::persist;

/// Text of log entries that wait to be written at most, in bytes; beyond that the engine waits.
const BACKLOG_BYTES_MAX: usize = 2 << 20;

/// As many waiting entries are written before the next note of progress is due.
const BACKLOG_EARLY: usize = 2_000;

/// Entries written in one transaction at most: the write lock is held for some 20 ms.
const BATCH_MAX: usize = 2_000;

/// Longest message that is kept, in characters: archives may hold hostile texts.
const MESSAGE_CHARS_MAX: usize = 4_000;

/// What an entry costs besides its texts, in bytes: columns, id, bookkeeping.
const ENTRY_BYTES: usize = 256;

/// How long the writer waits for events before it looks around again.
const IDLE_WAIT: Duration = Duration::from_secs(1);

/// The events of one run on their way to the control plane.
pub(crate) struct Recorder<'a> {
    inner: &'a Inner,
    tenant: &'a TenantId,
    run: &'a RunRecord,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The newest progress that is not written yet.
    progress: Option<Progress>,
    /// The newest progress of all.
    newest: Option<Progress>,
    /// Entries with their sizes in bytes.
    logs: VecDeque<(LogRow, usize)>,
    logs_bytes: usize,
    logged_at: i64,
    closed: bool,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(inner: &'a Inner, tenant: &'a TenantId, run: &'a RunRecord) -> Self {
        Self { inner, tenant, run, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Writes what comes until the recorder is closed. What is left then is for [`Recorder::write_rest`].
    pub(crate) fn write(&self, cancellation: &Cancellation) {
        let interval = Duration::from_millis(self.inner.settings.progress_ms);
        let mut due = Instant::now();
        while self.wait_until(due) {
            let is_due = Instant::now() >= due;
            let (progress, logs) = self.take(is_due);
            if is_due {
                due = Instant::now() + interval;
            }
            match self.send(progress.as_ref(), &logs) {
                Ok(true) => {}
                Ok(false) => cancellation.stop(Stop::LeaseLost),
                Err(error) => {
                    tracing::warn!(%error, "could not note progress and logs; trying again");
                    self.give_back(progress, logs);
                    self.wait_closed(interval);
                }
            }
        }
    }

    /// No more events will come.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// The newest progress, as the run's last word about it.
    pub(crate) fn last_progress(&self) -> Option<RunProgress> {
        lock(&self.state).newest.as_ref().map(run_progress)
    }

    /// The part of the run that was under way last.
    pub(crate) fn phase(&self) -> LogPhase {
        match lock(&self.state).newest.as_ref().map(|progress| progress.phase) {
            None => LogPhase::Validation,
            Some(ProgressPhase::ImportedDescribe) => LogPhase::DescribeImport,
            Some(ProgressPhase::ImportingData) => LogPhase::DataImport,
        }
    }

    /// Writes the entries that are left; waits while the control plane is busy, because the last of them says how
    /// the run ended.
    pub(crate) fn write_rest(&self) {
        loop {
            let (_, logs) = self.take(false);
            if logs.is_empty() {
                return;
            }
            if let Err(error) = persist(self.inner, || self.send(None, &logs)) {
                tracing::warn!(%error, lost = logs.len(), "could not write the end of a run's log");
                return;
            }
        }
    }

    /// Appends an entry; waits for room while the backlog is full and somebody works it off.
    pub(crate) fn log(&self, entry: LogEntry) {
        let state = lock(&self.state);
        let mut state = self
            .changed
            .wait_while(state, |state| !state.closed && state.logs_bytes >= BACKLOG_BYTES_MAX)
            .unwrap_or_else(PoisonError::into_inner);
        // Instants of a run's entries never fall, whatever the clock does; ids break ties.
        state.logged_at = state.logged_at.max(self.inner.now());
        let row = LogRow {
            id: prefixed("log", self.inner.ids.as_ref()),
            level: entry.level,
            phase: entry.phase,
            model_name: entry.model_name,
            record_id: entry.record_id,
            message: entry.message.chars().take(MESSAGE_CHARS_MAX).collect(),
            detail: entry.detail,
            created_at: state.logged_at,
        };
        let bytes = row_bytes(&row);
        state.logs.push_back((row, bytes));
        state.logs_bytes += bytes;
        drop(state);
        self.changed.notify_all();
    }

    fn progress(&self, progress: Progress) {
        let mut state = lock(&self.state);
        state.newest = Some(progress.clone());
        let was_clean = state.progress.replace(progress).is_none();
        drop(state);
        if was_clean {
            self.changed.notify_all();
        }
    }

    /// Waits until there is something to write now; false when closed.
    fn wait_until(&self, due: Instant) -> bool {
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return false;
            }
            let now = Instant::now();
            let dirty = state.progress.is_some() || !state.logs.is_empty();
            if state.logs.len() >= BACKLOG_EARLY || (dirty && now >= due) {
                return true;
            }
            let wait = if dirty { due.saturating_duration_since(now) } else { IDLE_WAIT };
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until closed or the time is over.
    fn wait_closed(&self, timeout: Duration) {
        let state = lock(&self.state);
        let _ = self
            .changed
            .wait_timeout_while(state, timeout, |state| !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
    }

    fn take(&self, progress: bool) -> (Option<Progress>, Vec<LogRow>) {
        let mut state = lock(&self.state);
        let count = state.logs.len().min(BATCH_MAX);
        let (logs, sizes): (Vec<_>, Vec<_>) = state.logs.drain(..count).unzip();
        state.logs_bytes -= sizes.iter().sum::<usize>();
        let progress = if progress { state.progress.take() } else { None };
        drop(state);
        self.changed.notify_all();
        (progress, logs)
    }

    /// Puts back what could not be written; newer progress stays.
    fn give_back(&self, progress: Option<Progress>, logs: Vec<LogRow>) {
        let mut state = lock(&self.state);
        if state.progress.is_none() {
            state.progress = progress;
        }
        for row in logs.into_iter().rev() {
            let bytes = row_bytes(&row);
            state.logs.push_front((row, bytes));
            state.logs_bytes += bytes;
        }
    }

    fn send(&self, progress: Option<&Progress>, logs: &[LogRow]) -> Result<bool, StoreError> {
        let progress = progress.map(run_progress);
        let now = self.inner.now();
        self.inner.store.control.run_progress(
            self.tenant,
            &self.run.id,
            self.run.fence,
            progress.as_ref(),
            logs,
            now,
        )
    }
}

/// The engine's end of a recorder.
pub(crate) struct RecorderEvents<'a>(pub(crate) &'a Recorder<'a>);

impl Events for RecorderEvents<'_> {
    fn event(&mut self, event: Event) {
        match event {
            Event::Log(entry) => self.0.log(entry),
            Event::Progress(progress) => self.0.progress(progress),
        }
    }
}

fn row_bytes(row: &LogRow) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let detail = row.detail.as_ref().map_or(0, |detail| detail.to_string().len());
    ENTRY_BYTES + row.message.len() + text(&row.model_name) + text(&row.record_id) + detail
}

fn run_progress(progress: &Progress) -> RunProgress {
    RunProgress {
        // A hundred is for those that completed.
        percent: progress.percent.min(99),
        detail: progress_detail(progress),
        counters: progress.counters,
    }
}

fn progress_detail(progress: &Progress) -> Json {
    let counters = &progress.counters;
    match progress.phase {
        ProgressPhase::ImportedDescribe => json!({
            "phase": progress.phase.as_str(),
            "models_created": counters.models_created,
            "fields_created": counters.fields_created,
        }),
        ProgressPhase::ImportingData => json!({
            "phase": progress.phase.as_str(),
            "files_total": progress.files_total,
            "files_completed": progress.files_completed,
            "current_model": progress.current_model,
            "records_imported": counters.records_imported,
            "records_updated": counters.records_updated,
            "records_skipped": counters.records_skipped,
            "bytes_total": progress.bytes_total,
            "bytes_read": progress.bytes_read,
        }),
    }
}
