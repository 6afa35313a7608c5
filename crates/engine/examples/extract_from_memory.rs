//! Restores an archive into memory and extracts it again into a file: both ways of the engine, without a server.
//!
//! ```text
//! cargo run -p reinstate-engine --example extract_from_memory -- ARCHIVE.zip OUT.zip
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::time::{SystemTime, UNIX_EPOCH};

use reinstate_archive::{Archive, Limits};
use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::{
    Cancellation, Clock, Environment, ExtractEnvironment, ExtractRequest, IdSource, Include, MemoryTenant,
    OpenGate, RestoreRequest, Strategy, extract, restore,
};

struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
    }
}

/// Numbers its ids; a service would use time-ordered UUIDs.
struct Numbers(std::sync::atomic::AtomicU64);

impl IdSource for Numbers {
    fn record_id(&self) -> String {
        format!("record_{:08}", self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }
}

fn restored(path: &str) -> Result<MemoryTenant, Box<dyn Error>> {
    let request = RestoreRequest {
        run_id: "run_in".to_owned(),
        fence: 1,
        strategy: Strategy::default(),
        include: Include::default(),
        models: None,
        create_models: true,
        caller: Caller::new(AccessLevel::Root, "example"),
    };
    let environment = Environment {
        clock: &SystemClock,
        ids: &Numbers(0.into()),
        events: &mut Vec::new(),
        cancellation: &Cancellation::default(),
        gate: &mut OpenGate,
    };
    let tenant = MemoryTenant::default();
    let archive = Archive::open(File::open(path)?, Limits::default())?;
    restore(archive, &request, Box::new(tenant.target()), environment)
        .map_err(|failure| failure.error.sentence())?;
    Ok(tenant)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: extract_from_memory ARCHIVE.zip OUT.zip";
    let tenant = restored(&arguments.next().ok_or(usage)?)?;
    let out = File::create(arguments.next().ok_or(usage)?)?;
    let request = ExtractRequest {
        run_id: "run_out".to_owned(),
        extract_id: "extract_example".to_owned(),
        include: Include::default(),
        models: None,
        filters: BTreeMap::new(),
        caller: Caller::new(AccessLevel::Root, "example"),
        limits: Limits::default(),
        level: None,
    };
    let environment = ExtractEnvironment {
        clock: &SystemClock,
        progress: &mut |progress| {
            println!("{:3} % {} records", progress.percent, progress.records_exported);
        },
        cancellation: &Cancellation::default(),
    };
    let (extracted, _) = extract(&mut tenant.source(), out, &request, environment)
        .map_err(|failure| failure.error.sentence())?;
    for artifact in &extracted.artifacts {
        println!("{:30} {:?} bytes, {:?} records", artifact.name, artifact.size, artifact.records);
    }
    Ok(())
}
