//! The restore: archive from a file, the engine, a tenant's SQLite file.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use reinstate_archive::{Archive, Limits};
use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::{Cancellation, Clock, Environment, Event, Events, IdSource, Include, OpenGate};
use reinstate_engine::{RestoreRequest, Strategy, restore};
use reinstate_store::{DatabaseUrl, RunToken, Store, StoreSettings, TenantId};

use crate::{Measured, memory_mib};

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

/// Restores the archive into a fresh tenant.
pub(crate) fn measure(archive: &Path, folder: &Path, records: u64) -> Result<Measured, Box<dyn Error>> {
    let store = Store::open(&StoreSettings::new(DatabaseUrl::Sqlite { dir: folder.to_path_buf() }))?;
    let tenant = store.tenants.open(&TenantId::new("bench")?)?;
    let (idle_mib, started) = (memory_mib("VmRSS"), Instant::now());
    let request = RestoreRequest {
        run_id: "run_bench".to_owned(),
        fence: 1,
        strategy: Strategy::Upsert,
        include: Include::default(),
        models: None,
        create_models: true,
        caller: Caller::new(AccessLevel::Root, "bench"),
    };
    let cancellation = Cancellation::default();
    let target = tenant.target(RunToken { run_id: "run_bench", fence: 1 }, &cancellation)?;
    let environment = Environment {
        clock: &SystemClock,
        ids: &CountedIds(AtomicU64::new(0)),
        events: &mut NoEvents,
        cancellation: &cancellation,
        gate: &mut OpenGate,
    };
    let archive = Archive::open(BufReader::new(File::open(archive)?), Limits::default())?;
    let counters = restore(archive, &request, target, environment)
        .map_err(|failure| format!("{}: {}", failure.error, failure.error.detail()))?;
    let seconds = started.elapsed().as_secs_f64();
    if counters.records_imported != records {
        return Err(format!("imported {} of {records}", counters.records_imported).into());
    }
    Ok(Measured { seconds, peak_mib: memory_mib("VmHWM") - idle_mib })
}
