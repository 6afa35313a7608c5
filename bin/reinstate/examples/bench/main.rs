//! Measures what the product does beside what the databases themselves can do, and its memory: every row of the goals
//! of `docs/performance.md`.
//!
//! ```text
//! cargo build --release -p reinstate && cargo run --release -p reinstate --example bench -- --quick
//! ```
//!
//! The data is made from a seed. A restore and what it is compared with take turns, so that a busy machine slows both.
//! PostgreSQL is a throw-away server with its own default settings, on disk. The exit code says nothing about the
//! figures.

mod archives;
mod bench;
mod case;
mod child;
mod data;
mod extracts;
mod imports;
mod machine;
mod place;
mod postgres;
mod psql;
mod raw;
mod reads;
mod report;
mod restore;
mod server;
mod sizes;
mod sqlite;
mod tenant;

use std::error::Error;
use std::path::PathBuf;
use std::rc::Rc;

use archives::Archives;
use bench::Bench;
use clap::{Parser, ValueEnum};
use place::Place;
use report::{Report, note};

/// Records of a whole run, and of `--quick`.
const RECORDS: u64 = 1_000_000;
const QUICK_RECORDS: u64 = 100_000;

/// Measures restores, extracts, reads and memory, and compares them with what the databases can do.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many records [default: 1000000, with --quick 100000]
    #[arg(long)]
    records: Option<u64>,
    /// 100,000 records, and nothing that takes long
    #[arg(long)]
    quick: bool,
    /// How often each case is measured
    #[arg(long, default_value_t = 3)]
    pairs: usize,
    /// Only these groups of rows
    #[arg(long, value_delimiter = ',')]
    only: Vec<Group>,
    /// Where the data comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for archives and databases, up to 6 GB [default: the system's temporary folder]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// A PostgreSQL server, for a role that may create databases [default: one is started]
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    #[command(flatten)]
    task: child::Task,
}

/// Rows that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Restores on SQLite beside raw loops
    Sqlite,
    /// Restores on PostgreSQL beside its own programs
    Postgres,
    /// Extracts beside `pg_dump`
    Extract,
    /// Fresh restores of archives of several sizes
    Size,
    /// Memory of the server
    Memory,
    /// Reads while a restore runs
    Api,
    /// Archives of many models
    Models,
}

impl Group {
    fn run(self, bench: &mut Bench) {
        match self {
            Self::Sqlite => sqlite::run(bench),
            Self::Postgres => postgres::run(bench),
            Self::Extract => extracts::run(bench),
            Self::Size => sizes::run(bench),
            Self::Memory => imports::run_memory(bench),
            Self::Api => reads::run(bench),
            Self::Models => imports::run_models(bench),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let records = arguments.records.unwrap_or(if arguments.quick { QUICK_RECORDS } else { RECORDS }).max(1);
    match arguments.task.run(records, arguments.seed) {
        Some(done) => done,
        None => compare(arguments, records),
    }
}

/// Measures all groups that are asked for and prints the table.
fn compare(arguments: Arguments, records: u64) -> Result<(), Box<dyn Error>> {
    let root = match &arguments.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    remove_when_interrupted(root.path().to_path_buf());
    let groups = if arguments.only.is_empty() { Group::value_variants().to_vec() } else { arguments.only };
    let place = if groups == [Group::Sqlite] {
        Err("not asked for".to_owned())
    } else {
        Place::open(arguments.postgres.as_deref()).map(Rc::new).map_err(|error| error.to_string())
    };
    let version = |place: &Rc<Place>| place.version().unwrap_or_else(|error| error.to_string());
    machine::print_heading(&place.as_ref().map_or_else(Clone::clone, version));
    let mut bench = Bench {
        records,
        is_quick: arguments.quick,
        pairs: arguments.pairs.max(1),
        archives: Archives { folder: root.path().to_path_buf(), seed: arguments.seed },
        report: Report::default(),
        imports: Vec::new(),
        place,
        root: root.path().to_path_buf(),
    };
    for group in groups {
        note(&format!("{group:?}"));
        group.run(&mut bench);
    }
    bench.report.print();
    Ok(())
}

/// Leaves nothing behind where the bench is interrupted: its folder goes here, and a server that it started ends by
/// itself. Databases on somebody else's server stay.
fn remove_when_interrupted(folder: PathBuf) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            drop(std::fs::remove_dir_all(folder));
            #[expect(
                clippy::disallowed_methods,
                reason = "the measurement under way cannot be told to return"
            )]
            std::process::exit(130);
        }
    });
}
