//! The plain way: the engine's own procedure over a tenant in memory.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::atomic::{AtomicU64, Ordering};

use reinstate_archive::{Archive, Limits};
use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::{
    Cancellation, Clock, Environment, Event, ExtractEnvironment, ExtractRequest, IdSource, Include, LogEntry,
    MemoryTenant, OpenGate, RestoreRequest, extract, restore,
};
use serde_json::{Value as Json, json};

use super::Step;
use super::account::{Account, LogLine};

/// What made ids begin with.
pub(super) const MADE_ID: &str = "made-by-the-reference-";

/// Bytes of such an id: it ends with nine digits.
pub(super) const MADE_ID_BYTES: usize = MADE_ID.len() + 9;

/// 2030-01-01T00:00:00Z: later than any instant that an archive has in the columns that a run fills by itself.
const FIRST_NOW_MICROS: i64 = 1_893_456_000_000_000;

/// A tenant in memory and what it takes to restore into it.
#[derive(Default)]
pub(super) struct Reference {
    pub(super) tenant: MemoryTenant,
    ids: MadeIds,
    runs: i64,
}

#[derive(Default)]
struct MadeIds(AtomicU64);

impl IdSource for MadeIds {
    fn record_id(&self) -> String {
        format!("{MADE_ID}{:09}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

struct FixedClock(i64);

impl Clock for FixedClock {
    fn now_micros(&self) -> i64 {
        self.0
    }
}

impl Reference {
    /// Takes a step.
    pub(super) fn restore(&mut self, step: &Step) -> Account {
        self.runs += 1;
        let request = RestoreRequest {
            run_id: format!("run_{}", self.runs),
            fence: 1,
            strategy: step.strategy,
            include: Include { describe: step.include.contains("describe"), data: true },
            models: None,
            create_models: true,
            caller: Caller::new(step.level, "ann"),
        };
        let mut events: Vec<Event> = Vec::new();
        let environment = Environment {
            clock: &FixedClock(FIRST_NOW_MICROS + self.runs * 1_000_000),
            ids: &self.ids,
            events: &mut events,
            cancellation: &Cancellation::default(),
            gate: &mut OpenGate,
        };
        let archive = Archive::open(Cursor::new(&step.archive), Limits::default()).unwrap();
        let ended = restore(archive, &request, Box::new(self.tenant.target()), environment);
        let (counters, failure) = match ended {
            Ok(counters) => (counters, None),
            Err(failure) => (failure.counters, Some((failure.error.sentence(), failure.error.detail()))),
        };
        let logs = events.into_iter().filter_map(|event| match event {
            Event::Log(entry) => Some(log_line(entry)),
            Event::Progress(_) => None,
        });
        Account { failure, counters: serde_json::to_value(counters).unwrap(), logs: logs.collect() }
    }

    /// An archive of everything.
    pub(super) fn extracted(&self) -> Vec<u8> {
        let request = ExtractRequest {
            run_id: "run".to_owned(),
            extract_id: "extract".to_owned(),
            include: Include::default(),
            models: None,
            filters: BTreeMap::new(),
            caller: Caller::new(AccessLevel::Root, "ann"),
            limits: Limits::default(),
            level: None,
        };
        let environment = ExtractEnvironment {
            clock: &FixedClock(FIRST_NOW_MICROS),
            progress: &mut |_| {},
            cancellation: &Cancellation::default(),
        };
        extract(&mut self.tenant.source(), Vec::new(), &request, environment).unwrap().1
    }
}

fn log_line(entry: LogEntry) -> LogLine {
    LogLine {
        level: entry.level.as_str().to_owned(),
        phase: entry.phase.as_str().to_owned(),
        facts: json!({
            "model_name": entry.model_name,
            "record_id": entry.record_id,
            "message": entry.message,
            "detail": entry.detail.unwrap_or(Json::Null),
        })
        .to_string(),
    }
}
