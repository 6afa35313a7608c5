//! Whatever workers, cancels and clocks do, in any order: ended runs stay as they are, a tenant's runs are in one
//! worker's hands at a time and are started in the order of the queue, and cancel and commit exclude each other.

use proptest::prelude::*;

use super::*;

const TENANTS: [&str; 2] = ["acme", "globex"];

/// Something that happens; numbers pick among what there is.
#[derive(Debug, Clone)]
enum Step {
    Queue(usize),
    Claim,
    Renew(usize),
    CommitBegin(usize),
    Finish(usize, bool),
    Requeue(usize),
    Cancel(usize),
    Time(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..2_usize).prop_map(Step::Queue),
        4 => Just(Step::Claim),
        2 => any::<usize>().prop_map(Step::Renew),
        2 => any::<usize>().prop_map(Step::CommitBegin),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(claim, done)| Step::Finish(claim, done)),
        1 => any::<usize>().prop_map(Step::Requeue),
        2 => any::<usize>().prop_map(Step::Cancel),
        2 => (1..20_000_000_i64).prop_map(Step::Time),
    ]
}

/// What the test knows beside the control plane.
#[derive(Default)]
struct World {
    now: i64,
    runs: Vec<(&'static str, String)>,
    /// Every claim ever handed out, stale ones too.
    claims: Vec<RunRecord>,
    /// Runs that were given leave to commit by the claim that holds them.
    ended: std::collections::HashMap<String, RunRecord>,
    /// The first claims, by tenant, as places in the queue.
    started: std::collections::HashMap<String, Vec<i64>>,
}

impl World {
    fn pick(&self, number: usize) -> Option<RunRecord> {
        let count = self.claims.len();
        (count > 0).then(|| self.claims[number % count].clone())
    }

    fn take(&mut self, plane: &Plane, step: &Step) {
        let acting = |number: &usize| self.pick(*number);
        let now = self.now;
        match step {
            Step::Queue(place) => {
                let tenant_name = TENANTS[*place];
                let id = format!("run-{}", self.runs.len());
                plane.queue(tenant_name, &id, now);
                self.runs.push((tenant_name, id));
            }
            Step::Claim => {
                if let Some(run) = plane.claim(now) {
                    if run.fence == 1 {
                        self.started.entry(run.tenant.clone()).or_default().push(run.seq);
                    }
                    self.claims.push(run);
                }
            }
            Step::Renew(number) => {
                if let Some(run) = acting(number) {
                    plane.run_renew(&run.id, run.fence, now, RULES.lease_ms).unwrap();
                }
            }
            Step::CommitBegin(number) => {
                if let Some(run) = acting(number) {
                    let was = plane.run(&run.tenant, &run.id);
                    let given = plane.run_commit_begin(&run.id, run.fence, now).unwrap();
                    let holds = was.fence == run.fence && was.lease_owner.is_some();
                    assert_eq!(given, holds && was.status == RunStatus::Running);
                }
            }
            Step::Finish(number, done) => {
                if let Some(run) = acting(number) {
                    let status = if *done { RunStatus::Completed } else { RunStatus::Failed };
                    plane.finish(&run, status, now);
                }
            }
            Step::Requeue(number) => {
                if let Some(run) = acting(number) {
                    let requeue = Requeue { not_before: now + 1_000, nothing_applied: true };
                    plane.run_requeue(&run.id, run.fence, requeue, now).unwrap();
                }
            }
            Step::Cancel(number) => self.cancel(plane, *number),
            Step::Time(micros) => self.now += micros,
        }
    }

    fn cancel(&self, plane: &Plane, number: usize) {
        if self.runs.is_empty() {
            return;
        }
        let (tenant_name, id) = &self.runs[number % self.runs.len()];
        let run = plane.run(tenant_name, id);
        let outcome = plane.run_cancel(&tenant(tenant_name), &run.restore_id, "bob", self.now).unwrap();
        let expected = match (run.status.has_ended(), run.committing) {
            (true, _) => CancelOutcome::NoneActive,
            (false, true) => CancelOutcome::Committing { run_id: id.clone() },
            (false, false) => CancelOutcome::Cancelled { run_id: id.clone() },
        };
        assert_eq!(outcome, expected);
    }

    fn check(&mut self, plane: &Plane) {
        for tenant_name in TENANTS {
            let own = self.runs.iter().filter(|(tenant, _)| *tenant == tenant_name);
            let runs: Vec<_> = own.map(|(_, id)| plane.run(tenant_name, id)).collect();
            let live = runs.iter().filter(|run| run.lease_expires_at > Some(self.now)).count();
            assert!(live <= 1, "two runs of one tenant in hands");
            for run in runs.into_iter().filter(|run| run.status.has_ended()) {
                let before = self.ended.entry(run.id.clone()).or_insert_with(|| run.clone());
                assert_eq!((before.status, before.completed_at), (run.status, run.completed_at));
                assert_eq!((&before.error, before.attempt), (&run.error, run.attempt));
            }
        }
        for started in self.started.values() {
            assert!(started.is_sorted(), "runs of a tenant started out of order: {started:?}");
        }
    }
}

on_both!(runs_are_ordered_held_once_and_ended_once);

fn runs_are_ordered_held_once_and_ended_once(backend: Backend) {
    let config = ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..50))| {
        let plane = backend.plane();
        let mut world = World { now: 1, ..World::default() };
        for step in &steps {
            world.take(&plane, step);
            world.check(&plane);
        }
    });
}
