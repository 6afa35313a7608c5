//! The worker's last words about a run: it ended, or it goes back into the queue.

use std::time::Duration;

use reinstate_engine::{Counters, LogEntry, LogLevel, Stop};
use reinstate_store::control::{Finish, Requeue, RunRecord, RunStatus};
use reinstate_store::{StoreError, TenantId};

use crate::backoff::Backoff;
use crate::jobs::Inner;
use crate::outcome::{Failure, Outcome};
use crate::patience::persist;
use crate::recorder::Recorder;
use crate::restores::ImportOptions;

/// How often a run is put back because something was not available: with the waits above for about a quarter of
/// an hour, each look at the tenant not counted.
pub(crate) const POSTPONED_MAX: i64 = 40;

/// How often a run is put back because the storage of its archive did not answer. Each time it was asked for seconds,
/// and whoever runs it by hand can do so again.
pub(crate) const STORAGE_POSTPONED_MAX: i64 = 5;

/// Writes down what became of a run and lets go of it. `may_be_applied` says whether this worker or an earlier
/// one had leave to commit: then the tenant's data tells whether it did.
pub(crate) fn settle(
    inner: &Inner,
    tenant: &TenantId,
    run: &RunRecord,
    recorder: &Recorder<'_>,
    outcome: Outcome,
    may_be_applied: bool,
) {
    match resolve(inner, tenant, run, outcome, may_be_applied) {
        Outcome::Completed(counters) => finish(inner, run, recorder, RunStatus::Completed, counters, None),
        Outcome::Failed(failure) => fail(inner, run, recorder, &failure),
        Outcome::Stopped(Stop::Cancelled, counters) => {
            log(recorder, LogLevel::Info, "Cancelled; nothing was applied".to_owned());
            finish(inner, run, recorder, RunStatus::Cancelled, counters, None);
        }
        Outcome::Stopped(Stop::Shutdown, _) => {
            log(recorder, LogLevel::Info, "Put back into the queue: the server is stopping".to_owned());
            // An earlier worker that had leave to commit may still be at it. Where this one held the target,
            // that leave was taken back already.
            requeue(inner, run, recorder, Requeue { not_before: 0, nothing_applied: !run.committing });
        }
        // Where nobody took the run over meanwhile, it need not wait for that; where somebody did, nothing is written.
        Outcome::Stopped(Stop::LeaseLost, _) => {
            postpone(inner, run, recorder, "the lease could not be renewed in time", !may_be_applied);
        }
        Outcome::Unavailable { message, nothing_applied } => {
            let nothing_applied = nothing_applied || !may_be_applied;
            postpone(inner, run, recorder, &message, nothing_applied);
        }
        Outcome::StorageAway { message } => postpone_for_storage(inner, run, recorder, &message),
        // Resolved above.
        Outcome::AlreadyApplied => {}
    }
}

/// Looks at the tenant's data where only that tells whether the run was applied.
fn resolve(
    inner: &Inner,
    tenant: &TenantId,
    run: &RunRecord,
    outcome: Outcome,
    may_be_applied: bool,
) -> Outcome {
    let applied_before = matches!(outcome, Outcome::AlreadyApplied);
    if matches!(outcome, Outcome::Completed(_)) || !(may_be_applied || applied_before) {
        return outcome;
    }
    let mark = persist(inner, || inner.store.tenants.open(tenant)?.run_mark(&run.id));
    match mark {
        Ok(Some(mark)) => Outcome::Completed(mark.counters),
        Ok(None) if applied_before => {
            Outcome::Failed(Box::new(Failure::internal("the mark of the run is gone again")))
        }
        Ok(None) => outcome,
        // Not known: whoever takes the run up next will see.
        Err(error) => Outcome::unavailable(error.to_string()),
    }
}

fn fail(inner: &Inner, run: &RunRecord, recorder: &Recorder<'_>, failure: &Failure) {
    recorder.log(LogEntry {
        level: LogLevel::Error,
        phase: failure.phase.unwrap_or_else(|| recorder.phase()),
        model_name: failure.model.clone(),
        record_id: failure.record_id.clone(),
        message: failure.sentence.clone(),
        detail: None,
    });
    finish(inner, run, recorder, RunStatus::Failed, failure.counters, Some(failure));
}

fn finish(
    inner: &Inner,
    run: &RunRecord,
    recorder: &Recorder<'_>,
    status: RunStatus,
    counters: Counters,
    failure: Option<&Failure>,
) {
    recorder.write_rest();
    let finish = Finish {
        status,
        counters,
        progress: recorder.last_progress(),
        error: failure.map(|failure| failure.sentence.clone()),
        error_detail: failure.map(|failure| failure.detail.clone()),
    };
    let written = persist(inner, || inner.store.control.run_finish(&run.id, run.fence, &finish, inner.now()));
    match written {
        Ok(true) => {
            if let Some(options) = ImportOptions::of_snapshot(&run.config_snapshot) {
                inner.statistics.ended(status, options.strategy, &counters);
            }
            tracing::info!(%status, ?counters, detail = finish.error_detail, "the run ended");
        }
        Ok(false) => tracing::warn!(%status, "the run went to another worker before it ended here"),
        Err(error) => report_unwritten(&error),
    }
}

fn postpone(inner: &Inner, run: &RunRecord, recorder: &Recorder<'_>, message: &str, nothing_applied: bool) {
    // While an earlier worker may still be committing, nobody can say that the run failed.
    if Backoff::of(run.fence, run.attempt).postponed >= POSTPONED_MAX && nothing_applied {
        return fail(inner, run, recorder, &Failure::unavailable(message));
    }
    put_back(inner, run, recorder, message, nothing_applied);
}

fn postpone_for_storage(inner: &Inner, run: &RunRecord, recorder: &Recorder<'_>, message: &str) {
    if Backoff::of(run.fence, run.attempt).postponed >= STORAGE_POSTPONED_MAX {
        return fail(inner, run, recorder, &Failure::storage_unavailable(message));
    }
    put_back(inner, run, recorder, message, true);
}

fn put_back(inner: &Inner, run: &RunRecord, recorder: &Recorder<'_>, message: &str, nothing_applied: bool) {
    let backoff = Backoff::of(run.fence, run.attempt);
    log(recorder, LogLevel::Warn, format!("Put back into the queue: {message}"));
    let not_before = inner.now().saturating_add(backoff.wait_micros);
    requeue(inner, run, recorder, Requeue { not_before, nothing_applied });
    inner.signal.wake_in(Duration::from_micros(backoff.wait_micros.unsigned_abs()));
}

fn requeue(inner: &Inner, run: &RunRecord, recorder: &Recorder<'_>, requeue: Requeue) {
    recorder.write_rest();
    let written =
        persist(inner, || inner.store.control.run_requeue(&run.id, run.fence, requeue, inner.now()));
    match written {
        Ok(true) => tracing::info!("the run went back into the queue"),
        Ok(false) => tracing::warn!("the run went to another worker before it was put back"),
        Err(error) => report_unwritten(&error),
    }
}

fn log(recorder: &Recorder<'_>, level: LogLevel, message: String) {
    recorder.log(LogEntry {
        level,
        phase: recorder.phase(),
        model_name: None,
        record_id: None,
        message,
        detail: None,
    });
}

fn report_unwritten(error: &StoreError) {
    tracing::error!(%error, "could not write down what became of the run; it is taken up when its lease ends");
}
