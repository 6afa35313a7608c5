//! The worker's last words about an extract run: it ended, or it goes back into the queue.

use std::time::Duration;

use reinstate_engine::{Extracted, Stop};
use reinstate_store::StoreError;
use reinstate_store::control::{ExtractFinish, ExtractObject, ExtractRunRecord, RunState, RunStatus};

use super::artifacts;
use super::ending::{Ending, Failure};
use crate::backoff::Backoff;
use crate::jobs::Inner;
use crate::patience::persist;
use crate::settlement::POSTPONED_MAX;

/// Writes down what became of the run and lets go of it.
pub(super) fn settle(inner: &Inner, run: &ExtractRunRecord, ending: Ending) {
    match ending {
        Ending::Completed { extracted, object } => complete(inner, run, extracted, object),
        Ending::Failed(failure) => fail(inner, run, failure),
        Ending::Stopped(Stop::Cancelled, figures) => {
            // The run is cancelled already; what is left is to let go of it.
            let failure = Failure { figures, ..Failure::internal("cancelled") };
            fail(inner, run, failure);
        }
        Ending::Stopped(Stop::Shutdown, _) => requeue(inner, run, 0),
        // Where nobody took the run over meanwhile, it need not wait for that; where somebody did, nothing is written.
        Ending::Stopped(Stop::LeaseLost, figures) => {
            let failure = Failure::unavailable("the lease could not be renewed in time");
            postpone(inner, run, Failure { figures, ..failure }, POSTPONED_MAX);
        }
        Ending::Unavailable { failure, postponed_max } => postpone(inner, run, failure, postponed_max),
    }
}

fn postpone(inner: &Inner, run: &ExtractRunRecord, failure: Failure, postponed_max: i64) {
    let backoff = Backoff::of(run.fence, run.attempt);
    if backoff.postponed >= postponed_max {
        return fail(inner, run, failure);
    }
    tracing::warn!(detail = failure.detail, "the extract goes back into the queue");
    requeue(inner, run, inner.now().saturating_add(backoff.wait_micros));
    inner.signal.wake_in(Duration::from_micros(backoff.wait_micros.unsigned_abs()));
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
