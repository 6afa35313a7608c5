//! Restores an archive into memory and prints what happened: the engine without a server or a database.
//!
//! ```text
//! cargo run -p reinstate-engine --example restore_into_memory -- ARCHIVE.zip upsert
//! ```

use std::error::Error;
use std::fs::File;
use std::time::{SystemTime, UNIX_EPOCH};

use reinstate_archive::{Archive, Limits};
use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::{
    Cancellation, Clock, Environment, Event, Events, IdSource, Include, MemoryTenant, OpenGate,
    RestoreRequest, Strategy, restore,
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

struct Print;

impl Events for Print {
    fn event(&mut self, event: Event) {
        if let Event::Log(entry) = event {
            let model = entry.model_name.as_deref().unwrap_or("-");
            println!("{:5} {:15} {model:20} {}", entry.level.as_str(), entry.phase.as_str(), entry.message);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: restore_into_memory ARCHIVE.zip [STRATEGY]")?;
    let strategy = arguments.next().unwrap_or_else(|| "upsert".to_owned());
    let request = RestoreRequest {
        run_id: "run_example".to_owned(),
        fence: 1,
        strategy: Strategy::parse(&strategy).ok_or("no such strategy")?,
        include: Include::default(),
        models: None,
        create_models: true,
        caller: Caller::new(AccessLevel::Root, "example"),
    };
    let tenant = MemoryTenant::default();
    let archive = Archive::open(File::open(path)?, Limits::default())?;
    let environment = Environment {
        clock: &SystemClock,
        ids: &Numbers(0.into()),
        events: &mut Print,
        cancellation: &Cancellation::default(),
        gate: &mut OpenGate,
    };
    match restore(archive, &request, Box::new(tenant.target()), environment) {
        Ok(counters) => println!("{counters:#?}"),
        Err(failure) => println!("{}\n{}", failure.error.sentence(), failure.error.detail()),
    }
    for model in tenant.catalog().iter() {
        println!("{:30} {:>8} records", model.name, tenant.records(model.name.as_str()).len());
    }
    Ok(())
}
