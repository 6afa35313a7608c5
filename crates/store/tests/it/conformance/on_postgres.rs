//! The suite on PostgreSQL.

use reinstate_describe::Catalog;
use reinstate_engine::{Cancellation, RunMark, Source, Target, TargetError};
use reinstate_store::{DatabaseUrl, PostgresAddress, RunToken, Store, StoreSettings, Tenant, TenantId};
use reinstate_test_postgres::{TestDatabase, database};

use super::{Subject, conformance};
use crate::fixtures::records;

/// A store in a database of its own.
pub(crate) struct Schemas {
    store: Store,
    _database: TestDatabase,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        let database = database();
        let mut settings =
            StoreSettings::new(DatabaseUrl::Postgres(PostgresAddress::new(database.url()).unwrap()));
        settings.busy_timeout_ms = 1_000;
        settings.target_wait_ms = 1_000;
        Self { store: Store::open(&settings).unwrap(), _database: database }
    }

    fn tenant(&self) -> Tenant {
        self.another("acme")
    }

    /// A tenant of its own in the same database.
    pub(crate) fn another(&self, id: &str) -> Tenant {
        self.store.tenants.open(&TenantId::new(id).unwrap()).unwrap()
    }
}

conformance!(crate::conformance::on_postgres::Schemas::new);

impl Subject for Schemas {
    fn begin(&self, run_id: &str) -> Result<Box<dyn Target>, TargetError> {
        self.tenant().target(RunToken { run_id, fence: 1 }, &Cancellation::default())
    }

    fn wide_fields(&self) -> u32 {
        // A row must fit into a page of 8 KB.
        900
    }

    fn source(&self) -> Box<dyn Source> {
        self.tenant().source(&Cancellation::default()).unwrap()
    }

    fn catalog(&self) -> Catalog {
        self.tenant().catalog().unwrap()
    }

    fn records(&self, model: &str) -> Vec<String> {
        records(&self.tenant(), model)
    }

    fn mark(&self, run_id: &str) -> Option<RunMark> {
        self.tenant().run_mark(run_id).unwrap()
    }

    fn state(&self) -> String {
        self.tenant().dump().unwrap()
    }
}

impl Subject for Tenant {
    fn begin(&self, run_id: &str) -> Result<Box<dyn Target>, TargetError> {
        self.target(RunToken { run_id, fence: 1 }, &Cancellation::default())
    }

    fn source(&self) -> Box<dyn Source> {
        self.source(&Cancellation::default()).unwrap()
    }

    fn catalog(&self) -> Catalog {
        self.catalog().unwrap()
    }

    fn records(&self, model: &str) -> Vec<String> {
        records(self, model)
    }

    fn mark(&self, run_id: &str) -> Option<RunMark> {
        self.run_mark(run_id).unwrap()
    }

    fn state(&self) -> String {
        self.dump().unwrap()
    }
}
