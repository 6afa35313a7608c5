//! Restores and extracts through the engine: archives in files, a tenant's data in a database.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use reinstate_archive::{Archive, Limits};
use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::{
    Cancellation, Clock, Counters, Environment, Event, Events, ExtractEnvironment, ExtractRequest, IdSource,
    Include, OpenGate, RestoreRequest, Strategy,
};
use reinstate_store::{RunToken, Tenant};

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
    reinstate_engine::restore(archive, &request, target, environment)
        .map_err(|failure| format!("{}: {}", failure.error, failure.error.detail()).into())
}

/// Extracts all of a tenant into a file.
pub(crate) fn extract(tenant: &Tenant, path: &Path, records: u64) -> Result<(), Box<dyn Error>> {
    let request = ExtractRequest {
        run_id: "run_out".to_owned(),
        extract_id: "extract_out".to_owned(),
        include: Include::default(),
        models: None,
        filters: BTreeMap::new(),
        caller: Caller::new(AccessLevel::Root, "bench"),
        limits: Limits::default(),
        level: None,
    };
    let cancellation = Cancellation::default();
    let mut source = tenant.source(&cancellation)?;
    let environment =
        ExtractEnvironment { clock: &SystemClock, progress: &mut |_| {}, cancellation: &cancellation };
    let output = BufWriter::new(File::create(path)?);
    let (extracted, output) = reinstate_engine::extract(source.as_mut(), output, &request, environment)
        .map_err(|failure| failure.error.sentence())?;
    output.into_inner()?;
    check(extracted.records, records)
}

/// Refuses figures of a run that did something else.
pub(crate) fn check(counted: u64, records: u64) -> Result<(), Box<dyn Error>> {
    if counted == records {
        return Ok(());
    }
    Err(format!("{counted} of {records} records took the way of the case").into())
}
