//! Stores, models and batches for the tests.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reinstate_describe::{
    AccessLevel, AccessListMode, Batch, BatchBuilder, Caller, Field, FieldType, IdMode, Layout, ListQuery,
    Model, Name, Order, ParseOptions, Parsed, RecordParser, Trashed,
};
use reinstate_engine::IdSource;
use reinstate_store::{DatabaseUrl, Store, StoreSettings, Tenant, TenantId};
use reinstate_test_postgres::TestDatabase;
use tempfile::TempDir;

/// The time of every test.
pub(crate) const NOW: i64 = 1_737_280_800_000_000;

/// What a test's store is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// Makes of each function that takes a [`Backend`] a test on either. The names of the modules tell them apart.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $case() {
                super::$case(crate::fixtures::Backend::Sqlite);
            })+
        }
        mod postgres {
            $(#[test]
            fn $case() {
                super::$case(crate::fixtures::Backend::Postgres);
            })+
        }
    };
}
pub(crate) use on_both;

/// Where a store's data is; it goes when the test ends.
pub(crate) enum Ground {
    Folder(TempDir),
    Database(TestDatabase),
}

/// A store of a test's own.
pub(crate) struct Scratch {
    // The store goes first: its connections lead to the ground.
    pub(crate) store: Store,
    pub(crate) settings: StoreSettings,
    pub(crate) ground: Ground,
}

impl Scratch {
    pub(crate) fn new(backend: Backend) -> Self {
        Self::with(backend, |_| {})
    }

    pub(crate) fn with(backend: Backend, change: impl FnOnce(&mut StoreSettings)) -> Self {
        let (ground, url) = match backend {
            Backend::Sqlite => {
                let dir = TempDir::new().unwrap();
                let url = DatabaseUrl::Sqlite { dir: dir.path().to_owned() };
                (Ground::Folder(dir), url)
            }
            Backend::Postgres => {
                let database = reinstate_test_postgres::database();
                let url = database.url().parse().unwrap();
                (Ground::Database(database), url)
            }
        };
        let mut settings = settings(url);
        change(&mut settings);
        Self { store: Store::open(&settings).unwrap(), settings, ground }
    }

    pub(crate) fn tenant(&self) -> Tenant {
        tenant_of(&self.store, "acme")
    }

    /// Another store on the same ground, as another process or one after a restart would have it.
    pub(crate) fn again(&self) -> Store {
        Store::open(&self.settings).unwrap()
    }

    /// The folder of a store on SQLite.
    pub(crate) fn dir(&self) -> &Path {
        match &self.ground {
            Ground::Folder(dir) => dir.path(),
            Ground::Database(_) => panic!("this store is not on SQLite"),
        }
    }

    /// The database of a store on PostgreSQL.
    pub(crate) fn database(&self) -> &TestDatabase {
        match &self.ground {
            Ground::Database(database) => database,
            Ground::Folder(_) => panic!("this store is not on PostgreSQL"),
        }
    }
}

pub(crate) fn tenant_of(store: &Store, id: &str) -> Tenant {
    store.tenants.open(&TenantId::new(id).unwrap()).unwrap()
}

fn settings(url: DatabaseUrl) -> StoreSettings {
    let mut settings = StoreSettings::new(url);
    // Enough for a machine that runs all tests at once; those that meet a lock on purpose wait less.
    settings.busy_timeout_ms = 10_000;
    settings.target_wait_ms = 300;
    settings
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn field(text: &str, field_type: FieldType) -> Field {
    Field::new(name(text), field_type)
}

pub(crate) fn unique(mut field: Field) -> Field {
    field.unique = true;
    field
}

pub(crate) fn required(mut field: Field) -> Field {
    field.required = true;
    field
}

/// `items`: a text, a unique text, a number, an exact number.
pub(crate) fn items() -> Model {
    Model::new(name("items"))
        .with_field(field("title", FieldType::Text))
        .with_field(unique(field("code", FieldType::Text)))
        .with_field(field("size", FieldType::Integer))
        .with_field(field("price", FieldType::Decimal))
}

/// The lines as one batch of a restore by a caller who may do everything. Lines of several shapes share it even
/// where the target's model has unique fields: a target takes any batch, in the order of its groups.
pub(crate) fn batch(model: &Model, lines: &[&str]) -> Batch {
    let mut model = model.clone();
    model.fields.values_mut().for_each(|field| field.unique = false);
    let layout = Arc::new(Layout::new(model));
    let options =
        ParseOptions { now_micros: NOW, access_lists: AccessListMode::Keep, id: IdMode::GenerateWhereAbsent };
    let mut parser = RecordParser::new(Arc::clone(&layout), options).unwrap();
    let mut builder = BatchBuilder::new(layout);
    for (number, line) in (1..).zip(lines) {
        let parsed = parser.parse(line, number, &|| format!("made-{number}"), &mut builder).unwrap();
        assert_ne!(parsed, Parsed::NextBatch, "{line}");
    }
    builder.finish()
}

/// Everything, trashed ones too, by id.
pub(crate) fn everything() -> ListQuery {
    ListQuery {
        filter: None,
        order: vec![Order { column: 0, descending: false }],
        limit: 10_000,
        offset: 0,
        select: None,
        trashed: Trashed::Include,
        count: false,
    }
}

pub(crate) fn root() -> Caller {
    Caller::new(AccessLevel::Root, "root")
}

pub(crate) fn caller(level: AccessLevel) -> Caller {
    Caller::new(level, "ann")
}

/// The committed records of a model by id.
pub(crate) fn records(tenant: &Tenant, model: &str) -> Vec<String> {
    tenant.records_list(&root(), model, |_| Ok(everything())).unwrap().records
}

/// The keys of a JSON object that are not the system's, as text.
pub(crate) fn own(record: &str) -> String {
    let mut json: serde_json::Value = serde_json::from_str(record).unwrap();
    let object = json.as_object_mut().unwrap();
    for (column, _) in reinstate_describe::system::SYSTEM_COLUMNS.iter().skip(1) {
        object.remove(*column);
    }
    json.to_string()
}

/// `rec-1`, `rec-2`, …
#[derive(Default)]
pub(crate) struct CountedIds(AtomicU64);

impl IdSource for CountedIds {
    fn record_id(&self) -> String {
        format!("rec-{}", self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
