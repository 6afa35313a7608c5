//! The rows of PostgreSQL: each restore beside what follows it at once, `psql \copy` of the same rows or
//! `pg_restore`.
//!
//! A round goes through all cases, each on what the one before it left.

use std::error::Error;

use reinstate_engine::{Counters, Strategy};

use crate::archives::Shape;
use crate::bench::Bench;
use crate::data::Set;
use crate::machine::is_installed;
use crate::psql::{Form, Loads, PG_DUMP, PG_RESTORE, PSQL};
use crate::report::{Goal, Pair, Row, cell, compared, median, note, rate};
use crate::tenant::{self, TABLE};

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
    /// A model that is new, ids in no order; its limit has the same.
    Random,
}

/// What a case is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Copy(Form),
    PgRestore,
}

impl Limit {
    const fn name(self) -> &'static str {
        match self {
            Self::Copy(Form::Csv) => "`psql \\copy`, CSV",
            Self::Copy(Form::Text) => "`psql \\copy`, text",
            Self::PgRestore => "`pg_restore -j1`",
        }
    }

    /// The programs that it takes and that are not there.
    fn missing(self) -> Option<String> {
        let needed: &[&str] = match self {
            Self::Copy(_) => &[PSQL],
            Self::PgRestore => &[PSQL, PG_DUMP, PG_RESTORE],
        };
        let missing: Vec<_> = needed.iter().copied().filter(|program| !is_installed(program)).collect();
        (!missing.is_empty()).then(|| format!("missing: {}", missing.join(", ")))
    }
}

impl Case {
    const ROUND: [Self; 7] =
        [Self::Fresh, Self::Sync, Self::Skip, Self::Upsert, Self::Replace, Self::IntoEmpty, Self::Random];

    fn title(self) -> &'static str {
        match self {
            Self::Fresh => "PostgreSQL, fresh",
            Self::Sync => "PostgreSQL, `sync`, all there",
            Self::Skip => "PostgreSQL, `skip`, all there",
            Self::Upsert => "PostgreSQL, `upsert`, all there and changed",
            Self::Replace => "PostgreSQL, `replace`",
            Self::IntoEmpty => "PostgreSQL, `upsert` into empty",
            Self::Random => "PostgreSQL, fresh, random ids",
        }
    }

    /// What it is compared with, and the goal.
    fn limits(self) -> &'static [(Limit, Goal)] {
        const TEXT: Limit = Limit::Copy(Form::Text);
        match self {
            Self::Fresh => {
                &[(Limit::Copy(Form::Csv), Goal::AtLeast(1.5)), (Limit::PgRestore, Goal::AtLeast(1.2))]
            }
            Self::Sync | Self::Skip => &[(TEXT, Goal::AtLeast(1.0))],
            Self::Upsert => &[(TEXT, Goal::AtLeast(0.42))],
            Self::IntoEmpty => &[(TEXT, Goal::AtLeast(0.65))],
            Self::Replace => &[(TEXT, Goal::None)],
            Self::Random => &[(Limit::Copy(Form::Csv), Goal::None)],
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

    fn set(self) -> Set {
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
}

/// A case with what it took so far.
struct Measured {
    case: Case,
    ours: Vec<f64>,
    /// Of each of its limits.
    limits: Vec<Result<Vec<Pair>, String>>,
}

/// Measures every case and adds its rows.
pub(crate) fn run(bench: &mut Bench) {
    let rows = measure(bench);
    bench.report.add_all("PostgreSQL, restores", rows);
}

fn measure(bench: &Bench) -> Result<Vec<Row>, Box<dyn Error>> {
    let (database, folder) = (bench.database()?, bench.folder()?);
    let loads = Loads { database: &database, folder: folder.path(), records: bench.records };
    let begun = |case: &Case| Measured {
        case: *case,
        ours: Vec::new(),
        limits: case.limits().iter().map(|(limit, _)| limit.missing().map_or(Ok(Vec::new()), Err)).collect(),
    };
    // Cases without a goal cost time that a quick run does not have.
    let is_wanted =
        |case: &&Case| !bench.is_quick || case.limits().iter().any(|(_, goal)| *goal != Goal::None);
    let mut cases: Vec<_> = Case::ROUND.iter().filter(is_wanted).map(begun).collect();
    for round in 0..bench.pairs {
        for measured in &mut cases {
            pair(bench, &loads, measured, &format!("run_{round}_{:?}", measured.case))?;
        }
    }
    Ok(cases.iter().flat_map(|measured| rows(measured, bench.records)).collect())
}

/// Measures a case once, and after it each of its limits.
fn pair(bench: &Bench, loads: &Loads<'_>, measured: &mut Measured, run: &str) -> Result<(), Box<dyn Error>> {
    let case = measured.case;
    match case {
        Case::Fresh | Case::Random => tenant::clear(loads.database)?,
        Case::IntoEmpty => loads.database.execute(&format!("TRUNCATE {TABLE}"))?,
        Case::Sync | Case::Skip | Case::Upsert | Case::Replace => {}
    }
    let archive = bench.archives.path(Shape::Orders { set: case.set(), records: bench.records })?;
    let (ours, counters) = tenant::restore(loads.database, &archive, case.strategy(), run)?;
    crate::restore::check(case.counted(&counters), bench.records)?;
    measured.ours.push(ours);
    let mut told = format!("{}: {ours:.2} s", case.title());
    for ((limit, _), pairs) in case.limits().iter().zip(&mut measured.limits) {
        if let Ok(measured) = pairs {
            match load(*limit, case, loads) {
                Ok(limit) => measured.push(Pair { ours, limit }),
                Err(error) => *pairs = Err(cell(&error.to_string())),
            }
        }
        if let Some(pair) = pairs.as_ref().ok().and_then(|pairs| pairs.last()) {
            told.push_str(&format!(", {} {:.2} s", limit.name(), pair.limit));
        }
    }
    note(&told);
    Ok(())
}

/// Seconds of a limit with the rows that the case left behind.
fn load(limit: Limit, case: Case, loads: &Loads<'_>) -> Result<f64, Box<dyn Error>> {
    match limit {
        Limit::PgRestore => loads.restore(),
        Limit::Copy(form) => {
            // The rows of `sync` and those of `upsert` differ in their values, not in their size.
            let name = if case == Case::Random { "random" } else { "orders" };
            loads.copy(TABLE, &loads.export(TABLE, name, form)?, form)
        }
    }
}

fn rows(measured: &Measured, records: u64) -> Vec<Row> {
    let case = measured.case;
    let row = |((limit, goal), pairs): (&(Limit, Goal), &Result<Vec<Pair>, String>)| match pairs {
        Ok(pairs) => compared(case.title(), limit.name(), records, pairs, *goal),
        Err(why) => {
            let measured = rate(records, median(&measured.ours));
            Row {
                limit: format!("{}: {why}", limit.name()),
                goal: *goal,
                ..Row::told(case.title(), measured)
            }
        }
    };
    case.limits().iter().zip(&measured.limits).map(row).collect()
}
