//! One run in the hands of a worker: from its claim to the moment it lets go.
//!
//! The engine works on the worker's thread; a watcher and a recorder work beside it. Whatever happens, a panic
//! included, the run ends, goes back into the queue, or belongs to another worker.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

use reinstate_archive::Archive;
use reinstate_engine::{
    Cancellation, Counters, Environment, FailureKind, Gate, RestoreError, RestoreFailure, RestoreRequest,
    Stop, Target, TargetError, restore,
};
use reinstate_store::control::{ClaimedRun, RunRecord};
use reinstate_store::{RunToken, StoreError, Tenant, TenantId};

use crate::error::{JobsError, StorageFault};
use crate::jobs::{Claiming, Inner};
use crate::latch::Latch;
use crate::lease::Lease;
use crate::outcome::{Failure, Outcome};
use crate::panic_text::panic_text;
use crate::recorder::{Recorder, RecorderEvents};
use crate::restores::{ImportOptions, caller_from_json};
use crate::{settlement, watcher};

/// Carries a run out that was claimed by a call begun at `asked`.
pub(crate) fn execute(inner: &Inner, claimed: &ClaimedRun, asked: Instant, claiming: Claiming<'_>) {
    let run = &claimed.run;
    let span = tracing::info_span!("run", run_id = run.id, tenant = run.tenant, attempt = run.attempt);
    let _entered = span.enter();
    let _busy = inner.statistics.busy();
    let running = inner.running(&run.id);
    drop(claiming);
    tracing::info!(restore_id = run.restore_id, "taking up a run");
    match TenantId::new(&run.tenant) {
        Ok(tenant) => {
            let lease = Lease::new(inner.settings.lease_ms, asked);
            accompany(inner, &tenant, claimed, &lease, &running.cancellation);
        }
        // Only a database that somebody else wrote to can say so; the lease ends and attempts run out.
        Err(error) => tracing::error!(%error, "the run has no tenant"),
    }
}

/// Works on the run with a watcher and a recorder beside it.
fn accompany(
    inner: &Inner,
    tenant: &TenantId,
    claimed: &ClaimedRun,
    lease: &Lease,
    cancellation: &Cancellation,
) {
    let run = &claimed.run;
    let recorder = Recorder::new(inner, tenant, run);
    let done = Latch::default();
    let span = tracing::Span::current();
    thread::scope(|scope| {
        // Also where something below panics: the scope waits for the watcher.
        let opener = done.opener();
        let watcher = thread::Builder::new().name("run-watcher".to_owned()).spawn_scoped(scope, || {
            let _entered = span.enter();
            watcher::watch(inner, lease, cancellation, &done, |renew| watcher::ask(inner, run, renew));
        });
        let guard = thread::Builder::new().name("run-guard".to_owned()).spawn_scoped(scope, || {
            let _entered = span.enter();
            watcher::guard(lease, cancellation, &done);
        });
        let writer = thread::Builder::new().name("run-recorder".to_owned()).spawn_scoped(scope, || {
            let _entered = span.enter();
            recorder.write(cancellation);
        });
        let mut gate = CommitGate { inner, run, cancellation, passed: false, failure: None };
        let outcome = match (&watcher, &guard, &writer) {
            (Ok(_), Ok(_), Ok(_)) => guarded(inner, tenant, claimed, cancellation, &recorder, &mut gate),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
                Outcome::unavailable(format!("no thread: {error}"))
            }
        };
        recorder.close();
        if let Ok(writer) = writer {
            // A recorder that panicked costs log entries, not the run.
            let _ = writer.join();
        }
        let may_be_applied = gate.passed || run.committing;
        settlement::settle(inner, tenant, run, &recorder, outcome, may_be_applied);
        drop(opener);
        tidy(inner, tenant);
    });
}

/// Takes the tenant's log of changes in, once nobody waits for the run any more.
fn tidy(inner: &Inner, tenant: &TenantId) {
    if let Err(error) = inner.store.tenants.open(tenant).and_then(|tenant| tenant.checkpoint()) {
        tracing::warn!(%error, "the write-ahead log was left to later writers");
    }
}

/// The attempt, with a panic made into an outcome.
fn guarded(
    inner: &Inner,
    tenant: &TenantId,
    claimed: &ClaimedRun,
    cancellation: &Cancellation,
    recorder: &Recorder<'_>,
    gate: &mut CommitGate<'_>,
) -> Outcome {
    let work = AssertUnwindSafe(|| attempt(inner, tenant, claimed, cancellation, recorder, gate));
    catch_unwind(work).unwrap_or_else(|panic| {
        let said = panic_text(panic.as_ref());
        tracing::error!(panic = said, "a run panicked");
        Outcome::Failed(Box::new(Failure::internal(&format!("panic: {said}"))))
    })
}

/// One start of the run.
fn attempt(
    inner: &Inner,
    tenant_id: &TenantId,
    claimed: &ClaimedRun,
    cancellation: &Cancellation,
    recorder: &Recorder<'_>,
    gate: &mut CommitGate<'_>,
) -> Outcome {
    let run = &claimed.run;
    let tenant = match inner.store.tenants.open(tenant_id) {
        Ok(tenant) => tenant,
        Err(error) => return Outcome::of_store(&error),
    };
    // Before the target, whose lock keeps others waiting: from a bucket this takes its time. Not where the run may be
    // given up or was applied already.
    let fetched = (!run.committing && !claimed.exhausted).then(|| fetch(inner, run, cancellation));
    let target = match open_target(&tenant, run, cancellation) {
        Ok(target) => target,
        Err(outcome) => return outcome,
    };
    if claimed.exhausted {
        return Outcome::Failed(Box::new(Failure::interrupted(run.attempt)));
    }
    if let Err(outcome) = take_back_leave(inner, run) {
        return outcome;
    }
    let request = match request(run) {
        Some(request) => request,
        None => return Outcome::Failed(Box::new(Failure::internal("the run's snapshot cannot be read"))),
    };
    // What kept the archive away is told now: only here it is known that no earlier worker applied the run.
    let fetched = fetched.unwrap_or_else(|| fetch(inner, run, cancellation));
    let archive = match fetched.and_then(|file| open_archive(inner, file)) {
        Ok(archive) => archive,
        Err(outcome) => return outcome,
    };
    let mut events = RecorderEvents(recorder);
    let environment =
        Environment { clock: &inner.clock, ids: inner.ids.as_ref(), events: &mut events, cancellation, gate };
    match restore(archive, &request, target, environment) {
        Ok(counters) => Outcome::Completed(counters),
        Err(failure) => of_failure(failure, gate),
    }
}

/// Opens the tenant's data with its write lock. From here on no other worker can apply the run.
fn open_target(
    tenant: &Tenant,
    run: &RunRecord,
    cancellation: &Cancellation,
) -> Result<Box<dyn Target>, Outcome> {
    let token = RunToken { run_id: &run.id, fence: run.fence };
    tenant.target(token, cancellation).map_err(|error| match error {
        TargetError::AlreadyApplied => Outcome::AlreadyApplied,
        TargetError::Unavailable { message } => Outcome::unavailable(message),
        TargetError::Stopped => Outcome::stopped(cancellation, Counters::default()),
        TargetError::Fenced => Outcome::Stopped(Stop::LeaseLost, Counters::default()),
        TargetError::Refused { .. } | TargetError::Failed { .. } => {
            Outcome::Failed(Box::new(Failure::of_error(&RestoreError::Target(error), Counters::default())))
        }
    })
}

/// An earlier worker had leave to commit and did not: the run may be cancelled again.
fn take_back_leave(inner: &Inner, run: &RunRecord) -> Result<(), Outcome> {
    if !run.committing {
        return Ok(());
    }
    match inner.store.control.run_commit_clear(&run.id, run.fence, inner.now()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Outcome::Stopped(Stop::LeaseLost, Counters::default())),
        Err(error) => Err(Outcome::of_store(&error)),
    }
}

fn request(run: &RunRecord) -> Option<RestoreRequest> {
    let options = ImportOptions::of_snapshot(&run.config_snapshot)?;
    Some(RestoreRequest {
        run_id: run.id.clone(),
        fence: run.fence,
        strategy: options.strategy,
        include: options.include,
        models: options.models,
        create_models: options.create_models,
        caller: caller_from_json(&run.caller)?,
    })
}

/// The run's archive as a file of this machine.
fn fetch(inner: &Inner, run: &RunRecord, cancellation: &Cancellation) -> Result<File, Outcome> {
    let Some(key) = &run.source_ref else {
        return Err(Outcome::Failed(Box::new(Failure::source("the restore names no archive"))));
    };
    inner.objects.open_local(key, cancellation).map_err(|error| {
        tracing::warn!(error = error.chain(), "could not open the archive of a run");
        missing_archive(inner, &error, cancellation)
    })
}

/// What it means for a run that its archive could not be opened. The run's record is its tenant's to read, and says
/// nothing of where the storage is.
fn missing_archive(inner: &Inner, error: &JobsError, cancellation: &Cancellation) -> Outcome {
    match error {
        _ if cancellation.stopped().is_some() => Outcome::stopped(cancellation, Counters::default()),
        JobsError::NotFound { message } if inner.custody.is_shared() && !inner.objects.is_bucket() => {
            Outcome::Failed(Box::new(Failure::source_not_shared(message)))
        }
        JobsError::NotFound { message } => Outcome::Failed(Box::new(Failure::source(message))),
        JobsError::Storage { kind: StorageFault::Denied, .. } => {
            Outcome::Failed(Box::new(Failure::storage_denied(&error.to_string())))
        }
        JobsError::Storage { kind: StorageFault::Failed, .. } => {
            Outcome::Failed(Box::new(Failure::storage_failed(&error.with_system_cause())))
        }
        error => Outcome::StorageAway { message: error.to_string() },
    }
}

fn open_archive(inner: &Inner, file: File) -> Result<Archive<File>, Outcome> {
    Archive::open(file, inner.settings.limits.clone()).map_err(|error| {
        Outcome::Failed(Box::new(Failure::of_error(&RestoreError::from(error), Counters::default())))
    })
}

fn of_failure(failure: RestoreFailure, gate: &CommitGate<'_>) -> Outcome {
    let RestoreFailure { error, counters } = failure;
    if let Some(error) = &gate.failure {
        return Outcome::Unavailable { message: error.to_string(), nothing_applied: true };
    }
    match error.kind() {
        FailureKind::AlreadyApplied => Outcome::AlreadyApplied,
        FailureKind::Stopped(stop) => Outcome::Stopped(stop, counters),
        FailureKind::Unavailable => {
            // A server may still carry out a commit whose answer was lost.
            let nothing_applied = !(gate.passed && gate.inner.custody.is_shared());
            Outcome::Unavailable { message: error.to_string(), nothing_applied }
        }
        FailureKind::Invalid
        | FailureKind::Forbidden
        | FailureKind::ModelProtected
        | FailureKind::Internal => Outcome::Failed(Box::new(Failure::of_error(&error, counters))),
    }
}

/// Asks the control plane for leave to commit, once.
struct CommitGate<'a> {
    inner: &'a Inner,
    run: &'a RunRecord,
    cancellation: &'a Cancellation,
    passed: bool,
    failure: Option<StoreError>,
}

impl Gate for CommitGate<'_> {
    fn may_commit(&mut self) -> bool {
        let control = &self.inner.store.control;
        let (id, fence) = (&self.run.id, self.run.fence);
        let leave = control.run_commit_begin(id, fence, self.inner.now()).and_then(|given| {
            if !given {
                watcher::follow(control.run_state(id, fence)?, self.cancellation);
            }
            Ok(given)
        });
        match leave {
            Ok(given) => self.passed = given,
            Err(error) => self.failure = Some(error),
        }
        self.passed
    }
}
