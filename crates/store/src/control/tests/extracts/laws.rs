//! Whatever workers, cancels and clocks do, in any order: the oldest run that may be taken is handed out, ended runs stay
//! as they are, only completed runs leave something behind, and the statistics add up.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// Extracts of the tenant: runs of one meet, runs of the others do not.
const EXTRACTS: [&str; 3] = ["extract-0", "extract-1", "extract-2"];

/// Something that happens; numbers pick among what there is.
#[derive(Debug, Clone)]
enum Step {
    Queue(usize),
    Claim,
    Renew(usize),
    Progress(usize, u8),
    Finish(usize, bool),
    Requeue(usize),
    Cancel(usize),
    Restart,
    Time(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..EXTRACTS.len()).prop_map(Step::Queue),
        4 => Just(Step::Claim),
        2 => any::<usize>().prop_map(Step::Renew),
        2 => (any::<usize>(), 0..100_u8).prop_map(|(claim, percent)| Step::Progress(claim, percent)),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(claim, done)| Step::Finish(claim, done)),
        1 => any::<usize>().prop_map(Step::Requeue),
        2 => (0..EXTRACTS.len()).prop_map(Step::Cancel),
        1 => Just(Step::Restart),
        2 => (1..20_000_000_i64).prop_map(Step::Time),
    ]
}

/// What the test knows beside the control plane.
#[derive(Default)]
struct World {
    now: i64,
    run_ids: Vec<String>,
    /// Every claim ever handed out, stale ones too.
    claims: Vec<ExtractRunRecord>,
    ended: HashMap<String, ExtractRunRecord>,
}

/// What the one who made this claim ought to hear.
fn expected(plane: &Plane, claim: &ExtractRunRecord) -> RunState {
    let run = plane.extract_run("acme", &claim.id);
    match run.status {
        _ if run.fence != claim.fence || run.lease_owner.is_none() => RunState::Lost,
        RunStatus::Running => RunState::Held,
        RunStatus::Cancelled => RunState::Cancelled,
        status => panic!("{status} in somebody's hands"),
    }
}

impl World {
    fn runs(&self, plane: &Plane) -> Vec<ExtractRunRecord> {
        self.run_ids.iter().map(|id| plane.extract_run("acme", id)).collect()
    }

    fn take(&mut self, plane: &Plane, step: &Step) {
        match step {
            Step::Queue(place) => self.queue(plane, EXTRACTS[*place]),
            Step::Claim => self.claim(plane),
            Step::Cancel(place) => self.cancel(plane, EXTRACTS[*place]),
            Step::Time(micros) => self.now += micros,
            Step::Restart => {
                plane.leases_expire(self.now).unwrap();
            }
            Step::Renew(claim) | Step::Progress(claim, _) | Step::Finish(claim, _) | Step::Requeue(claim) => {
                if let Some(count) = std::num::NonZero::new(self.claims.len()) {
                    self.work(plane, step, &self.claims[*claim % count]);
                }
            }
        }
    }

    fn queue(&mut self, plane: &Plane, extract_id: &str) {
        let is_active = |run: &ExtractRunRecord| run.extract_id == extract_id && !run.status.has_ended();
        let was_active = self.runs(plane).iter().any(is_active);
        let id = format!("run-{}", self.run_ids.len());
        let queued = plane.extract_again("acme", extract_id, &id, self.now);
        assert_eq!(queued.is_err(), was_active);
        self.run_ids.extend(queued.ok().map(|run| run.id));
    }

    fn claim(&mut self, plane: &Plane) {
        let may_be_taken = |run: &&ExtractRunRecord| {
            matches!(run.status, RunStatus::Queued | RunStatus::Running)
                && run.not_before <= self.now
                && run.lease_expires_at.is_none_or(|end| end <= self.now)
        };
        let oldest = self.runs(plane).iter().find(may_be_taken).map(|run| run.id.clone());
        let claimed = plane.claim_extract(self.now);
        assert_eq!(claimed.as_ref().map(|run| &run.id), oldest.as_ref());
        self.claims.extend(claimed);
    }

    fn cancel(&self, plane: &Plane, extract_id: &str) {
        let is_active = |run: &ExtractRunRecord| run.extract_id == extract_id && !run.status.has_ended();
        let active = self.runs(plane).into_iter().find(is_active);
        let outcome = plane.extract_run_cancel(&tenant("acme"), extract_id, "bob", self.now).unwrap();
        let expected = active.map(|run| CancelOutcome::Cancelled { run_id: run.id });
        assert_eq!(outcome, expected.unwrap_or(CancelOutcome::NoneActive));
    }

    fn work(&self, plane: &Plane, step: &Step, claim: &ExtractRunRecord) {
        let (id, fence, now) = (&claim.id, claim.fence, self.now);
        let expected = expected(plane, claim);
        assert_eq!(plane.extract_run_state(id, fence).unwrap(), expected);
        let told = match step {
            Step::Renew(_) => plane.extract_run_renew(id, fence, now, RULES.lease_ms).unwrap(),
            Step::Progress(_, percent) => {
                plane.extract_run_progress(id, fence, &progress(*percent), now).unwrap()
            }
            Step::Finish(_, done) => {
                let status = if *done { RunStatus::Completed } else { RunStatus::Failed };
                let before = plane.extract_run("acme", id);
                let told = plane.finish_extract(claim, status, now);
                if before.fence == fence && before.status == status {
                    // It is asked again.
                    assert_eq!(told, RunState::Held);
                    return;
                }
                told
            }
            _ => {
                let held = plane.extract_run_requeue(id, fence, now + 1_000, now).unwrap();
                assert_eq!(held, expected != RunState::Lost);
                expected
            }
        };
        assert_eq!(told, expected);
    }

    fn check(&mut self, plane: &Plane) {
        let acme = tenant("acme");
        let runs = self.runs(plane);
        for run in &runs {
            let is_completed = run.status == RunStatus::Completed;
            let artifact = plane.extract_artifact_get(&acme, &artifact_id(&run.id, 0));
            assert_eq!((run.object_key.is_some(), artifact.is_ok()), (is_completed, is_completed));
            assert_eq!(run.progress == 100, is_completed);
            if run.status.has_ended() {
                let before = self.ended.entry(run.id.clone()).or_insert_with(|| run.clone());
                // Who worked on a run that was called off says how far it got, and lets go.
                let figures = if run.status == RunStatus::Cancelled { run } else { &*before };
                let same = ExtractRunRecord {
                    records_exported: figures.records_exported,
                    models_exported: figures.models_exported,
                    lease_owner: figures.lease_owner.clone(),
                    lease_expires_at: figures.lease_expires_at,
                    ..before.clone()
                };
                assert_eq!(run, &same);
            }
        }
        for extract_id in EXTRACTS {
            let own = || runs.iter().filter(|run| run.extract_id == extract_id);
            let count = |status| own().filter(|run| run.status == status).count() as i64;
            let kept = plane.extract_get(&acme, extract_id).unwrap();
            assert_eq!(kept.total_runs, own().count() as i64);
            assert_eq!(kept.successful_runs, count(RunStatus::Completed));
            assert_eq!(kept.failed_runs, count(RunStatus::Failed));
            assert_eq!(kept.last_run_id.as_ref(), own().next_back().map(|run| &run.id));
        }
    }
}

on_both!(runs_of_extracts_are_held_once_and_ended_once_and_only_completed_ones_leave_something);

fn runs_of_extracts_are_held_once_and_ended_once_and_only_completed_ones_leave_something(backend: Backend) {
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..40))| {
        let plane = backend.plane();
        plane.extracts_create(&tenant("acme"), &EXTRACTS.map(extract), 1).unwrap();
        let mut world = World { now: 1, ..World::default() };
        for step in &steps {
            world.take(&plane, step);
            world.check(&plane);
        }
    });
}
