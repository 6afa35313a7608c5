//! Measures restores from ZIP to committed: on SQLite against raw loops of prepared one-row statements, and on
//! PostgreSQL, where a server is named, against `psql \copy`.
//!
//! ```text
//! cargo run --release -p reinstate --example bench -- --quick
//! ```
//!
//! The data is made from a seed. Each measurement is a process of its own, so that its peak memory is its own, and
//! a restore and its raw loop take turns, so that a busy machine slows both. The exit code says nothing about the
//! figures.

mod case;
mod data;
mod postgres;
mod raw;
mod restore;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use case::Case;
use clap::{Parser, ValueEnum};
use data::Set;

/// Records of `--quick`.
const QUICK_RECORDS: u64 = 100_000;

/// Restores generated archives and compares with what the databases can do.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many records
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// 100,000 records
    #[arg(long)]
    quick: bool,
    /// How often each case is measured
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Where the data comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the databases [default: the system's temporary folder]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Only these cases
    #[arg(long, value_delimiter = ',')]
    cases: Vec<Case>,
    /// A database of a PostgreSQL server, for its rows as well; `psql` must be installed
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// Nothing of SQLite
    #[arg(long, requires = "postgres")]
    only_postgres: bool,
    /// What a child process measures
    #[arg(long, hide = true)]
    child: Option<Side>,
}

/// Which side of a case is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Side {
    /// ZIP to committed through the engine.
    Restore,
    /// Values in memory, a prepared statement a row.
    Raw,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
struct Measured {
    seconds: f64,
    /// Seconds that the busier of its two threads had a processor: what would be left of the time if nothing else
    /// ran on the machine.
    busy_seconds: f64,
    /// Peak of the process above what it held before it began.
    peak_mib: f64,
}

/// A restore and the raw loop beside it.
#[derive(Debug, Clone, Copy)]
struct Pair {
    restore: Measured,
    raw: Measured,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        arguments.records = QUICK_RECORDS;
    }
    if arguments.cases.is_empty() {
        arguments.cases = Case::value_variants().to_vec();
    }
    match (arguments.child, arguments.cases.as_slice(), &arguments.dir) {
        (Some(side), [case], Some(dir)) => measure(side, *case, dir, &arguments),
        _ => compare(&arguments),
    }
}

/// Runs both sides of every case in turn and prints the medians.
fn compare(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let folder = match &arguments.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let records = arguments.records;
    for set in [Set::First, Set::Changed, Set::RandomIds] {
        let size = data::write_archive(&archive_path(folder.path(), set), records, set, arguments.seed)?;
        println!(
            "{set:?}: {records} records, {} MB of lines in a ZIP of {} MB",
            size.line_bytes / 1_000_000,
            size.zip_bytes / 1_000_000
        );
    }
    if !arguments.only_postgres {
        compare_sqlite(arguments, folder.path())?;
    }
    match &arguments.postgres {
        Some(url) => postgres::compare(url, folder.path(), records, arguments.pairs),
        None => Ok(()),
    }
}

fn compare_sqlite(arguments: &Arguments, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut pairs = vec![Vec::new(); arguments.cases.len()];
    for number in 1..=arguments.pairs.max(1) {
        for (case, pairs) in arguments.cases.iter().zip(&mut pairs) {
            let pair = Pair {
                restore: child(Side::Restore, *case, folder, arguments)?,
                raw: child(Side::Raw, *case, folder, arguments)?,
            };
            let (restore, raw, name) = (pair.restore, pair.raw, case.name());
            println!(
                "{number}: {name}: restore {:.2} s (busy {:.2}), raw loop {:.2} s (busy {:.2})",
                restore.seconds, restore.busy_seconds, raw.seconds, raw.busy_seconds
            );
            pairs.push(pair);
        }
    }
    println!("\n| case | restore, rows/s | raw loop, rows/s | ratio | ratio, busy | goal | peak MiB |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (case, pairs) in arguments.cases.iter().zip(&pairs) {
        print_row(*case, pairs, arguments.records);
    }
    Ok(())
}

/// The medians of a case. The ratio is that of the pairs, since what slows one side of a pair slows the other.
fn print_row(case: Case, pairs: &[Pair], records: u64) {
    let median = |figure: &dyn Fn(&Pair) -> f64| median(pairs.iter().map(figure).collect());
    let restore = records as f64 / median(&|pair| pair.restore.seconds);
    let raw = records as f64 / median(&|pair| pair.raw.seconds);
    let ratio = median(&|pair| pair.raw.seconds / pair.restore.seconds);
    let busy = median(&|pair| pair.raw.busy_seconds / pair.restore.busy_seconds);
    let peak = pairs.iter().map(|pair| pair.restore.peak_mib).fold(0.0, f64::max);
    let (name, goal) = (case.name(), case.goal());
    println!("| {name} | {restore:.0} | {raw:.0} | {ratio:.2} | {busy:.2} | {goal:.1} | {peak:.0} |");
}

/// Measures in a process of its own.
fn child(side: Side, case: Case, dir: &Path, arguments: &Arguments) -> Result<Measured, Box<dyn Error>> {
    let side = if side == Side::Restore { "restore" } else { "raw" };
    let (records, seed) = (arguments.records.to_string(), arguments.seed.to_string());
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", side, "--cases", &case.name(), "--records", &records, "--seed", &seed, "--dir"])
        .arg(dir)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let figures = text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    match figures.as_slice() {
        [seconds, busy_seconds, peak_mib] => {
            Ok(Measured { seconds: *seconds, busy_seconds: *busy_seconds, peak_mib: *peak_mib })
        }
        _ => Err("the child printed no figures".into()),
    }
}

/// Measures here, and prints seconds and MiB for the parent.
fn measure(side: Side, case: Case, dir: &Path, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir_in(dir)?;
    let (records, seed) = (arguments.records, arguments.seed);
    let measured = match side {
        Side::Restore => restore::measure(case, |set| archive_path(dir, set), folder.path(), records)?,
        Side::Raw => raw::measure(&folder.path().join("raw.db"), case.limit(), records, seed)?,
    };
    println!("{} {} {}", measured.seconds, measured.busy_seconds, measured.peak_mib);
    Ok(())
}

fn archive_path(dir: &Path, set: Set) -> PathBuf {
    dir.join(format!("{set:?}.zip"))
}

/// The median of figures; not a number where there are none.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A figure in MiB that the kernel keeps of this process, such as `VmRSS` or `VmHWM`; 0 where there is no such kernel.
fn memory_mib(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1_024.0
}

/// Seconds for which threads of this process had a processor.
#[derive(Debug, Clone, Copy)]
struct Busy {
    /// The calling thread.
    this: f64,
    /// All others together.
    others: f64,
}

impl Busy {
    /// Up to now; zero where the kernel does not say.
    fn now() -> Self {
        let figures = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanoseconds = figures.split_whitespace().next().and_then(|figure| figure.parse::<f64>().ok());
        let this = nanoseconds.unwrap_or_default() / 1e9;
        let figures = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // Behind the name in brackets come a letter and ten numbers, then the ticks of a hundredth of a second.
        let figures = figures.rsplit_once(')').map_or("", |(_, figures)| figures);
        let ticks =
            figures.split_whitespace().skip(11).take(2).filter_map(|figure| figure.parse::<f64>().ok());
        Self { this, others: ticks.sum::<f64>() / 100.0 - this }
    }

    /// Of the busier since `before`: the calling thread, or the others.
    fn since(self, before: Self) -> f64 {
        (self.this - before.this).max(self.others - before.others)
    }
}
