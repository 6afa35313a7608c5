//! Small archives, a restore with everything at its default, and a look at the result.

use std::io::Cursor;
use std::sync::atomic::{AtomicU64, Ordering};

use reinstate_archive::{Archive, ArchiveWriter, Limits, ManifestHeader};
use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::{
    Cancellation, Clock, Counters, Environment, Event, IdSource, Include, LogLevel, MemoryTenant, OpenGate,
    RestoreFailure, RestoreRequest, Strategy, Target, restore,
};

/// 2025-01-19T10:00:00Z
pub(crate) const NOW_MICROS: i64 = 1_737_280_800_000_000;

pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now_micros(&self) -> i64 {
        NOW_MICROS
    }
}

#[derive(Default)]
pub(crate) struct CountingIds(AtomicU64);

impl IdSource for CountingIds {
    fn record_id(&self) -> String {
        format!("generated_{}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// The bytes of an archive with these files.
pub(crate) fn zip(describe: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArchiveWriter::new(&mut bytes, ManifestHeader::default());
    if !describe.is_empty() {
        writer.start_entry("describe.yaml").unwrap();
        writer.write(describe.as_bytes()).unwrap();
    }
    for (name, text) in files {
        writer.start_entry(name).unwrap();
        writer.write(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

/// A restore to be done in a test.
pub(crate) struct Case {
    pub(crate) request: RestoreRequest,
    pub(crate) cancellation: Cancellation,
    pub(crate) events: Vec<Event>,
}

pub(crate) fn case(strategy: Strategy) -> Case {
    let request = RestoreRequest {
        run_id: format!("run_{strategy}"),
        fence: 1,
        strategy,
        include: Include::default(),
        models: None,
        create_models: true,
        caller: Caller::new(AccessLevel::Full, "user_1"),
    };
    Case { request, cancellation: Cancellation::default(), events: Vec::new() }
}

impl Case {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut RestoreRequest)) -> Self {
        change(&mut self.request);
        self
    }

    pub(crate) fn run_with(
        &mut self,
        zip: &[u8],
        target: Box<dyn Target + '_>,
    ) -> Result<Counters, RestoreFailure> {
        let archive = match Archive::open(Cursor::new(zip), Limits::default()) {
            Ok(archive) => archive,
            Err(error) => {
                return Err(RestoreFailure { error: Box::new(error.into()), counters: Counters::default() });
            }
        };
        self.run_archive(archive, target)
    }

    pub(crate) fn run_archive(
        &mut self,
        archive: Archive<Cursor<&[u8]>>,
        target: Box<dyn Target + '_>,
    ) -> Result<Counters, RestoreFailure> {
        let environment = Environment {
            clock: &FixedClock,
            ids: &CountingIds::default(),
            events: &mut self.events,
            cancellation: &self.cancellation,
            gate: &mut OpenGate,
        };
        restore(archive, &self.request, target, environment)
    }

    pub(crate) fn run(&mut self, zip: &[u8], tenant: &MemoryTenant) -> Result<Counters, RestoreFailure> {
        self.run_with(zip, Box::new(tenant.target()))
    }

    /// Runs and expects a failure that leaves the tenant as it was; gives its sentence.
    pub(crate) fn fails(&mut self, zip: &[u8], tenant: &MemoryTenant) -> String {
        let before = tenant.copy();
        let failure = self.run(zip, tenant).expect_err("the restore succeeded");
        assert!(tenant.holds_the_same_as(&before), "a failed restore changed the tenant");
        failure.error.sentence()
    }

    /// The messages of a level, each with its model in front.
    pub(crate) fn logs(&self, level: LogLevel) -> Vec<String> {
        let entry = |event: &Event| match event {
            Event::Log(entry) if entry.level == level => {
                Some(format!("{}: {}", entry.model_name.as_deref().unwrap_or("-"), entry.message))
            }
            Event::Log(_) | Event::Progress(_) => None,
        };
        self.events.iter().filter_map(entry).collect()
    }
}

/// `id=title` of each record of a model, and `!` behind a trashed one.
pub(crate) fn titles(tenant: &MemoryTenant, model: &str) -> Vec<String> {
    let show = |text: &String| {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        let trashed = if json["trashed_at"].is_null() { "" } else { "!" };
        format!("{}={}{trashed}", json["id"].as_str().unwrap(), json["title"].as_str().unwrap_or("-"))
    };
    tenant.records(model).iter().map(show).collect()
}

pub(crate) const NOTES: &str = "notes:\n  fields:\n    title: { type: text }\n";

/// A tenant with the model `notes` and records `a`, `b` and the trashed `t`.
pub(crate) fn tenant_with_notes() -> MemoryTenant {
    let tenant = MemoryTenant::default();
    let lines = concat!(
        "{\"id\":\"a\",\"title\":\"old a\"}\n",
        "{\"id\":\"b\",\"title\":\"old b\"}\n",
        "{\"id\":\"t\",\"title\":\"old t\",\"trashed_at\":\"2025-01-01\"}\n",
    );
    let mut setup = case(Strategy::Upsert).with(|request| request.run_id = "run_setup".into());
    setup.run(&zip(NOTES, &[("notes.jsonl", lines)]), &tenant).unwrap();
    tenant
}
