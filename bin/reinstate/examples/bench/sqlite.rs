//! The rows of SQLite: each restore beside the raw loops that follow it at once.

use std::error::Error;

use crate::archives::Shape;
use crate::bench::Bench;
use crate::case::Case;
use crate::child;
use crate::raw::Settings;
use crate::report::{Goal, Pair, compared, note};

/// Pairs of a case, with each of the raw loop's settings.
type Pairs = [Vec<Pair>; Settings::ALL.len()];

/// Measures every case and adds its rows.
pub(crate) fn run(bench: &mut Bench) {
    let mut cases: Vec<Pairs> = vec![Pairs::default(); Case::ROUND.len()];
    for _ in 0..bench.pairs {
        if let Err(error) = round(bench, &mut cases) {
            bench.report.add_all("SQLite", Err(error));
            return;
        }
    }
    for (case, pairs) in Case::ROUND.into_iter().zip(cases) {
        for (settings, pairs) in Settings::ALL.into_iter().zip(pairs) {
            let goal = Goal::AtLeast(case.goal());
            bench.report.add(compared(case.title(), settings.title(), bench.records, &pairs, goal));
        }
    }
}

fn round(bench: &Bench, cases: &mut [Pairs]) -> Result<(), Box<dyn Error>> {
    let (shared, own) = (bench.folder()?, bench.folder()?);
    let records = bench.records;
    for (case, pairs) in Case::ROUND.into_iter().zip(cases) {
        let archive = bench.archives.path(Shape::Orders { set: case.set(), records })?;
        let at = if case == Case::Random { own.path() } else { shared.path() };
        let ours = child::restore(case, &archive, records, at)?;
        let limits = child::raw(case, records, bench.archives.seed, own.path())?;
        note(&format!("{}: {ours:.2} s, raw loops {limits:.2?} s", case.title()));
        for (limit, pairs) in limits.into_iter().zip(pairs) {
            pairs.push(Pair { ours, limit });
        }
    }
    Ok(())
}
