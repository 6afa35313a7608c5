//! The rows of extracts: all records of a tenant into a finished ZIP file, on PostgreSQL beside `pg_dump -Fc` of the
//! table.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use reinstate_engine::Strategy;
use reinstate_store::{DatabaseUrl, Store, StoreSettings, Tenant, TenantId};

use crate::archives::Shape;
use crate::bench::Bench;
use crate::data::Set;
use crate::machine::is_installed;
use crate::psql::{Loads, PG_DUMP};
use crate::report::{Goal, Pair, Row, compared, median, note, rate};
use crate::restore;
use crate::tenant::{self, TABLE};

const POSTGRES: &str = "PostgreSQL, extract to the finished ZIP";
const SQLITE: &str = "SQLite, extract to the finished ZIP";

/// Measures extracts and adds their rows.
pub(crate) fn run(bench: &mut Bench) {
    let row = postgres(bench).map(|row| vec![row]);
    bench.report.add_all(POSTGRES, row);
    let row = sqlite(bench).map(|row| vec![row]);
    bench.report.add_all(SQLITE, row);
}

fn postgres(bench: &Bench) -> Result<Row, Box<dyn Error>> {
    let (database, folder, records) = (bench.database()?, bench.folder()?, bench.records);
    let archive = bench.archives.path(Shape::Orders { set: Set::First, records })?;
    tenant::restore_fresh(&database, &archive, records)?;
    // Whoever reads rows first also notes in them that they are committed: neither side shall pay for that.
    database.execute(&format!("VACUUM ANALYZE {TABLE}"))?;
    let loads = Loads { database: &database, folder: folder.path(), records };
    let tenant = tenant::open(&database)?;
    let is_there = is_installed(PG_DUMP);
    let (mut ours, mut pairs) = (Vec::new(), Vec::new());
    for _ in 0..bench.pairs {
        database.execute("CHECKPOINT")?;
        let seconds = extracted(&tenant, folder.path(), records)?;
        ours.push(seconds);
        if is_there {
            let limit = loads.dump(&["--table", TABLE], &folder.path().join("out.dump"))?;
            note(&format!("{POSTGRES}: {seconds:.2} s, pg_dump {limit:.2} s"));
            pairs.push(Pair { ours: seconds, limit });
        }
    }
    let goal = Goal::AtLeast(1.0);
    if is_there {
        return Ok(compared(POSTGRES, "`pg_dump -Fc`", records, &pairs, goal));
    }
    let measured = rate(records, median(&ours));
    Ok(Row { limit: format!("missing: {PG_DUMP}"), goal, ..Row::told(POSTGRES, measured) })
}

fn sqlite(bench: &Bench) -> Result<Row, Box<dyn Error>> {
    let (folder, records) = (bench.folder()?, bench.records);
    let archive = bench.archives.path(Shape::Orders { set: Set::First, records })?;
    let url = DatabaseUrl::Sqlite { dir: folder.path().to_path_buf() };
    let tenant = Store::open(&StoreSettings::new(url))?.tenants.open(&TenantId::new("bench")?)?;
    restore::run(&tenant, &archive, Strategy::Upsert, "run_before")?;
    tenant.checkpoint()?;
    let seconds = (0..bench.pairs)
        .map(|_| extracted(&tenant, folder.path(), records))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Row::told(SQLITE, rate(records, median(&seconds))))
}

fn extracted(tenant: &Tenant, folder: &Path, records: u64) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    restore::extract(tenant, &folder.join("out.zip"), records)?;
    Ok(started.elapsed().as_secs_f64())
}
