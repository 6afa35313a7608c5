//! The rows about cost against size: fresh restores of archives of several sizes.

use std::error::Error;

use crate::archives::Shape;
use crate::bench::{Backend, Bench};
use crate::case::Case;
use crate::child;
use crate::data::Set;
use crate::place::Database;
use crate::report::{Goal, Row, median, note, rate};
use crate::tenant;

/// Records of the archives.
const SIZES: [u64; 4] = [10_000, 100_000, 1_000_000, 3_000_000];

/// Sizes of a quick run.
const QUICK_SIZES: usize = 2;

/// The size with which the largest is compared.
const SECOND: usize = 1;

/// The rows a second of the largest over those of the second.
const GOAL: f64 = 0.9;

/// Measures all sizes on both databases and adds their rows.
pub(crate) fn run(bench: &mut Bench) {
    for backend in Backend::ALL {
        let rows = measure(bench, backend);
        bench.report.add_all(&format!("{}, fresh by size", backend.name()), rows);
    }
}

fn measure(bench: &Bench, backend: Backend) -> Result<Vec<Row>, Box<dyn Error>> {
    let sizes = SIZES.get(..if bench.is_quick { QUICK_SIZES } else { SIZES.len() }).unwrap_or_default();
    let database = match backend {
        Backend::Postgres => Some(bench.database()?),
        Backend::Sqlite => None,
    };
    let mut seconds = vec![Vec::new(); sizes.len()];
    for _ in 0..bench.pairs {
        for (records, seconds) in sizes.iter().zip(&mut seconds) {
            let taken = fresh(bench, database.as_ref(), *records)?;
            note(&format!("{}, {records} records: {taken:.2} s", backend.name()));
            seconds.push(taken);
        }
    }
    let seconds: Vec<_> = seconds.iter().map(|seconds| median(seconds)).collect();
    let second = sizes.iter().zip(&seconds).nth(SECOND).map(|(records, seconds)| (*records, *seconds));
    let rows = sizes.iter().enumerate().zip(&seconds).map(|((place, records), seconds)| {
        let mut row = Row::told(
            format!("{}, fresh, {} k records", backend.name(), records / 1_000),
            rate(*records, *seconds),
        );
        if let Some((second_records, second_seconds)) = second.filter(|_| place > SECOND) {
            let ratio = (*records as f64 / seconds) / (second_records as f64 / second_seconds);
            row.limit =
                format!("{} k records: {}", second_records / 1_000, rate(second_records, second_seconds));
            row.figure = Some((ratio, format!("{ratio:.2}")));
            row.goal = if place + 1 == sizes.len() { Goal::AtLeast(GOAL) } else { Goal::None };
        }
        row
    });
    Ok(rows.collect())
}

/// Seconds of a fresh restore: into the database, else into a SQLite file.
fn fresh(bench: &Bench, database: Option<&Database>, records: u64) -> Result<f64, Box<dyn Error>> {
    let archive = bench.archives.path(Shape::Orders { set: Set::First, records })?;
    match database {
        Some(database) => tenant::restore_fresh(database, &archive, records),
        None => child::restore(Case::Fresh, &archive, records, bench.folder()?.path()),
    }
}
