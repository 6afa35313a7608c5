//! One extract run in the hands of a worker: from its claim to the moment it lets go.
//!
//! Nothing that a run does shows before its end is written down: the archive's key holds the number of the claim, so
//! that nobody overwrites what another worker finished, and an archive whose run did not end with it is removed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use reinstate_engine::{
    Cancellation, ExtractEnvironment, ExtractError, ExtractFailure, ExtractProgress, SourceError, extract,
};
use reinstate_store::control::{
    ClaimedExtract, ExtractObject, ExtractProgressColumns, ExtractRunRecord, RunState,
};
use reinstate_store::{StoreError, TenantId};
use serde_json::{Value as Json, json};

use super::ending::{Ending, Failure};
use super::{options, settlement};
use crate::checksum::ChecksumWriter;
use crate::jobs::{Claiming, Inner, lock};
use crate::latch::Latch;
use crate::lease::Lease;
use crate::panic_text::panic_text;
use crate::watcher;

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
        // Also where something below panics: the scope waits for the watcher.
        let _opener = done.opener();
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
        settlement::settle(inner, run, ending);
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
    json!({
        "phase": progress.phase.as_str(),
        "models_total": progress.models_total,
        "models_completed": progress.models_completed,
        "current_model": progress.current_model,
        "records_exported": progress.records_exported,
    })
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
    let Some(request) = options::request(run, &inner.settings.limits) else {
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
