//! Which run is worked on next, and by whom.
//!
//! A claim looks without any lock first, since workers ask often and mostly in vain. What the look found is then taken
//! in a transaction. On SQLite that has the file to itself. On PostgreSQL claims of several processes go side by side:
//! the tenant's claim lock makes one of them at a time decide about a tenant, with a look that begins after the lock
//! was had, so that it sees what the one before did. Nobody waits for a lock: a tenant about whom another process is
//! deciding is passed over.

use std::time::Duration;

use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::ControlPlane;
use super::queue::{find, lease_end};
use super::run::RunRecord;
use super::schema::restore_runs;
use super::status::RunStatus;
use crate::database::Database;
use crate::database::sql_types::Micros;
use crate::error::StoreError;
use crate::statement::Statement;

/// How runs are claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimRules {
    /// How long a worker may go without a sign of life, in milliseconds.
    pub lease_ms: u64,
    /// How often a run is started at most.
    pub attempts_max: i32,
}

/// A run that the caller has now.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRun {
    /// The run, with the fencing number of this claim.
    pub run: RunRecord,
    /// The run was interrupted on its last attempt: it must not be started again. It may have been applied.
    pub exhausted: bool,
}

diesel::alias!(restore_runs as other_runs: OtherRuns);

/// Runs in line, by the condition of PostgreSQL's indexes: bound values would hide them from the planner.
const IN_LINE: &str = "\"restore_runs\".\"status\" IN ('queued', 'running')";

/// The same for the other runs of a tenant.
const OTHER_IN_LINE: &str = "\"other_runs\".\"status\" IN ('queued', 'running')";

/// Candidates of one look: as many tenants as other processes may be deciding about at the same time.
const CANDIDATES_MAX: i64 = 8;

/// Looks of one claim, where other processes are deciding about every candidate.
const LOOKS_MAX: u32 = 20;

/// Pause before another such look: a decision takes about as long.
const LOOK_PAUSE: Duration = Duration::from_millis(3);

/// First number of the advisory locks under which a tenant's next run is decided on; the second one is the tenant's.
const CLAIM_LOCK: i32 = 0x7265_6901;

/// First number of the advisory locks under which a tenant's runs are given their places in the queue.
const PLACE_LOCK: i32 = 0x7265_6902;

/// The runs that may be taken now: part of a query on runs.
macro_rules! claimable {
    ($now:expr) => {{
        let same_tenant = other_runs.field(restore_runs::tenant).eq(restore_runs::tenant);
        let older_in_line = other_runs.filter(
            same_tenant
                .and(sql::<Bool>(OTHER_IN_LINE))
                .and(other_runs.field(restore_runs::seq).lt(restore_runs::seq)),
        );
        // A run's own live lease counts as well: it is in somebody's hands.
        let in_hands = other_runs
            .filter(same_tenant.and(other_runs.field(restore_runs::lease_expires_at).gt(Micros($now))));
        // Asked of the row itself as well: that is what is looked at again where the row changed meanwhile.
        let is_free = restore_runs::lease_expires_at
            .is_null()
            .or(restore_runs::lease_expires_at.le(Micros($now)).assume_not_null());
        restore_runs::table
            .filter(sql::<Bool>(IN_LINE))
            .filter(restore_runs::not_before.le(Micros($now)))
            .filter(is_free)
            .filter(not(exists(older_in_line)))
            .filter(not(exists(in_hands)))
    }};
}

/// A run that may be taken.
#[derive(Debug, Queryable)]
struct Candidate {
    id: String,
    tenant: String,
}

/// What a try to take one of several runs came to.
enum Taken {
    Run(Box<ClaimedRun>),
    /// Other processes are deciding about some of them.
    Contested,
    Nothing,
}

impl ControlPlane {
    /// Hands out the run that was queued first among those that may be worked on: queued or left behind by a
    /// worker whose lease ended, with no older run of its tenant in line and no run of its tenant in
    /// anybody's hands. `now` in microseconds.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_claim(
        &self,
        worker: &str,
        now: i64,
        rules: ClaimRules,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        for _ in 0..LOOKS_MAX {
            let candidates = candidates(&mut *self.connections.worker_reader()?, now)?;
            if candidates.is_empty() {
                return Ok(None);
            }
            let taken =
                self.connections.write(|connection| take(connection, &candidates, worker, now, rules))?;
            match taken {
                Taken::Run(run) => return Ok(Some(*run)),
                Taken::Nothing => {}
                Taken::Contested => {
                    self.queued.wait(self.queued.rings(), LOOK_PAUSE);
                }
            }
        }
        Ok(None)
    }
}

/// The first runs that a worker may take now.
fn candidates(connection: &mut Database, now: i64) -> Result<Vec<Candidate>, StoreError> {
    claimable!(now)
        .order(restore_runs::seq)
        .limit(CANDIDATES_MAX)
        .select((restore_runs::id, restore_runs::tenant))
        .load(connection)
        .map_err(failed)
}

/// Takes the first of the candidates that is still free.
fn take(
    connection: &mut Database,
    candidates: &[Candidate],
    worker: &str,
    now: i64,
    rules: ClaimRules,
) -> Result<Taken, StoreError> {
    let mut contested = false;
    for candidate in candidates {
        if !try_claim_lock(connection, &candidate.tenant)? {
            contested = true;
        } else if let Some(run) = still_claimable(connection, candidate, now)? {
            return claim(connection, &run, worker, now, rules).map(|run| Taken::Run(Box::new(run)));
        }
    }
    Ok(if contested { Taken::Contested } else { Taken::Nothing })
}

/// The candidate, where it may still be taken. On PostgreSQL nobody else can change it from here on.
fn still_claimable(
    connection: &mut Database,
    candidate: &Candidate,
    now: i64,
) -> Result<Option<RunRecord>, StoreError> {
    let run = claimable!(now).filter(restore_runs::id.eq(&candidate.id));
    match connection {
        Database::Sqlite(connection) => run.select(RunRecord::as_select()).first(connection),
        Database::Postgres(connection) => {
            run.select(RunRecord::as_select()).for_update().skip_locked().first(connection)
        }
    }
    .optional()
    .map_err(failed)
}

fn failed(error: diesel::result::Error) -> StoreError {
    StoreError::from_diesel("looking for a run to take", error)
}

/// Asks for the tenant's claim lock, which goes with the transaction; SQLite's writers need none.
fn try_claim_lock(connection: &mut Database, tenant: &str) -> Result<bool, StoreError> {
    if matches!(connection, Database::Sqlite(_)) {
        return Ok(true);
    }
    Statement::once(format!("SELECT pg_catalog.pg_try_advisory_xact_lock({CLAIM_LOCK}, pg_catalog.hashtext("))
        .text(tenant)
        .sql("))::pg_catalog.int4::pg_catalog.int8")
        .number(connection)
        .map(|got| got != 0)
        .map_err(failed)
}

/// Waits until nobody decides about the tenant's next run, and keeps others from it until the transaction ends.
/// SQLite's writers need no such lock.
pub(super) fn claim_lock(connection: &mut Database, tenant: &str) -> Result<(), StoreError> {
    lock(connection, CLAIM_LOCK, tenant)
}

/// Makes the places that a tenant's runs are given grow in the order in which others see them: a number is drawn before
/// its row is seen, and an older one that shows late would be passed over.
pub(super) fn place_lock(connection: &mut Database, tenant: &str) -> Result<(), StoreError> {
    lock(connection, PLACE_LOCK, tenant)
}

fn lock(connection: &mut Database, kind: i32, tenant: &str) -> Result<(), StoreError> {
    if matches!(connection, Database::Sqlite(_)) {
        return Ok(());
    }
    Statement::once(format!("SELECT pg_catalog.pg_advisory_xact_lock({kind}, pg_catalog.hashtext("))
        .text(tenant)
        .sql("))")
        .run(connection)
        .map(drop)
        .map_err(|error| StoreError::from_diesel("waiting for a tenant's queue", error))
}

fn claim(
    connection: &mut Database,
    run: &RunRecord,
    worker: &str,
    now: i64,
    rules: ClaimRules,
) -> Result<ClaimedRun, StoreError> {
    let exhausted = run.attempt >= rules.attempts_max;
    let started_at = match run.started_at {
        Some(started_at) => started_at,
        None => now.max(last_completed(connection, &run.tenant)?),
    };
    diesel::update(restore_runs::table.filter(restore_runs::id.eq(&run.id)))
        .set((
            restore_runs::status.eq(RunStatus::Running.as_str()),
            restore_runs::fence.eq(run.fence + 1),
            restore_runs::attempt.eq(if exhausted { run.attempt } else { run.attempt + 1 }),
            restore_runs::started_at.eq(Micros(started_at)),
            restore_runs::lease_owner.eq(worker),
            restore_runs::lease_expires_at.eq(Micros(lease_end(now, rules.lease_ms))),
            restore_runs::updated_at.eq(Micros(now)),
        ))
        .execute(connection)
        .map_err(|error| StoreError::from_diesel("taking a run", error))?;
    Ok(ClaimedRun { run: find(connection, &run.id)?, exhausted })
}

/// When the tenant's run before this one ended. The instant that a worker asks with was read a moment before, or by
/// another server: as they are shown, runs of one tenant never overlap.
fn last_completed(connection: &mut Database, tenant: &str) -> Result<i64, StoreError> {
    restore_runs::table
        .filter(restore_runs::tenant.eq(tenant).and(restore_runs::started_at.is_not_null()))
        .filter(restore_runs::completed_at.is_not_null())
        .order((restore_runs::created_at.desc(), restore_runs::id.desc()))
        .select(restore_runs::completed_at.assume_not_null())
        .first::<Micros>(connection)
        .optional()
        .map(|instant| instant.map_or(0, i64::from))
        .map_err(|error| StoreError::from_diesel("looking for the tenant's last run", error))
}
