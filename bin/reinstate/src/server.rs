//! Puts the rooms together into a running server, and takes it down again.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use reinstate_http::{AppState, AuthSettings, HttpSettings};
use reinstate_jobs::{Custody, JobSettings, Jobs, Objects, SystemClock, TimeOrderedIds};
use reinstate_store::{Store, StoreError};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::configuration::{Settings, TokenKeySetting};
use crate::error::ProgramError;
use crate::signals::StopSignals;

/// Pause between two looks for a database that is not there yet.
const DATABASE_LOOK_EVERY: Duration = Duration::from_millis(500);
/// What requests in flight have at least to be answered once runs have ended or were put back, however short the
/// grace time is.
const ANSWERS_MIN: Duration = Duration::from_secs(5);

/// Workers without a run end within this time; if they take longer, there was one that somebody may follow.
const STOP_IDLE_MAX: Duration = Duration::from_millis(50);
/// Whoever follows a run looks at it this often at least: time to see its end before the server goes.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(1);

/// A server that answers.
pub(crate) struct Server {
    address: SocketAddr,
    state: Data<AppState>,
    handle: ServerHandle,
    jobs: Jobs,
    grace: Duration,
}

/// How a server came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// Requests were answered, runs ended or were put back.
    Orderly,
    /// A second signal came before that.
    AtOnce,
}

impl Server {
    /// Opens the databases, starts the workers, and answers from then on. Runs inside a runtime.
    ///
    /// # Errors
    /// Where the address is taken, the database cannot be used or does not come up in time, a folder cannot be
    /// used, or the token key is none.
    pub(crate) async fn start(settings: &Settings) -> Result<Self, ProgramError> {
        let auth = auth_settings(settings.token_key()?);
        // First of all, so that a server that cannot answer leaves nothing behind.
        let listener = TcpListener::bind(settings.listen)
            .map_err(|error| ProgramError::Listen { address: settings.listen, message: error.to_string() })?;
        let address = listener.local_addr()?;
        let (store, custody) = open_store(settings).await?;
        let objects = Objects::open(&settings.storage, &settings.data_dir)?;
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(TimeOrderedIds));
        let jobs = Jobs::start(
            custody,
            store.clone(),
            objects.clone(),
            job_settings(settings),
            clock.clone(),
            ids.clone(),
        )?;
        let grace = settings.shutdown_grace;
        let http =
            HttpSettings { shutdown_grace_s: grace.max(ANSWERS_MIN).as_secs(), ..HttpSettings::default() };
        let state = Data::new(AppState::new(store, objects, jobs.clone(), &auth, http, clock, ids)?);
        let server = reinstate_http::serve(listener, state.clone())?;
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { address, state, handle, jobs, grace })
    }

    /// The address of the server as a client takes it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for a signal, then stops in order; a second signal cuts that short.
    pub(crate) async fn run_until(self, signals: &mut StopSignals) -> Stopped {
        signals.next().await;
        tracing::info!("stopping: running restores have {:?} to end", self.grace);
        tokio::select! {
            () = self.stop() => Stopped::Orderly,
            () = signals.next() => Stopped::AtOnce,
        }
    }

    /// Takes no further run, lets the running ones end within the grace time and puts back those that don't; all the
    /// while requests are answered, new ones too, so that a run can be watched to its end. Then answers what is in
    /// flight and takes no further request.
    pub(crate) async fn stop(&self) {
        let answered_by = Instant::now() + self.grace;
        self.state.begin_stop();
        let waits_since = Instant::now();
        self.jobs.shutdown(self.grace).await;
        if waits_since.elapsed() > STOP_IDLE_MAX {
            tokio::time::sleep(LOOK_EVERY_MAX).await;
        }
        let answered_by = answered_by.max(Instant::now() + ANSWERS_MIN);
        if tokio::time::timeout_at(answered_by, self.handle.stop(true)).await.is_err() {
            tracing::warn!("requests in flight are given up");
        }
    }
}

/// Opens the store, waiting for a database server that is not there yet: programs that belong together are often
/// started together.
async fn open_store(settings: &Settings) -> Result<(Store, Custody), ProgramError> {
    // Opening brings databases to their newest form: not while another server works with them.
    let custody = Custody::take(&settings.store.url)?;
    let deadline = Instant::now() + settings.database_wait;
    let mut is_waiting = false;
    loop {
        let store = settings.store.clone();
        let opened = tokio::task::spawn_blocking(move || Store::open(&store)).await;
        match opened.map_err(std::io::Error::other)? {
            Ok(store) => return Ok((store, custody)),
            Err(StoreError::Unavailable { message }) => {
                let (message, waited_s) = (message.trim_end().to_owned(), settings.database_wait.as_secs());
                if Instant::now() >= deadline {
                    return Err(ProgramError::DatabaseAway { waited_s, message });
                }
                if !is_waiting {
                    tracing::warn!("waiting up to {waited_s} s for the database: {message}");
                }
                is_waiting = true;
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(DATABASE_LOOK_EVERY).await;
    }
}

/// The runtime of a server.
///
/// # Errors
/// Where the system gives no threads.
pub(crate) fn runtime() -> Result<Runtime, ProgramError> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn auth_settings(key: &TokenKeySetting) -> AuthSettings {
    match key {
        TokenKeySetting::Secret(secret) => AuthSettings::Hs256Secret(secret.expose().to_owned()),
        TokenKeySetting::PublicKey(path) => AuthSettings::PublicKeyPem(path.clone()),
        TokenKeySetting::Jwks(location) => AuthSettings::Jwks(location.clone()),
    }
}

fn job_settings(settings: &Settings) -> JobSettings {
    JobSettings {
        workers: settings.workers,
        lease_ms: u64::try_from(settings.lease.as_millis()).unwrap_or(u64::MAX),
        upload_bytes_max: settings.upload_bytes_max,
        upload_retention_days: settings.upload_retention_days,
        limits: settings.limits.clone(),
        ..JobSettings::default()
    }
}
