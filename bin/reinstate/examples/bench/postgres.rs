//! The rows of PostgreSQL: a server with settings of its own, and beside each restore `psql \copy` of the same rows as
//! ready CSV into an empty table with its primary key.
//!
//! A round goes through all cases, each on what the one before it left, with the limit measured at its beginning, in
//! its middle and at its end: the ratio is that to their mean. The server is told to write everything down before
//! each measurement, so that none pays for the one before it.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use reinstate_engine::{Counters, Strategy};
use reinstate_store::{DatabaseUrl, PostgresAddress, Store, StoreSettings, TenantId};

use crate::data::Set;
use crate::{archive_path, median, memory_mib, restore};

/// The tenant and its schema; both go before and after.
const TENANT: &str = "reinstate_bench";
const SCHEMA: &str = "t_reinstate_bench";

/// What is measured, in the order of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// A model that is new.
    Fresh,
    /// Every record is there; the first thousand skips are reported.
    Sync,
    /// Every record is there.
    Skip,
    /// Every record is there and takes other values.
    Upsert,
    /// Every record is there, goes, and comes again.
    Replace,
    /// The model is there and holds nothing.
    IntoEmpty,
    /// A model that is new, ids in no order; its limit has the other rows.
    Random,
}

impl Case {
    const ROUND: [Self; 7] =
        [Self::Fresh, Self::Sync, Self::Skip, Self::Upsert, Self::Replace, Self::IntoEmpty, Self::Random];

    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Sync => "sync, all there",
            Self::Skip => "skip, all there",
            Self::Upsert => "upsert, all there",
            Self::Replace => "replace",
            Self::IntoEmpty => "upsert into empty",
            Self::Random => "fresh, random ids",
        }
    }

    fn goal(self) -> Option<f64> {
        match self {
            Self::Fresh => Some(1.5),
            Self::Sync | Self::Skip => Some(1.0),
            Self::Upsert => Some(0.42),
            Self::IntoEmpty => Some(0.65),
            Self::Replace | Self::Random => None,
        }
    }

    fn strategy(self) -> Strategy {
        match self {
            Self::Sync => Strategy::Sync,
            Self::Skip => Strategy::Skip,
            Self::Replace => Strategy::Replace,
            Self::Fresh | Self::Upsert | Self::IntoEmpty | Self::Random => Strategy::Upsert,
        }
    }

    fn archive(self) -> Set {
        match self {
            Self::Fresh | Self::IntoEmpty => Set::First,
            Self::Random => Set::RandomIds,
            Self::Sync | Self::Skip | Self::Upsert | Self::Replace => Set::Changed,
        }
    }

    /// How many records took the way of the case.
    fn counted(self, counters: &Counters) -> u64 {
        match self {
            Self::Sync | Self::Skip => counters.records_skipped,
            Self::Upsert => counters.records_updated,
            Self::Fresh | Self::Replace | Self::IntoEmpty | Self::Random => counters.records_imported,
        }
    }

    /// What the schema needs before.
    fn preparation(self) -> Option<String> {
        match self {
            Self::Fresh | Self::Random => Some(format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")),
            Self::IntoEmpty => Some(format!("TRUNCATE {SCHEMA}.orders")),
            Self::Sync | Self::Skip | Self::Upsert | Self::Replace => None,
        }
    }
}

/// A server under test.
struct Bench<'a> {
    url: &'a str,
    folder: &'a Path,
    records: u64,
    number: u32,
}

/// Runs `rounds` rounds on the server at `url` and prints their medians. The archives are in `folder`.
pub(crate) fn compare(url: &str, folder: &Path, records: u64, rounds: usize) -> Result<(), Box<dyn Error>> {
    let mut bench = Bench { url, folder, records, number: 0 };
    let idle_mib = memory_mib("VmRSS");
    let mut ratios = vec![Vec::new(); Case::ROUND.len()];
    let mut rates = vec![Vec::new(); Case::ROUND.len()];
    let mut limits = Vec::new();
    for _ in 0..rounds.max(1) {
        let (seconds, limit) = bench.round()?;
        limits.push(records as f64 / limit);
        for ((seconds, ratios), rates) in seconds.into_iter().zip(&mut ratios).zip(&mut rates) {
            ratios.push(limit / seconds);
            rates.push(records as f64 / seconds);
        }
    }
    bench.execute(&format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))?;
    let limit = median(limits);
    println!("\n| PostgreSQL | restore, rows/s | psql \\copy, rows/s | ratio | goal |");
    println!("| --- | --- | --- | --- | --- |");
    for ((case, ratios), rates) in Case::ROUND.into_iter().zip(ratios).zip(rates) {
        let goal = case.goal().map_or_else(String::new, |goal| format!("{goal:.2}"));
        let (rate, ratio) = (median(rates), median(ratios));
        println!("| {} | {rate:.0} | {limit:.0} | {ratio:.2} | {goal} |", case.name());
    }
    println!("\npeak memory above idle, all of these: {:.0} MiB", memory_mib("VmHWM") - idle_mib);
    Ok(())
}

impl Bench<'_> {
    /// Measures every case, and the limit three times: seconds of each, and the limit's mean.
    fn round(&mut self) -> Result<(Vec<f64>, f64), Box<dyn Error>> {
        let (mut seconds, mut limits) = (Vec::new(), Vec::new());
        for case in Case::ROUND {
            seconds.push(self.restore(case)?);
            if matches!(case, Case::Fresh | Case::Upsert | Case::IntoEmpty) {
                limits.push(self.limit(case == Case::Fresh)?);
            }
            println!("{}: {:.2} s", case.name(), seconds.last().copied().unwrap_or_default());
        }
        println!("psql \\copy: {limits:.2?} s");
        let mean = limits.iter().sum::<f64>() / limits.len().max(1) as f64;
        Ok((seconds, mean))
    }

    fn restore(&mut self, case: Case) -> Result<f64, Box<dyn Error>> {
        if let Some(preparation) = case.preparation() {
            self.execute(&preparation)?;
        }
        self.number += 1;
        let address = PostgresAddress::new(self.url)?;
        let store = Store::open(&StoreSettings::new(DatabaseUrl::Postgres(address)))?;
        let tenant = store.tenants.open(&TenantId::new(TENANT)?)?;
        self.execute("CHECKPOINT")?;
        let started = Instant::now();
        let archive = archive_path(self.folder, case.archive());
        let counters = restore::run(&tenant, &archive, case.strategy(), &format!("run_{}", self.number))?;
        let seconds = started.elapsed().as_secs_f64();
        let counted = case.counted(&counters);
        if counted != self.records {
            return Err(format!("{counted} of {} records took the way of the case", self.records).into());
        }
        Ok(seconds)
    }

    /// Copies ready CSV into a table like the model's with its primary key. `writes`: the CSV is made first.
    fn limit(&self, writes: bool) -> Result<f64, Box<dyn Error>> {
        let csv = self.folder.join("orders.csv");
        let csv = csv.to_str().ok_or("the folder's name is no text")?;
        if writes {
            self.execute(&format!("\\copy {SCHEMA}.orders to '{csv}' csv"))?;
        }
        self.execute(&format!("DROP TABLE IF EXISTS {SCHEMA}.raw"))?;
        self.execute(&format!("CREATE TABLE {SCHEMA}.raw (LIKE {SCHEMA}.orders, PRIMARY KEY (id))"))?;
        self.execute("CHECKPOINT")?;
        let started = Instant::now();
        self.execute(&format!("\\copy {SCHEMA}.raw from '{csv}' csv"))?;
        Ok(started.elapsed().as_secs_f64())
    }

    /// Runs one command of psql's.
    fn execute(&self, command: &str) -> Result<(), Box<dyn Error>> {
        let output =
            Command::new("psql").args(["-Xq", "-v", "ON_ERROR_STOP=1", self.url, "-c", command]).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into())
    }
}
