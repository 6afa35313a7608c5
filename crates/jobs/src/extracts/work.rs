//! One extract run in the hands of a worker: from its claim to the moment it lets go.
//!
//! Nothing that a run does shows before its end is written down: the archive's key holds the number of the claim, so
//! that nobody overwrites what another worker finished, and an archive whose run did not end with it is removed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use reinstate_engine::{
    Cancellation, ExtractEnvironment, ExtractError, ExtractFailure, ExtractPhase, ExtractProgress, Extracted,
    FailureKind, SourceError, Stop, extract,
};
use reinstate_store::control::{
    ClaimedExtract, ExtractFinish, ExtractObject, ExtractProgressColumns, ExtractRunRecord, RunState,
    RunStatus,
};
use reinstate_store::{StoreError, TenantId};
use serde_json::{Value as Json, json};

use super::{artifacts, options};
use crate::backoff::Backoff;
use crate::checksum::ChecksumWriter;
use crate::error::{JobsError, StorageFault};
use crate::jobs::{Claiming, Inner, lock};
use crate::latch::Latch;
use crate::lease::Lease;
use crate::panic_text::panic_text;
use crate::patience::persist;
use crate::settlement::{POSTPONED_MAX, STORAGE_POSTPONED_MAX};
use crate::watcher;

/// How a start of a run ended.
enum Ending {
    /// The archive is stored whole.
    Completed { extracted: Extracted, object: ExtractObject },
    /// There is no archive, and trying again would not help.
    Failed(Failure),
    /// It was asked to stop.
    Stopped(Stop, Figures),
    /// Something is missing that may come back; tried so many times at most.
    Unavailable { failure: Failure, postponed_max: i64 },
}

/// How far a run got.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    records: u64,
    models: u64,
}

/// Why there is no archive.
struct Failure {
    sentence: String,
    detail: String,
    figures: Figures,
}

impl Failure {
    fn plain(sentence: &str, code: &str, what: &str) -> Self {
        Self {
            sentence: format!("{sentence}. No archive was kept"),
            detail: format!("code: {code}\n{what}\n"),
            figures: Figures::default(),
        }
    }

    fn internal(what: &str) -> Self {
        Self::plain("The extract failed because of an internal error", "INTERNAL_ERROR", what)
    }
}

impl Ending {
    /// The tenant or the control plane is missing.
    fn without_database(message: &str) -> Self {
        let sentence = "The tenant's data stayed unavailable for too long; try again later";
        let failure = Failure::plain(sentence, "SERVICE_UNAVAILABLE", message);
        Self::Unavailable { failure, postponed_max: POSTPONED_MAX }
    }

    fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable { message } => Self::without_database(message),
            error => Self::Failed(Failure::internal(&error.to_string())),
        }
    }

    /// The storage failed. The run's record is its tenant's to read, and says nothing of where the storage is.
    fn of_storage(error: &JobsError) -> Self {
        tracing::warn!(error = error.chain(), "the storage does not take the archive of an extract");
        let detail = error.to_string();
        match error {
            JobsError::Storage { kind: StorageFault::Denied, .. } => {
                let sentence = "The storage of archives refused the extract: the server's credentials are not \
                                accepted there, or there is no such bucket. Have its storage settings looked at, then \
                                run it again";
                return Self::Failed(Failure::plain(sentence, "STORAGE_DENIED", &detail));
            }
            JobsError::TooLarge { bytes_max } => {
                let sentence = "The archive is larger than the storage takes in one object; extract fewer models \
                                at a time";
                let detail = format!("an object of the bucket has {bytes_max} bytes at most");
                return Self::Failed(Failure::plain(sentence, "ARCHIVE_TOO_LARGE", &detail));
            }
            _ => {}
        }
        let sentence =
            "The storage of archives did not answer each time the extract was tried; run it again later";
        let failure = Failure::plain(sentence, "STORAGE_UNAVAILABLE", &detail);
        Self::Unavailable { failure, postponed_max: STORAGE_POSTPONED_MAX }
    }

    fn of_failure(failure: ExtractFailure) -> Self {
        let ExtractFailure { error, records, models } = failure;
        let figures = Figures { records, models };
        match *error {
            ExtractError::Stopped(stop) => Self::Stopped(stop, figures),
            ExtractError::Source(SourceError::Unavailable { message }) => Self::without_database(&message),
            ExtractError::Output(error) => match error.downcast::<JobsError>() {
                Ok(error) => Self::of_storage(&error),
                Err(error) => Self::of_storage(&JobsError::storage("storing an archive", error)),
            },
            error => {
                if error.kind() == FailureKind::Internal {
                    tracing::error!(%error, "an extract failed");
                }
                Self::Failed(Failure { sentence: error.sentence(), detail: error.detail(), figures })
            }
        }
    }
}

/// Carries a run out that was claimed by a call begun at `asked`.
pub(crate) fn execute(inner: &Inner, claimed: &ClaimedExtract, asked: Instant, claiming: Claiming<'_>) {
    let run = &claimed.run;
    let span = tracing::info_span!("extract", run_id = run.id, tenant = run.tenant, attempt = run.attempt);
    let _entered = span.enter();
    let _busy = inner.statistics.busy();
    let running = inner.running(&run.id);
    drop(claiming);
    tracing::info!(extract_id = run.extract_id, "taking up an extract");
    match TenantId::new(&run.tenant) {
        Ok(tenant) => {
            let lease = Lease::new(inner.settings.lease_ms, asked);
            accompany(inner, &tenant, claimed, &lease, &running.cancellation);
        }
        // Only a database that somebody else wrote to can say so; the lease ends and attempts run out.
        Err(error) => tracing::error!(%error, "the run has no tenant"),
    }
}

/// Works on the run with a watcher beside it.
fn accompany(
    inner: &Inner,
    tenant: &TenantId,
    claimed: &ClaimedExtract,
    lease: &Lease,
    cancellation: &Cancellation,
) {
    let run = &claimed.run;
    let board = Board::default();
    let done = Latch::default();
    let span = tracing::Span::current();
    thread::scope(|scope| {
        let watcher = thread::Builder::new().name("extract-watcher".to_owned()).spawn_scoped(scope, || {
            let _entered = span.enter();
            watcher::watch(inner, lease, cancellation, &done, |renew| ask(inner, run, &board, renew));
        });
        let guard = thread::Builder::new().name("extract-guard".to_owned()).spawn_scoped(scope, || {
            let _entered = span.enter();
            watcher::guard(lease, cancellation, &done);
        });
        let ending = match (&watcher, &guard) {
            (Ok(_), Ok(_)) => guarded(inner, tenant, claimed, cancellation, &board),
            (Err(error), _) | (_, Err(error)) => Ending::without_database(&format!("no thread: {error}")),
        };
        note_last(inner, run, &board);
        settle(inner, run, ending);
        done.open();
    });
}

/// Progress on its way to the control plane: only the newest counts.
#[derive(Debug, Default)]
struct Board {
    newest: Mutex<Option<ExtractProgress>>,
    noted: Mutex<Option<Instant>>,
}

impl Board {
    /// Progress that is not noted yet, where it is time to note some.
    fn take(&self, interval: Duration) -> Option<ExtractProgress> {
        let mut noted = lock(&self.noted);
        if noted.is_some_and(|noted| noted.elapsed() < interval) {
            return None;
        }
        let progress = lock(&self.newest).take()?;
        *noted = Some(Instant::now());
        Some(progress)
    }
}

/// A sign of life with what progress there is; says what the worker may still do.
fn ask(inner: &Inner, run: &ExtractRunRecord, board: &Board, renew: bool) -> Result<RunState, StoreError> {
    let control = &inner.store.control;
    if renew {
        return control.extract_run_renew(&run.id, run.fence, inner.now(), inner.settings.lease_ms);
    }
    match board.take(Duration::from_millis(inner.settings.progress_ms)) {
        Some(progress) => control.extract_run_progress(&run.id, run.fence, &columns(&progress), inner.now()),
        None => control.extract_run_state(&run.id, run.fence),
    }
}

/// The last word about progress; the end of the run does not depend on it.
fn note_last(inner: &Inner, run: &ExtractRunRecord, board: &Board) {
    let Some(progress) = lock(&board.newest).take() else { return };
    let control = &inner.store.control;
    if let Err(error) = control.extract_run_progress(&run.id, run.fence, &columns(&progress), inner.now()) {
        tracing::warn!(%error, "could not note the last progress");
    }
}

fn columns(progress: &ExtractProgress) -> ExtractProgressColumns {
    ExtractProgressColumns {
        percent: progress.percent,
        detail: detail(progress),
        records_exported: progress.records_exported,
        models_exported: progress.models_completed,
    }
}

fn detail(progress: &ExtractProgress) -> Json {
    match progress.phase {
        ExtractPhase::ExportedDescribe => {
            json!({ "phase": progress.phase.as_str(), "models_total": progress.models_total })
        }
        ExtractPhase::ExportingData => json!({
            "phase": progress.phase.as_str(),
            "models_total": progress.models_total,
            "models_completed": progress.models_completed,
            "current_model": progress.current_model,
            "records_exported": progress.records_exported,
        }),
    }
}

/// The attempt, with a panic made into an ending.
fn guarded(
    inner: &Inner,
    tenant: &TenantId,
    claimed: &ClaimedExtract,
    cancellation: &Cancellation,
    board: &Board,
) -> Ending {
    let work = AssertUnwindSafe(|| attempt(inner, tenant, claimed, cancellation, board));
    catch_unwind(work).unwrap_or_else(|panic| {
        let said = panic_text(panic.as_ref());
        tracing::error!(panic = said, "an extract panicked");
        Ending::Failed(Failure::internal(&format!("panic: {said}")))
    })
}

/// One start of the run.
fn attempt(
    inner: &Inner,
    tenant: &TenantId,
    claimed: &ClaimedExtract,
    cancellation: &Cancellation,
    board: &Board,
) -> Ending {
    let run = &claimed.run;
    if claimed.exhausted {
        let sentence = format!("The extract was interrupted {} times and is given up", run.attempt);
        return Ending::Failed(Failure::plain(
            &sentence,
            "INTERRUPTED",
            "each worker ended before the run did",
        ));
    }
    let Some(request) = options::request(run) else {
        return Ending::Failed(Failure::internal("the run's snapshot cannot be read"));
    };
    let mut source = match inner.store.tenants.open(tenant).map(|tenant| tenant.source(cancellation)) {
        Ok(Ok(source)) => source,
        Ok(Err(error)) => {
            let failure = ExtractFailure { error: Box::new(error.into()), records: 0, models: 0 };
            return Ending::of_failure(told(failure, cancellation));
        }
        Err(error) => return Ending::of_store(&error),
    };
    let key = crate::objects::Objects::extract_key(tenant, &run.id, run.fence);
    let output = match inner.objects.writer(&key) {
        Ok(output) => ChecksumWriter::new(output),
        Err(error) => return Ending::of_storage(&error),
    };
    let environment = ExtractEnvironment {
        clock: &inner.clock,
        progress: &mut |progress| *lock(&board.newest) = Some(progress.clone()),
        cancellation,
    };
    let (extracted, output) = match extract(source.as_mut(), output, &request, environment) {
        Ok(done) => done,
        Err(failure) => return Ending::of_failure(failure),
    };
    let (output, checksum) = output.finish();
    match output.finish() {
        Ok(size_bytes) => {
            let is_restricted = extracted.is_restricted;
            let expires_at = options::expires_at(run, inner.now()).unwrap_or(i64::MAX);
            let object = ExtractObject { key, size_bytes, checksum, is_restricted, expires_at };
            Ending::Completed { extracted, object }
        }
        Err(error) => Ending::of_storage(&error),
    }
}

/// A source that was interrupted while it was opened does not know why; the wish to stop does.
fn told(failure: ExtractFailure, cancellation: &Cancellation) -> ExtractFailure {
    match (&*failure.error, cancellation.stopped()) {
        (ExtractError::Source(SourceError::Stopped), Some(stop)) => {
            ExtractFailure { error: Box::new(ExtractError::Stopped(stop)), ..failure }
        }
        _ => failure,
    }
}

/// Writes down what became of the run and lets go of it.
fn settle(inner: &Inner, run: &ExtractRunRecord, ending: Ending) {
    match ending {
        Ending::Completed { extracted, object } => complete(inner, run, extracted, object),
        Ending::Failed(failure) => fail(inner, run, failure),
        Ending::Stopped(Stop::Cancelled, figures) => {
            // The run is cancelled already; what is left is to let go of it.
            let failure = Failure { figures, ..Failure::internal("cancelled") };
            fail(inner, run, failure);
        }
        Ending::Stopped(Stop::Shutdown | Stop::LeaseLost, _) => requeue(inner, run, 0),
        Ending::Unavailable { failure, postponed_max } => {
            let backoff = Backoff::of(run.fence, run.attempt);
            if backoff.postponed >= postponed_max {
                return fail(inner, run, failure);
            }
            tracing::warn!(detail = failure.detail, "the extract goes back into the queue");
            requeue(inner, run, inner.now().saturating_add(backoff.wait_micros));
            inner.signal.wake_in(Duration::from_micros(backoff.wait_micros.unsigned_abs()));
        }
    }
}

fn complete(inner: &Inner, run: &ExtractRunRecord, extracted: Extracted, object: ExtractObject) {
    let key = object.key.clone();
    let finish = ExtractFinish {
        status: RunStatus::Completed,
        records_exported: extracted.records,
        models_exported: extracted.models,
        object: Some(object),
        artifacts: artifacts::rows(extracted.artifacts, inner.ids.as_ref()),
        error: None,
        error_detail: None,
    };
    match finish_run(inner, run, &finish) {
        Ok(RunState::Held) => {}
        // The archive belongs to nobody.
        Ok(RunState::Cancelled | RunState::Lost) => remove(inner, &key),
        // Where the answer of a server was lost, the run may have ended with it: it is looked after with the others
        // that belong to nobody.
        Err(error) => {
            tracing::error!(%error, key, "could not write down that the extract ended; it is taken up again");
        }
    }
}

fn fail(inner: &Inner, run: &ExtractRunRecord, failure: Failure) {
    let finish = ExtractFinish {
        status: RunStatus::Failed,
        records_exported: failure.figures.records,
        models_exported: failure.figures.models,
        object: None,
        artifacts: Vec::new(),
        error: Some(failure.sentence),
        error_detail: Some(failure.detail),
    };
    if let Err(error) = finish_run(inner, run, &finish) {
        tracing::error!(%error, "could not write down that the extract ended; it is taken up again");
    }
}

fn finish_run(inner: &Inner, run: &ExtractRunRecord, finish: &ExtractFinish) -> Result<RunState, StoreError> {
    let state =
        persist(inner, || inner.store.control.extract_run_finish(&run.id, run.fence, finish, inner.now()))?;
    match state {
        RunState::Held => {
            inner.statistics.extract_ended(finish.status);
            tracing::info!(status = %finish.status, records = finish.records_exported, detail = finish.error_detail,
                "the extract ended");
        }
        RunState::Cancelled => {
            inner.statistics.extract_ended(RunStatus::Cancelled);
            tracing::info!("the extract was cancelled");
        }
        RunState::Lost => tracing::warn!("the extract went to another worker before it ended here"),
    }
    Ok(state)
}

fn requeue(inner: &Inner, run: &ExtractRunRecord, not_before: i64) {
    let control = &inner.store.control;
    match persist(inner, || control.extract_run_requeue(&run.id, run.fence, not_before, inner.now())) {
        Ok(true) => tracing::info!("the extract went back into the queue"),
        Ok(false) => tracing::warn!("the extract went to another worker before it was put back"),
        Err(error) => {
            tracing::error!(%error, "could not put the extract back; it is taken up when its lease ends")
        }
    }
}

fn remove(inner: &Inner, key: &str) {
    if let Err(error) = inner.objects.delete(key) {
        tracing::warn!(
            error = error.chain(),
            key,
            "could not remove an archive that belongs to nobody; it is removed later"
        );
    }
}
