//! The control plane's rules, on a real file each.

mod columns;
mod configurations;
mod extracts;
mod laws;
mod plans;
mod queue;
mod queue_watches;
mod races;
mod server_faults;
mod system_models;

use reinstate_engine::Counters;
use reinstate_test_postgres::TestDatabase;
use serde_json::json;

use super::*;
use crate::settings::{DatabaseUrl, StoreSettings};
use crate::statement::Statement;
use crate::tenant_id::TenantId;
use crate::{Store, StoreError};

/// A minute in microseconds.
const MINUTE: i64 = 60_000_000;

const RULES: ClaimRules = ClaimRules { lease_ms: 15_000, attempts_max: 3 };

/// What a test's control plane is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

/// Makes of each function that takes a [`Backend`] a test on either. The names of the modules tell them apart.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $case() {
                super::$case(super::Backend::Sqlite);
            })+
        }
        mod postgres {
            $(#[test]
            fn $case() {
                super::$case(super::Backend::Postgres);
            })+
        }
    };
}
use on_both;

/// Where the data of a test is; it goes with the value.
enum Ground {
    Folder(tempfile::TempDir),
    Database(TestDatabase),
}

impl Ground {
    fn url(&self) -> DatabaseUrl {
        match self {
            Self::Folder(dir) => DatabaseUrl::Sqlite { dir: dir.path().to_owned() },
            Self::Database(database) => database.url().parse().unwrap(),
        }
    }
}

impl Backend {
    fn ground(self) -> Ground {
        match self {
            Self::Sqlite => Ground::Folder(tempfile::tempdir().unwrap()),
            Self::Postgres => Ground::Database(reinstate_test_postgres::database()),
        }
    }

    fn plane(self) -> Plane {
        let ground = self.ground();
        let control = Store::open(&StoreSettings::new(ground.url())).unwrap().control;
        Plane { control, ground }
    }
}

/// A control plane of its own, gone with the guard.
struct Plane {
    // It goes first: its connections lead to the ground.
    control: ControlPlane,
    ground: Ground,
}

impl Plane {
    /// The control plane of another process on the same data.
    fn other_process(&self) -> ControlPlane {
        Store::open(&StoreSettings::new(self.ground.url())).unwrap().control
    }
}

impl Plane {
    /// The keys of all objects that rows name, in order.
    fn object_keys(&self) -> Vec<String> {
        let statement = "SELECT object_key FROM uploads UNION ALL \
            SELECT object_key FROM extract_runs WHERE object_key IS NOT NULL ORDER BY 1";
        let rows = Statement::new(statement).rows(&mut self.connections.reader().unwrap()).unwrap();
        rows.iter().map(|row| row.text(0).unwrap().to_owned()).collect()
    }
}

impl std::ops::Deref for Plane {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        &self.control
    }
}

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn restore(id: &str) -> NewRestore {
    NewRestore {
        id: id.to_owned(),
        name: format!("Restore {id}"),
        description: None,
        source_type: "upload".to_owned(),
        source_ref: Some(format!("uploads/acme/{id}.zip")),
        conflict_strategy: "upsert".to_owned(),
        include: vec!["describe".to_owned(), "data".to_owned()],
        models: Some(vec!["orders".to_owned()]),
        create_models: true,
        enabled: true,
        created_by: "ann".to_owned(),
    }
}

fn new_run(id: &str) -> NewRun {
    NewRun { id: id.to_owned(), caller: json!({"level": "full"}), executed_by: "ann".to_owned() }
}

impl Plane {
    /// Makes a configuration `restore-RUN` and queues `RUN` of it.
    fn queue(&self, tenant_name: &str, run_id: &str, now: i64) -> RunRecord {
        let tenant = tenant(tenant_name);
        let restore = restore(&format!("restore-{run_id}"));
        self.restores_create(&tenant, std::slice::from_ref(&restore), now).unwrap();
        self.run_again(tenant_name, &restore.id, run_id, now).unwrap()
    }

    fn run_again(
        &self,
        tenant_name: &str,
        restore_id: &str,
        run_id: &str,
        now: i64,
    ) -> Result<RunRecord, StoreError> {
        self.run_create(&tenant(tenant_name), restore_id, &new_run(run_id), now, |_, _| {
            Ok(json!({"conflict_strategy": "upsert"}))
        })
    }

    fn claim(&self, now: i64) -> Option<RunRecord> {
        self.run_claim("worker", now, RULES).unwrap().map(|claimed| claimed.run)
    }

    fn run(&self, tenant_name: &str, run_id: &str) -> RunRecord {
        self.run_get(&tenant(tenant_name), run_id).unwrap()
    }

    fn status(&self, tenant_name: &str, run_id: &str) -> RunStatus {
        self.run(tenant_name, run_id).status
    }

    fn finish(&self, run: &RunRecord, status: RunStatus, now: i64) -> bool {
        self.run_finish(&run.id, run.fence, &finish(status), now).unwrap()
    }
}

fn finish(status: RunStatus) -> Finish {
    let failed = status == RunStatus::Failed;
    Finish {
        status,
        counters: Counters { records_imported: 7, ..Counters::default() },
        progress: None,
        error: failed.then(|| "It failed. Nothing was applied".to_owned()),
        error_detail: failed.then(|| "code: TEST".to_owned()),
    }
}

fn progress(percent: u8) -> RunProgress {
    RunProgress { percent, detail: json!({"phase": "importing_data"}), counters: Counters::default() }
}
