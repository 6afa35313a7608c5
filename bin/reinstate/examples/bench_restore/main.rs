//! Measures a restore from ZIP to committed on SQLite against a raw loop of prepared one-row inserts.
//!
//! ```text
//! cargo run --release -p reinstate --example bench_restore -- --quick
//! ```
//!
//! The data is made from a seed. Each measurement is a process of its own, so that its peak memory is its own, and
//! the two kinds take turns, so that a busy machine slows both. The exit code says nothing about the figures.

mod data;
mod raw;
mod restore;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;

/// Records of `--quick`.
const QUICK_RECORDS: u64 = 100_000;

/// Restores a generated archive into SQLite and compares with a raw insert loop.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many records
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// 100,000 records
    #[arg(long)]
    quick: bool,
    /// How often each kind is measured
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Where the data comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the databases [default: the system's temporary folder]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// What a child process measures
    #[arg(long, hide = true)]
    child: Option<Kind>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// ZIP to committed through the engine.
    Restore,
    /// Values in memory, a prepared statement a row.
    Raw,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
struct Measured {
    seconds: f64,
    /// Peak of the process above what it held before it began.
    peak_mib: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let records = if arguments.quick { QUICK_RECORDS } else { arguments.records };
    match (arguments.child, &arguments.dir) {
        (Some(kind), Some(dir)) => measure(kind, dir, records, arguments.seed),
        _ => compare(&arguments, records),
    }
}

/// Runs both kinds in turn and prints the medians.
fn compare(arguments: &Arguments, records: u64) -> Result<(), Box<dyn Error>> {
    let folder = match &arguments.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let size = data::write_archive(&archive_path(folder.path()), records, arguments.seed)?;
    println!(
        "{records} records, {} MB of lines in a ZIP of {} MB",
        size.line_bytes / 1_000_000,
        size.zip_bytes / 1_000_000
    );
    let (mut restores, mut raws) = (Vec::new(), Vec::new());
    for pair in 1..=arguments.pairs.max(1) {
        let restore = child(Kind::Restore, folder.path(), records, arguments.seed)?;
        let raw = child(Kind::Raw, folder.path(), records, arguments.seed)?;
        println!("pair {pair}: restore {:.2} s, raw loop {:.2} s", restore.seconds, raw.seconds);
        restores.push(restore);
        raws.push(raw);
    }
    let rows_a_second = |measured: Measured| records as f64 / measured.seconds;
    let (restore, raw) = (median(restores)?, median(raws)?);
    println!("\n{:<34}{:>12}{:>16}", "", "rows/s", "peak memory MiB");
    println!("{:<34}{:>12.0}{:>16.0}", "restore, ZIP to committed", rows_a_second(restore), restore.peak_mib);
    println!("{:<34}{:>12.0}{:>16.0}", "raw loop, values in memory", rows_a_second(raw), raw.peak_mib);
    println!("\nratio {:.2}", rows_a_second(restore) / rows_a_second(raw));
    Ok(())
}

/// Measures in a process of its own.
fn child(kind: Kind, dir: &Path, records: u64, seed: u64) -> Result<Measured, Box<dyn Error>> {
    let name = if kind == Kind::Restore { "restore" } else { "raw" };
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", name, "--records", &records.to_string(), "--seed", &seed.to_string(), "--dir"])
        .arg(dir)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let (seconds, peak_mib) = text.trim().split_once(' ').ok_or("the child printed no figures")?;
    Ok(Measured { seconds: seconds.parse()?, peak_mib: peak_mib.parse()? })
}

/// Measures here, and prints seconds and MiB for the parent.
fn measure(kind: Kind, dir: &Path, records: u64, seed: u64) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir_in(dir)?;
    let measured = match kind {
        Kind::Restore => restore::measure(&archive_path(dir), folder.path(), records)?,
        Kind::Raw => raw::measure(&folder.path().join("raw.db"), records, seed)?,
    };
    println!("{} {}", measured.seconds, measured.peak_mib);
    Ok(())
}

fn archive_path(dir: &Path) -> PathBuf {
    dir.join("bench.zip")
}

/// The measurement with the median time.
fn median(mut measured: Vec<Measured>) -> Result<Measured, Box<dyn Error>> {
    measured.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let middle = measured.len() / 2;
    Ok(*measured.get(middle).ok_or("nothing was measured")?)
}

/// A figure in MiB that the kernel keeps of this process, such as `VmRSS` or `VmHWM`; 0 where there is no such kernel.
fn memory_mib(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1_024.0
}
