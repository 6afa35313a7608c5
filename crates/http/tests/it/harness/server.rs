//! A whole server in this process: its own folder, its own port, its own workers.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reinstate_engine::Clock;
use reinstate_http::{AppState, AuthSettings, HttpSettings, serve};
use reinstate_jobs::{Custody, JobSettings, Jobs, Objects, StorageSettings, SystemClock, TimeOrderedIds};
use reinstate_store::{DatabaseUrl, Store, StoreSettings, TenantId};
use reinstate_test_s3::S3Server;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::backend::{Backend, Home, storage_in};
use super::session::Session;

/// The secret of every test server.
pub(crate) const SECRET: &str = "a secret of more than thirty-two bytes, for tests alone";

/// What a test may set otherwise.
pub(crate) struct Settings {
    pub(crate) http: HttpSettings,
    pub(crate) jobs: JobSettings,
    pub(crate) store: StoreSettings,
    pub(crate) storage: StorageSettings,
    /// The machine's clock, which counts where the database is in the server's folder.
    pub(crate) clock: Arc<dyn Clock>,
}

/// A running server; dropping it stops it and removes its folder.
pub(crate) struct TestServer {
    url: String,
    pub(crate) store: Store,
    jobs: Jobs,
    handle: ServerHandle,
    dir: TempDir,
    bucket: Option<S3Server>,
    /// Below the store, which is dropped first.
    _home: Home,
    http: reqwest::Client,
}

impl TestServer {
    pub(crate) async fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_| {}).await
    }

    /// A server with other settings than the tests' defaults.
    pub(crate) async fn start_with(backend: Backend, adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::start_in(Home::new(backend), backend.bucket(), hs256(), adjust).await
    }

    /// A server that verifies tokens with another key.
    pub(crate) async fn start_with_key(backend: Backend, auth: AuthSettings) -> Self {
        Self::start_in(Home::new(backend), backend.bucket(), auth, |_| {}).await
    }

    /// A server on a database that the test has in its hands.
    pub(crate) async fn start_on(url: DatabaseUrl, adjust: impl FnOnce(&mut Settings)) -> Self {
        Self::start_in(Home::Elsewhere(url), None, hs256(), adjust).await
    }

    async fn start_in(
        home: Home,
        bucket: Option<S3Server>,
        auth: AuthSettings,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            http: HttpSettings { server_threads: 1, shutdown_grace_s: 1, ..HttpSettings::default() },
            jobs: JobSettings { workers: 2, ..JobSettings::default() },
            store: StoreSettings::new(home.url(dir.path())),
            storage: match &bucket {
                Some(bucket) => storage_in(bucket),
                None => StorageSettings::folder(dir.path().join("objects")),
            },
            clock: Arc::new(SystemClock),
        };
        adjust(&mut settings);
        let custody = Custody::take(&settings.store.url).unwrap();
        let store = Store::open(&settings.store).unwrap();
        let objects = Objects::open(&settings.storage, dir.path()).unwrap();
        let (clock, ids) = (settings.clock, Arc::new(TimeOrderedIds));
        let jobs =
            Jobs::start(custody, store.clone(), objects.clone(), settings.jobs, clock.clone(), ids.clone())
                .unwrap();
        let state =
            AppState::new(store.clone(), objects, jobs.clone(), &auth, settings.http, clock, ids).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = serve(listener, Data::new(state)).unwrap();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self { url, store, jobs, handle, dir, bucket, _home: home, http: reqwest::Client::new() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Requests with a token of that tenant and level.
    pub(crate) fn session(&self, tenant: &str, access: &str) -> Session {
        self.session_with(Some(mint(tenant, access)))
    }

    /// Requests with that token, or none.
    pub(crate) fn session_with(&self, token: Option<String>) -> Session {
        Session::new(self.http.clone(), self.url.clone(), token)
    }

    /// The whole data of a tenant as text.
    pub(crate) fn dump(&self, tenant: &str) -> String {
        self.store.tenants.open(&TenantId::new(tenant).unwrap()).unwrap().dump().unwrap()
    }

    /// The files that hold uploads, of all tenants, unfinished ones included.
    pub(crate) fn stored_uploads(&self) -> Vec<PathBuf> {
        self.stored("uploads")
    }

    fn stored(&self, part: &str) -> Vec<PathBuf> {
        match &self.bucket {
            None => files_below(&self.dir.path().join("objects").join(part)),
            Some(bucket) => {
                let is_of_part = |key: &String| key.starts_with(&format!("prefix/{part}/"));
                bucket.keys().into_iter().filter(is_of_part).map(PathBuf::from).collect()
            }
        }
    }

    /// Waits until no file of any upload is left: what is dropped on the way in is removed in the background.
    pub(crate) async fn no_uploads_left(&self) {
        none_left(|| self.stored_uploads()).await;
    }

    /// Waits until no file of any extract is left: what a run does not keep is removed after it ended.
    pub(crate) async fn no_archives_left(&self) {
        none_left(|| self.stored("extracts")).await;
    }

    /// Waits until the server has marked its storage folder as its own: it writes nothing there by itself from then on.
    pub(crate) async fn storage_marked(&self) {
        let mark = self.dir.path().join("objects/reinstate-installation");
        let poll = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(10));
            while !std::fs::metadata(&mark).is_ok_and(|mark| mark.len() > 0) {
                ticks.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), poll).await.expect("the folder is marked");
    }

    /// Stops gracefully; the wish is sent at once, the future ends when the server has.
    pub(crate) fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.handle.stop(true)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }
}

fn hs256() -> AuthSettings {
    AuthSettings::Hs256Secret(SECRET.to_owned())
}

impl Drop for TestServer {
    fn drop(&mut self) {
        // The wish is sent at once; nobody waits for the server to follow it.
        drop(self.handle.stop(false));
        self.jobs.wake();
    }
}

async fn none_left(files: impl Fn() -> Vec<PathBuf>) {
    let poll = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        while !files().is_empty() {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), poll).await.expect("the files are removed");
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A good token for a user `ann` without groups.
pub(crate) fn mint(tenant: &str, access: &str) -> String {
    mint_with(&json!({ "sub": "ann", "tenant": tenant, "access": access, "exp": now_s() + 3600 }))
}

/// A token with these claims, signed with the test servers' secret.
pub(crate) fn mint_with(claims: &Json) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
}
