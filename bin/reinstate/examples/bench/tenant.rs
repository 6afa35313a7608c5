//! A tenant of a PostgreSQL database, whose restores are measured in this process.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use reinstate_engine::{Counters, Strategy};
use reinstate_store::{DatabaseUrl, PostgresAddress, Store, StoreSettings, Tenant, TenantId};

use crate::place::Database;
use crate::restore;

/// The tenant, and its schema.
const TENANT: &str = "bench";
const SCHEMA: &str = "t_bench";

/// The tenant's table of the archives' records.
pub(crate) const TABLE: &str = "t_bench.orders";

/// Removes all that the tenant has.
pub(crate) fn clear(database: &Database) -> Result<(), Box<dyn Error>> {
    database.execute(&format!("DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
}

/// Opens the tenant.
pub(crate) fn open(database: &Database) -> Result<Tenant, Box<dyn Error>> {
    let address = PostgresAddress::new(&database.url)?;
    let store = Store::open(&StoreSettings::new(DatabaseUrl::Postgres(address)))?;
    Ok(store.tenants.open(&TenantId::new(TENANT)?)?)
}

/// Restores an archive: seconds from ZIP to committed, and what was counted. The server has nothing to write down when
/// the clock starts. `run`: another one each time.
pub(crate) fn restore(
    database: &Database,
    archive: &Path,
    strategy: Strategy,
    run: &str,
) -> Result<(f64, Counters), Box<dyn Error>> {
    let tenant = open(database)?;
    database.execute("CHECKPOINT")?;
    let started = Instant::now();
    let counters = restore::run(&tenant, archive, strategy, run)?;
    Ok((started.elapsed().as_secs_f64(), counters))
}

/// Seconds of a restore into a tenant without anything.
pub(crate) fn restore_fresh(
    database: &Database,
    archive: &Path,
    records: u64,
) -> Result<f64, Box<dyn Error>> {
    clear(database)?;
    let (seconds, counters) = restore(database, archive, Strategy::Upsert, "run_fresh")?;
    restore::check(counters.records_imported, records)?;
    Ok(seconds)
}
