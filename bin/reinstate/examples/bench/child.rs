//! A measurement on SQLite in a process of its own: neither side finds the memory that the other left.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::{Args, ValueEnum};
use reinstate_store::{DatabaseUrl, Store, StoreSettings, TenantId};

use crate::case::Case;
use crate::{raw, restore};

/// Which side of a case is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// ZIP to committed through the engine.
    Restore,
    /// Values in memory, a prepared statement a row.
    Raw,
}

/// What a process measures.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// The side that this process measures
    #[arg(long = "child", hide = true, requires_all = ["case", "at"])]
    side: Option<Side>,
    /// The case that this process measures
    #[arg(long, hide = true)]
    case: Option<Case>,
    /// The folder of the databases of this process
    #[arg(long, hide = true)]
    at: Option<PathBuf>,
    /// The archive that this process restores
    #[arg(long, hide = true)]
    archive: Option<PathBuf>,
}

impl Task {
    /// Does what a process was started for and prints the seconds that it took; `None` where this one is not such a
    /// process.
    pub(crate) fn run(&self, records: u64, seed: u64) -> Option<Result<(), Box<dyn Error>>> {
        let (side, case, at) = (self.side?, self.case?, self.at.as_ref()?);
        let measured = match (side, &self.archive) {
            (Side::Restore, Some(archive)) => {
                restored(case, archive, at, records).map(|seconds| vec![seconds])
            }
            (Side::Restore, None) => Err("no archive".into()),
            (Side::Raw, _) => raw::measure(at, case.limit(), records, seed),
        };
        Some(measured.map(|seconds| seconds.iter().for_each(|seconds| println!("{seconds}"))))
    }
}

/// Seconds of a restore into the tenant of a folder, from ZIP to committed. The next process finds an empty log.
fn restored(case: Case, archive: &Path, at: &Path, records: u64) -> Result<f64, Box<dyn Error>> {
    let store = Store::open(&StoreSettings::new(DatabaseUrl::Sqlite { dir: at.to_path_buf() }))?;
    let tenant = store.tenants.open(&TenantId::new("bench")?)?;
    let started = Instant::now();
    let counters = restore::run(&tenant, archive, case.strategy(), &case.name())?;
    let seconds = started.elapsed().as_secs_f64();
    tenant.checkpoint()?;
    restore::check(case.counted(&counters), records)?;
    Ok(seconds)
}

/// Restores an archive into the tenant of the folder `at`: seconds from ZIP to committed.
pub(crate) fn restore(case: Case, archive: &Path, records: u64, at: &Path) -> Result<f64, Box<dyn Error>> {
    let mut command = command(Side::Restore, case, at, records)?;
    let seconds = figures(command.arg("--archive").arg(archive))?;
    seconds.first().copied().ok_or_else(|| "the process printed no figure".into())
}

/// Runs the raw loops of a case in the folder `at`: seconds with each of [`raw::Settings`].
pub(crate) fn raw(case: Case, records: u64, seed: u64, at: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    figures(command(Side::Raw, case, at, records)?.arg("--seed").arg(seed.to_string()))
}

fn command(side: Side, case: Case, at: &Path, records: u64) -> Result<Command, Box<dyn Error>> {
    let side = if side == Side::Restore { "restore" } else { "raw" };
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--child", side, "--case", &case.name(), "--records", &records.to_string()]);
    command.arg("--at").arg(at);
    Ok(command)
}

fn figures(command: &mut Command) -> Result<Vec<f64>, Box<dyn Error>> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?)
}
