//! The data half of a restore: one file at a time, read and parsed on one thread, written on another; a large one is
//! inflated on a third.
//!
//! Before the writing thread stands a channel of few batches, each bounded in bytes, so that memory does not grow with
//! the archive. A small file is read and written in turns on one thread: with thousands of models, threads would cost
//! more than their records.

use std::io::{Read, Seek};
use std::sync::Arc;

use reinstate_archive::{Archive, ArchiveError, DataEntry, LineReader};
use reinstate_describe::record::{
    AccessListMode, BATCH_BYTES_MAX, BatchBuilder, FaultCode, IdMode, ParseOptions, Parsed, RecordFault,
    RecordParser,
};
use reinstate_describe::{AccessLevel, Batch, Layout};
use serde_json::json;

use crate::channel::{Channel, End};
use crate::error::{FailureKind, RestoreError};
use crate::event::{LogLevel, LogPhase};
use crate::guard::{Guard, fault};
use crate::plan::FilePlan;
use crate::port::{Cancellation, Conflict, ConflictRow, IdSource, Target, WriteOutcome};
use crate::reporter::Reporter;
use crate::request::RestoreRequest;
use crate::strategy::{OnExisting, OnRepeated};

/// Bytes on their way from the reading to the writing thread: a few batches, so that neither waits for the other
/// at every turn, and little beside the page cache of a database.
const CHANNEL_BYTES_MAX: usize = 3 * BATCH_BYTES_MAX;

/// Files of fewer bytes, inflated, are read and written on one thread: they are done about as soon as another would
/// have started.
const ONE_THREAD_BYTES_MAX: u64 = 64 * 1024;

/// Files of as many bytes, inflated, are inflated and verified on a thread of their own, ahead of the one that reads:
/// below, both are done before a thread would have gained what it costs.
const AHEAD_BYTES_MIN: u64 = 1024 * 1024;

/// Skipped records that the log names, a model; the rest is a number.
pub(crate) const SKIPS_LOGGED_MAX: usize = 1_000;

/// What the import of every file shares.
pub(crate) struct Shared<'a> {
    pub(crate) request: &'a RestoreRequest,
    pub(crate) now_micros: i64,
    pub(crate) ids: &'a dyn IdSource,
    pub(crate) cancellation: &'a Cancellation,
}

/// A batch on its way to the writing thread.
struct Parcel {
    batch: Batch,
    bytes: u64,
    generated_ids: u64,
}

/// Reads a file through without importing it, and says how many records it holds. Its checksums are verified
/// on the way.
pub(crate) fn count<R: Read + Seek>(
    archive: &mut Archive<R>,
    entry: &DataEntry,
    cancellation: &Cancellation,
) -> Result<u64, RestoreError> {
    let mut lines = archive.lines(&entry.name)?.with_stop(|| cancellation.stopped().is_some());
    while lines.next_line().map_err(|error| unread(error, cancellation))?.is_some() {}
    Ok(lines.records())
}

/// What a failed reading means: the wish to stop shows as an error of the archive.
fn unread(error: ArchiveError, cancellation: &Cancellation) -> RestoreError {
    match (error, cancellation.stopped()) {
        (ArchiveError::Stopped { .. }, Some(stop)) => RestoreError::Stopped(stop),
        (error, _) => error.into(),
    }
}

/// Fails where the run was asked to stop.
pub(crate) fn look(cancellation: &Cancellation) -> Result<(), RestoreError> {
    cancellation.stopped().map_or(Ok(()), |stop| Err(RestoreError::Stopped(stop)))
}

/// Imports one file into its model.
pub(crate) fn import<R: Read + Seek + Send>(
    archive: &mut Archive<R>,
    plan: &FilePlan,
    layout: Arc<Layout>,
    target: &mut dyn Target,
    shared: &Shared<'_>,
    reporter: &mut Reporter<'_>,
) -> Result<(), RestoreError> {
    let mut writer = Writer::new(plan, &layout, target, shared, reporter)?;
    let written = if plan.entry.uncompressed_bytes < ONE_THREAD_BYTES_MAX {
        let mut written = Ok(());
        let mut deliver = |parcel, _| {
            written = writer.take(&parcel);
            written.is_ok()
        };
        let read = read(|| archive.lines(&plan.entry.name), &plan.entry, layout, shared, &mut deliver);
        written.and(read)
    } else {
        write_while_reading(archive, &plan.entry, layout, shared, &mut writer)
    };
    writer.finish(written)
}

/// Reads on a thread of its own and writes on this one.
fn write_while_reading<R: Read + Seek + Send>(
    archive: &mut Archive<R>,
    entry: &DataEntry,
    layout: Arc<Layout>,
    shared: &Shared<'_>,
    writer: &mut Writer<'_, '_, '_>,
) -> Result<(), RestoreError> {
    let channel = Channel::new(CHANNEL_BYTES_MAX);
    let (sender, receiver) = (channel.end(), channel.end());
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || {
            let mut deliver = |parcel, bytes| sender.send(parcel, bytes);
            let name = &entry.name;
            if entry.uncompressed_bytes < AHEAD_BYTES_MIN {
                read(move || archive.lines(name), entry, layout, shared, &mut deliver)
            } else {
                read(move || archive.lines_ahead(name, scope), entry, layout, shared, &mut deliver)
            }
        });
        let written = writer.write_all(receiver);
        let read = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // A failed write ends the reader too; the write is what went wrong first.
        written.and(read)
    })
}

/// Hands a parcel of so many bytes over; false where nobody wants another.
type Deliver<'a> = dyn FnMut(Parcel, usize) -> bool + 'a;

/// The reading side: inflates, splits, parses and batches, until the file or the writer ends.
fn read<'a>(
    lines: impl FnOnce() -> Result<LineReader<'a>, ArchiveError>,
    entry: &DataEntry,
    layout: Arc<Layout>,
    shared: &'a Shared<'_>,
    deliver: &mut Deliver<'_>,
) -> Result<(), RestoreError> {
    let access_lists = if shared.request.caller.level >= AccessLevel::Full {
        AccessListMode::Keep
    } else {
        AccessListMode::Ignore
    };
    let options =
        ParseOptions { now_micros: shared.now_micros, access_lists, id: IdMode::GenerateWhereAbsent };
    let mut parser = RecordParser::new(Arc::clone(&layout), options).map_err(|error| {
        RestoreError::Definition { model: layout.model().name.to_string(), message: error.to_string() }
    })?;
    let mut reading =
        Reading { builder: BatchBuilder::new(layout), generated_ids: 0, bytes_sent: 0, deliver };
    let stopped = || shared.cancellation.stopped().is_some();
    let mut lines = lines()?.with_stop(stopped);
    let new_id = || shared.ids.record_id();
    loop {
        let bytes_read = lines.bytes_read();
        if reading.builder.is_full() && !reading.send(bytes_read) {
            return Ok(());
        }
        let line = lines.next_line().map_err(|error| unread(error, shared.cancellation))?;
        let Some(line) = line else { break };
        let parsed = match parser.parse(line.text, line.number, &new_id, &mut reading.builder) {
            Ok(Parsed::NextBatch) => {
                if !reading.send(bytes_read) {
                    return Ok(());
                }
                parser.parse(line.text, line.number, &new_id, &mut reading.builder)
            }
            parsed => parsed,
        };
        match parsed {
            Ok(Parsed::Added { generated_id }) => reading.generated_ids += u64::from(generated_id),
            // An empty batch takes every record.
            Ok(Parsed::NextBatch) => {}
            Err(faults) => {
                reading.send(bytes_read);
                return Err(record_error(entry, faults));
            }
        }
    }
    let bytes_read = lines.bytes_read();
    reading.send(bytes_read);
    Ok(())
}

fn record_error(entry: &DataEntry, faults: Vec<RecordFault>) -> RestoreError {
    let more = faults.len().saturating_sub(1);
    let fault = faults.into_iter().next().unwrap_or_else(|| RecordFault {
        line: 0,
        record_id: None,
        field: None,
        code: FaultCode::JsonInvalid,
        message: "the line could not be read".to_owned(),
    });
    let (file, model) = (entry.name.clone(), entry.model.clone());
    RestoreError::Record { file, model, fault: Box::new(fault), more }
}

/// The reading side's state.
struct Reading<'a, 'd> {
    builder: BatchBuilder,
    generated_ids: u64,
    bytes_sent: u64,
    deliver: &'a mut Deliver<'d>,
}

impl Reading<'_, '_> {
    /// Hands over what was gathered; false where nobody listens any more.
    fn send(&mut self, bytes_read: u64) -> bool {
        let bytes = bytes_read.saturating_sub(self.bytes_sent);
        self.bytes_sent = bytes_read;
        let generated_ids = std::mem::take(&mut self.generated_ids);
        let size = self.builder.bytes();
        (self.deliver)(Parcel { batch: self.builder.finish(), bytes, generated_ids }, size)
    }
}

/// The writing side: checks, writes, counts and reports, batch by batch.
struct Writer<'a, 'r, 'e> {
    plan: &'a FilePlan,
    model: String,
    is_frozen: bool,
    guard: Guard,
    target: &'a mut dyn Target,
    shared: &'a Shared<'a>,
    reporter: &'r mut Reporter<'e>,
    before: crate::counters::Counters,
    generated_ids: u64,
    skips_logged: usize,
    skips: u64,
    first_conflict: Option<(String, u64)>,
    conflicts: u64,
}

impl<'a, 'r, 'e> Writer<'a, 'r, 'e> {
    fn new(
        plan: &'a FilePlan,
        layout: &Layout,
        target: &'a mut dyn Target,
        shared: &'a Shared<'a>,
        reporter: &'r mut Reporter<'e>,
    ) -> Result<Self, RestoreError> {
        let updates = plan.decision.id_exists == OnExisting::Update;
        let caller = &shared.request.caller;
        let ask = updates && !plan.model_is_new && !caller.ignores_record_lists();
        let restricted = ask && target.model_is_restricted(&plan.model)?;
        let before = *reporter.counters();
        Ok(Self {
            plan,
            model: plan.model.to_string(),
            is_frozen: layout.model().frozen && !plan.model_is_new,
            guard: Guard::new(layout, caller, updates, restricted),
            target,
            shared,
            reporter,
            before,
            generated_ids: 0,
            skips_logged: 0,
            skips: 0,
            first_conflict: None,
            conflicts: 0,
        })
    }

    fn write_all(&mut self, receiver: End<'_, Parcel>) -> Result<(), RestoreError> {
        while let Some(parcel) = receiver.receive() {
            self.take(&parcel)?;
        }
        Ok(())
    }

    fn take(&mut self, parcel: &Parcel) -> Result<(), RestoreError> {
        look(self.shared.cancellation)?;
        if parcel.batch.rows_to_write() > 0 {
            self.write(&parcel.batch)?;
        }
        self.generated_ids += parcel.generated_ids;
        self.reporter.bytes_read(parcel.bytes);
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<(), RestoreError> {
        let mut faults = self.guard.check(batch, self.target)?;
        if !faults.is_empty() {
            faults.sort_by_key(|(row, _)| *row);
            return Err(record_error(&self.plan.entry, faults.into_iter().map(|(_, fault)| fault).collect()));
        }
        let conflict = self.conflict();
        let outcome = self.target.records_write(batch, conflict)?;
        self.settle(batch, &outcome)
    }

    /// What the writer below is told about ids that are there.
    fn conflict(&self) -> Conflict {
        match self.plan.decision.id_exists {
            OnExisting::Update => Conflict::Update,
            OnExisting::Skip { log: false } => Conflict::Ignore { report_max: 0 },
            OnExisting::Skip { log: true } => {
                Conflict::Ignore { report_max: SKIPS_LOGGED_MAX.saturating_sub(self.skips_logged) }
            }
            OnExisting::Fail => Conflict::Fail,
        }
    }

    fn settle(&mut self, batch: &Batch, outcome: &WriteOutcome) -> Result<(), RestoreError> {
        if self.is_frozen && outcome.inserted + outcome.updated > 0 {
            return Err(RestoreError::ModelProtected { model: self.model.clone() });
        }
        let counters = self.reporter.counters();
        counters.records_imported += outcome.inserted;
        counters.records_updated += outcome.updated;
        if let Some(refused) = outcome.refused.iter().min_by_key(|refused| refused.row) {
            let field = refused.field.to_string();
            let id = batch.id(refused.row);
            let message =
                format!("Field '{field}' is unique and record '{id}' has a value that another record has");
            let first = fault(batch, refused.row, Some(field), FaultCode::Unique, message);
            return Err(record_error(&self.plan.entry, vec![first; outcome.refused.len()]));
        }
        if self.plan.decision.id_exists == OnExisting::Fail {
            outcome.conflicts.iter().try_for_each(|row| self.conflicting(batch, *row))
        } else {
            self.skipped(batch, outcome);
            Ok(())
        }
    }

    fn skipped(&mut self, batch: &Batch, outcome: &WriteOutcome) {
        self.reporter.counters().records_skipped += outcome.skipped;
        self.skips += outcome.skipped;
        for conflict in &outcome.conflicts {
            let (id, line) = (batch.id(conflict.row), batch.line(conflict.row));
            self.reporter.log_skipped(&self.model, id, line, conflict.existed_before);
            self.skips_logged += 1;
        }
    }

    /// A row whose id must not be there: an earlier line's fails at once, a record's from before is counted,
    /// so that the failure can say how many there are.
    fn conflicting(&mut self, batch: &Batch, conflict: ConflictRow) -> Result<(), RestoreError> {
        let (id, line) = (batch.id(conflict.row), batch.line(conflict.row));
        if conflict.existed_before {
            self.conflicts += 1;
            self.first_conflict.get_or_insert_with(|| (id.to_owned(), line));
            return Ok(());
        }
        if self.first_conflict.is_some() || self.plan.decision.id_repeated != OnRepeated::Fail {
            return Ok(());
        }
        let (model, file) = (self.model.clone(), self.plan.entry.name.clone());
        Err(RestoreError::Repeated { model, file, id: id.to_owned(), line })
    }

    /// Ends the file: `written` says whether it was read and written to its end.
    fn finish(self, written: Result<(), RestoreError>) -> Result<(), RestoreError> {
        let is_invalid = |error: &RestoreError| error.kind() == FailureKind::Invalid;
        match (self.first_conflict, written) {
            // What is wrong with a later line only ends the counting; the first conflict is why the run fails.
            (Some((id, line)), written) if written.as_ref().err().is_none_or(is_invalid) => {
                let (model, file) = (self.model, self.plan.entry.name.clone());
                return Err(RestoreError::Conflict { model, file, id, line, count: self.conflicts });
            }
            (_, written) => written?,
        }
        let phase = LogPhase::DataImport;
        if self.generated_ids > 0 {
            let message = format!("{} records had no id and got one", self.generated_ids);
            let detail = json!({ "records": self.generated_ids });
            self.reporter.log_model(LogLevel::Warn, phase, &self.model, message, Some(detail));
        }
        let unlogged = self.skips - self.skips_logged as u64;
        if self.skips_logged > 0 && unlogged > 0 {
            let message = format!("Skipped {unlogged} more records that exist");
            let detail = json!({ "records": unlogged });
            self.reporter.log_model(LogLevel::Info, phase, &self.model, message, Some(detail));
        }
        let after = *self.reporter.counters();
        let imported = after.records_imported - self.before.records_imported;
        let updated = after.records_updated - self.before.records_updated;
        let message = format!("Imported {imported}, updated {updated}, skipped {} records", self.skips);
        let detail = json!({ "imported": imported, "updated": updated, "skipped": self.skips });
        self.reporter.log_model(LogLevel::Info, phase, &self.model, message, Some(detail));
        Ok(())
    }
}
