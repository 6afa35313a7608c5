//! The restore: archive from a file, the engine, a tenant's SQLite file.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use reinstate_archive::{Archive, Limits};
use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::{
    Cancellation, Clock, Counters, Environment, Event, Events, IdSource, Include, OpenGate,
};
use reinstate_engine::{RestoreRequest, Strategy, restore};
use reinstate_store::{DatabaseUrl, RunToken, Store, StoreSettings, Tenant, TenantId};

use crate::case::Case;
use crate::data::Set;
use crate::{Busy, Measured, memory_mib};

/// Events go nowhere: the bench measures the way of the records.
struct NoEvents;

impl Events for NoEvents {
    fn event(&mut self, _event: Event) {}
}

/// The system's clock.
struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or_default()
    }
}

/// Ids by counting; every record of the bench has one of its own anyway.
struct CountedIds(AtomicU64);

impl IdSource for CountedIds {
    fn record_id(&self) -> String {
        format!("{:020}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Restores the archive of a case into a tenant that holds what the case wants to be there.
pub(crate) fn measure(
    case: Case,
    archive: impl Fn(Set) -> PathBuf,
    folder: &Path,
    records: u64,
) -> Result<Measured, Box<dyn Error>> {
    let store = Store::open(&StoreSettings::new(DatabaseUrl::Sqlite { dir: folder.to_path_buf() }))?;
    let tenant = store.tenants.open(&TenantId::new("bench")?)?;
    let idle_mib = memory_mib("VmRSS");
    if let Some(before) = case.before() {
        run(&tenant, &archive(before), Strategy::Upsert, "run_before")?;
        tenant.checkpoint()?;
    }
    let (busy, started) = (Busy::now(), Instant::now());
    let counters = run(&tenant, &archive(case.archive()), case.strategy(), "run_bench")?;
    let (seconds, busy_seconds) = (started.elapsed().as_secs_f64(), Busy::now().since(busy));
    let counted = match case {
        Case::Fresh | Case::Random => counters.records_imported,
        Case::Upsert => counters.records_updated,
        Case::Sync | Case::Skip => counters.records_skipped,
    };
    if counted != records {
        return Err(format!("{counted} records of {records} took the way of the case").into());
    }
    Ok(Measured { seconds, busy_seconds, peak_mib: memory_mib("VmHWM") - idle_mib })
}

/// Restores an archive into a tenant.
pub(crate) fn run(
    tenant: &Tenant,
    archive: &Path,
    strategy: Strategy,
    run_id: &str,
) -> Result<Counters, Box<dyn Error>> {
    let request = RestoreRequest {
        run_id: run_id.to_owned(),
        fence: 1,
        strategy,
        include: Include::default(),
        models: None,
        create_models: true,
        caller: Caller::new(AccessLevel::Root, "bench"),
    };
    let cancellation = Cancellation::default();
    let target = tenant.target(RunToken { run_id, fence: 1 }, &cancellation)?;
    let environment = Environment {
        clock: &SystemClock,
        ids: &CountedIds(AtomicU64::new(0)),
        events: &mut NoEvents,
        cancellation: &cancellation,
        gate: &mut OpenGate,
    };
    let archive = Archive::open(BufReader::new(File::open(archive)?), Limits::default())?;
    restore(archive, &request, target, environment)
        .map_err(|failure| format!("{}: {}", failure.error, failure.error.detail()).into())
}
