//! A server's inside, in a folder or on a database: store, objects, workers.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reinstate_archive::{ArchiveWriter, ManifestHeader};
use reinstate_describe::{AccessLevel, Caller, Trashed};
use reinstate_engine::{Clock, IdSource};
use reinstate_jobs::{
    CheckedUpload, Custody, ImportForm, Imported, JobSettings, Jobs, JobsError, Objects, S3Keys,
    StorageSettings, SystemClock, TimeOrderedIds,
};
use reinstate_store::control::{RunRecord, RunStatus};
use reinstate_store::{DatabaseUrl, Store, StoreSettings, Tenant, TenantId};
use reinstate_test_s3::{ACCESS_KEY_ID, BUCKET, S3Server, SECRET_ACCESS_KEY};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::backend::{Backend, Home};

/// Longest wait for something that takes milliseconds on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const NOTES: &str = "notes:\n  fields:\n    title: { type: text, required: true }\n";

pub(crate) struct House {
    pub(crate) jobs: Jobs,
    pub(crate) store: Store,
    pub(crate) ids: Arc<TestIds>,
    pub(crate) dir: Arc<TempDir>,
    settings: JobSettings,
    store_settings: StoreSettings,
    storage: StorageSettings,
    /// Below the store, which is dropped first.
    home: Home,
}

/// Settings for tests: two workers, everything as it is by default.
pub(crate) fn settings() -> JobSettings {
    JobSettings { workers: 2, ..JobSettings::default() }
}

impl House {
    pub(crate) fn new(backend: Backend) -> Self {
        Self::with(backend, |_| {})
    }

    pub(crate) fn with(backend: Backend, change: impl FnOnce(&mut JobSettings)) -> Self {
        Self::with_store(backend, |_| {}, change)
    }

    pub(crate) fn with_store(
        backend: Backend,
        change_store: impl FnOnce(&mut StoreSettings),
        change: impl FnOnce(&mut JobSettings),
    ) -> Self {
        Self::at(Home::new(backend), tempfile::tempdir().unwrap(), change_store, change)
    }

    /// A house in a folder, or on a database, that may hold something already.
    pub(crate) fn at(
        home: Home,
        dir: TempDir,
        change_store: impl FnOnce(&mut StoreSettings),
        change: impl FnOnce(&mut JobSettings),
    ) -> Self {
        let mut settings = settings();
        change(&mut settings);
        let mut store_settings = StoreSettings::new(home.url(dir.path()));
        change_store(&mut store_settings);
        let storage = StorageSettings::folder(objects_dir(dir.path()));
        Self::open(home, Arc::new(dir), storage, store_settings, settings, Arc::new(SystemClock), |_| {})
    }

    /// A house whose archives lie in the bucket of a server.
    pub(crate) fn in_bucket(
        backend: Backend,
        server: &S3Server,
        change: impl FnOnce(&mut JobSettings),
    ) -> Self {
        let mut settings = settings();
        change(&mut settings);
        let (home, dir) = (Home::new(backend), tempfile::tempdir().unwrap());
        let store_settings = StoreSettings::new(home.url(dir.path()));
        let storage = bucket_of(server);
        Self::open(home, Arc::new(dir), storage, store_settings, settings, Arc::new(SystemClock), |_| {})
    }

    /// Another server on this one's database and storage folder.
    pub(crate) fn beside(&self, clock: Arc<dyn Clock>, change: impl FnOnce(&mut JobSettings)) -> Self {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let (home, dir) = (self.home.clone(), Arc::clone(&self.dir));
        let storage = self.storage.clone();
        Self::open(home, dir, storage, self.store_settings.clone(), settings, clock, |_| {})
    }

    fn open(
        home: Home,
        dir: Arc<TempDir>,
        storage: StorageSettings,
        store_settings: StoreSettings,
        settings: JobSettings,
        clock: Arc<dyn Clock>,
        between: impl FnOnce(&Store),
    ) -> Self {
        let custody = Custody::take(&store_settings.url).unwrap();
        let store = Store::open(&store_settings).unwrap();
        between(&store);
        let ids = Arc::new(TestIds::default());
        let jobs = start(custody, &store, &storage, dir.path(), &settings, clock, &ids).unwrap();
        Self { jobs, store, ids, dir, settings, store_settings, storage, home }
    }

    /// Ends this process's part and starts a new one on the same data; `between` sees the data unattended.
    pub(crate) fn restart(self, between: impl FnOnce(&Store)) -> Self {
        self.restart_with(|_| {}, between)
    }

    /// [`House::restart`] with other settings.
    pub(crate) fn restart_with(
        self,
        change: impl FnOnce(&mut JobSettings),
        between: impl FnOnce(&Store),
    ) -> Self {
        block_on(self.jobs.shutdown(Duration::ZERO));
        let Self { jobs, store, ids: _, dir, mut settings, store_settings, storage, home } = self;
        drop((jobs, store));
        change(&mut settings);
        Self::open(home, dir, storage, store_settings, settings, Arc::new(SystemClock), |store| {
            between(store);
            // Long enough for every lease to end, which a server among many waits for.
            if !store.control.is_exclusive() {
                store.control.leases_expire(SystemClock.now_micros()).unwrap();
            }
        })
    }

    /// [`House::restart`] by another clock.
    pub(crate) fn restart_at(self, clock: Arc<dyn Clock>) -> Self {
        block_on(self.jobs.shutdown(Duration::ZERO));
        let Self { jobs, store, ids: _, dir, settings, store_settings, storage, home } = self;
        drop((jobs, store));
        Self::open(home, dir, storage, store_settings, settings, clock, |_| {})
    }

    /// Another server with databases in `dir` and this one's storage folder.
    pub(crate) fn start_with_databases_in(&self, dir: &Path) -> Result<Jobs, JobsError> {
        let settings = StoreSettings::new(DatabaseUrl::Sqlite { dir: dir.to_owned() });
        let custody = Custody::take(&settings.url)?;
        let store = Store::open(&settings).unwrap();
        let clock = Arc::new(SystemClock);
        start(custody, &store, &self.storage, dir, &self.settings, clock, &self.ids)
    }

    /// The store once more, as another process has it.
    pub(crate) fn open_store(&self) -> Store {
        Store::open(&self.store_settings).unwrap()
    }

    pub(crate) fn upload(&self, tenant: &str, bytes: &[u8]) -> Result<CheckedUpload, JobsError> {
        block_on(async {
            let mut upload = self.jobs.upload_begin(&tenant_id(tenant), &full(), Some("data.zip")).await?;
            for chunk in bytes.chunks(700) {
                upload.write(Bytes::copy_from_slice(chunk)).await?;
            }
            upload.finish().await
        })
    }

    pub(crate) fn import_as(
        &self,
        tenant: &str,
        caller: &Caller,
        bytes: &[u8],
        strategy: &str,
    ) -> Result<Imported, JobsError> {
        let form = ImportForm { conflict_strategy: Some(strategy.to_owned()), ..ImportForm::default() };
        self.jobs.restore_import(caller, self.upload(tenant, bytes)?, &form.parse()?)
    }

    pub(crate) fn import(&self, tenant: &str, bytes: &[u8]) -> Imported {
        self.import_as(tenant, &full(), bytes, "upsert").unwrap()
    }

    pub(crate) fn run(&self, tenant: &str, run_id: &str) -> RunRecord {
        self.store.control.run_get(&tenant_id(tenant), run_id).unwrap()
    }

    /// Waits until a run is as `is` says.
    pub(crate) fn wait(&self, tenant: &str, run_id: &str, is: impl Fn(&RunRecord) -> bool) -> RunRecord {
        let begin = Instant::now();
        loop {
            let run = self.run(tenant, run_id);
            if is(&run) {
                return run;
            }
            assert!(begin.elapsed() < PATIENCE, "the run stays as it is: {run:#?}");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    /// Waits until a run ended and its worker let go of it.
    pub(crate) fn ended(&self, tenant: &str, run_id: &str) -> RunRecord {
        self.wait(tenant, run_id, |run| run.status.has_ended() && run.lease_owner.is_none())
    }

    pub(crate) fn completed(&self, tenant: &str, run_id: &str) -> RunRecord {
        let run = self.ended(tenant, run_id);
        assert_eq!(run.status, RunStatus::Completed, "{:?} {:?}", run.error, run.error_detail);
        run
    }

    /// [`House::completed`] where the database may be away for moments.
    pub(crate) fn completed_through_faults(&self, tenant: &str, run_id: &str) -> RunRecord {
        let begin = Instant::now();
        loop {
            let run = self.store.control.run_get(&tenant_id(tenant), run_id);
            if run.as_ref().is_ok_and(|run| run.status.has_ended() && run.lease_owner.is_none()) {
                return self.completed(tenant, run_id);
            }
            assert!(begin.elapsed() < PATIENCE, "the run stays as it is: {run:#?}");
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    pub(crate) fn tenant(&self, tenant: &str) -> Tenant {
        self.store.tenants.open(&tenant_id(tenant)).unwrap()
    }

    /// The tenant's data without the marks of runs.
    pub(crate) fn dump(&self, tenant: &str) -> String {
        self.tenant(tenant).dump().unwrap()
    }

    pub(crate) fn logs(&self, tenant: &str, run_id: &str) -> Vec<Json> {
        self.list(tenant, "restore_logs", "run_id", run_id)
    }

    pub(crate) fn list(&self, tenant: &str, model: &str, field: &str, value: &str) -> Vec<Json> {
        let pairs = [
            (format!("filter[where][{field}]"), value.to_owned()),
            ("filter[limit]".to_owned(), "10000".to_owned()),
        ];
        let page = self
            .store
            .control
            .system_list(&tenant_id(tenant), &full(), model, |layout| {
                reinstate_describe::filter::parse_list_query(&pairs, layout)
            })
            .unwrap();
        page.records.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    pub(crate) fn restore(&self, tenant: &str, id: &str) -> Json {
        let control = &self.store.control;
        let text = control.system_get(&tenant_id(tenant), &full(), "restores", id, Trashed::Include).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The files under the folder of uploads.
    pub(crate) fn files(&self) -> Vec<String> {
        self.files_under("uploads")
    }

    /// The files under a part of the storage folder.
    pub(crate) fn files_under(&self, part: &str) -> Vec<String> {
        fn walk(dir: &Path, found: &mut Vec<String>) {
            for entry in std::fs::read_dir(dir).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path.display().to_string()) }
            }
        }
        let mut found = Vec::new();
        walk(&objects_dir(self.dir.path()).join(part), &mut found);
        found
    }
}

/// Copies the files of a folder, and of those below it, where they are.
pub(crate) fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy_files(&path, &to.join(name))
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

fn objects_dir(dir: &Path) -> PathBuf {
    dir.join("objects")
}

/// The bucket of a server, with the keys that it knows.
pub(crate) fn bucket_of(server: &S3Server) -> StorageSettings {
    let mut storage = StorageSettings::new(format!("s3://{BUCKET}").parse().unwrap());
    storage.allow_http = true;
    storage.silence_max = Duration::from_secs(2);
    storage.s3.endpoint = Some(server.endpoint().to_owned());
    storage.s3.path_style = true;
    storage.s3.keys = Some(S3Keys {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
    });
    storage
}

fn start(
    custody: Custody,
    store: &Store,
    storage: &StorageSettings,
    scratch_dir: &Path,
    settings: &JobSettings,
    clock: Arc<dyn Clock>,
    ids: &Arc<TestIds>,
) -> Result<Jobs, JobsError> {
    let objects = Objects::open(storage, scratch_dir).unwrap();
    let ids: Arc<dyn IdSource> = Arc::<TestIds>::clone(ids);
    Jobs::start(custody, store.clone(), objects, settings.clone(), clock, ids)
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn tenant_id(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

pub(crate) fn full() -> Caller {
    Caller::new(AccessLevel::Full, "ann")
}

pub(crate) fn editor() -> Caller {
    Caller::new(AccessLevel::Edit, "ed")
}

/// An archive of the model `notes` with these lines.
pub(crate) fn notes(lines: &[String]) -> Vec<u8> {
    archive(NOTES, &[("notes.jsonl", lines)])
}

pub(crate) fn archive(describe: &str, files: &[(&str, &[String])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArchiveWriter::new(&mut bytes, ManifestHeader::default());
    writer.start_entry("describe.yaml").unwrap();
    writer.write(describe.as_bytes()).unwrap();
    for (name, lines) in files {
        writer.start_entry(name).unwrap();
        for line in *lines {
            writer.write_line(line.as_bytes()).unwrap();
        }
    }
    writer.finish().unwrap();
    bytes
}

/// `count` lines with ids from `first` on.
pub(crate) fn lines(first: usize, count: usize) -> Vec<String> {
    (first..first + count).map(|n| format!(r#"{{"id":"note-{n:06}","title":"Note {n}"}}"#)).collect()
}

/// Lines without ids: the engine asks the source of ids for each, where a test can hold it up.
pub(crate) fn nameless(count: usize) -> Vec<String> {
    (0..count).map(|n| format!(r#"{{"title":"Note {n}"}}"#)).collect()
}

/// Ids in order, with a place to hold the engine up: the first record without id after [`TestIds::hold`] waits for
/// [`TestIds::release`], or panics after [`TestIds::break_next`].
#[derive(Default)]
pub(crate) struct TestIds {
    breaks: AtomicBool,
    hold: Mutex<Hold>,
    changed: Condvar,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Hold {
    #[default]
    Open,
    Armed,
    Held,
}

impl TestIds {
    pub(crate) fn hold(&self) {
        *self.hold.lock().unwrap() = Hold::Armed;
    }

    pub(crate) fn break_next(&self) {
        self.breaks.store(true, Ordering::SeqCst);
    }

    /// Waits until the engine is held up.
    pub(crate) fn wait_held(&self) {
        let state = self.hold.lock().unwrap();
        let (state, waited) =
            self.changed.wait_timeout_while(state, PATIENCE, |hold| *hold != Hold::Held).unwrap();
        assert!(!waited.timed_out(), "the engine never came by");
        drop(state);
    }

    pub(crate) fn release(&self) {
        *self.hold.lock().unwrap() = Hold::Open;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut hold = self.hold.lock().unwrap();
        // Who comes while another one is held goes on: other runs do not wait for it.
        if *hold != Hold::Armed {
            return;
        }
        *hold = Hold::Held;
        self.changed.notify_all();
        drop(self.changed.wait_while(hold, |hold| *hold == Hold::Held).unwrap());
    }
}

impl IdSource for TestIds {
    fn record_id(&self) -> String {
        // The engine reads large files on a thread without a name and small ones on the worker's; whoever else asks
        // for ids has another name.
        if std::thread::current().name().is_none_or(|name| name.starts_with("worker-")) {
            assert!(!self.breaks.swap(false, Ordering::SeqCst), "broken on purpose");
            self.pass();
        }
        TimeOrderedIds.record_id()
    }
}
