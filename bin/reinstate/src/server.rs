//! Puts the rooms together into a running server, and takes it down again.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use reinstate_http::{AppState, AuthSettings, HttpSettings};
use reinstate_jobs::{DataLock, JobSettings, Jobs, Objects, SystemClock, TimeOrderedIds};
use reinstate_store::{DatabaseUrl, Store, StoreSettings};
use tokio::runtime::Runtime;

use crate::configuration::{Settings, TokenKeySetting};
use crate::error::ProgramError;
use crate::signals::StopSignals;

/// A server that answers.
pub(crate) struct Server {
    address: SocketAddr,
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
    /// Where the address is taken, a folder cannot be used, or the token key is none.
    pub(crate) fn start(settings: &Settings) -> Result<Self, ProgramError> {
        let auth = auth_settings(settings.token_key()?);
        // First of all, so that a server that cannot answer leaves nothing behind.
        let listener = TcpListener::bind(settings.listen)
            .map_err(|error| ProgramError::Listen { address: settings.listen, message: error.to_string() })?;
        let address = listener.local_addr()?;
        // Opening brings databases to their newest form: not while another server works with them.
        let lock = DataLock::take(&settings.database_dir)?;
        let store =
            Store::open(&StoreSettings::new(DatabaseUrl::Sqlite { dir: settings.database_dir.clone() }))?;
        let objects = Objects::open(&settings.objects_dir)?;
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(TimeOrderedIds));
        let jobs = Jobs::start(
            lock,
            store.clone(),
            objects.clone(),
            job_settings(settings),
            clock.clone(),
            ids.clone(),
        )?;
        let http =
            HttpSettings { shutdown_grace_s: settings.shutdown_grace.as_secs(), ..HttpSettings::default() };
        let state = AppState::new(store, objects, jobs.clone(), &auth, http, clock, ids)?;
        let server = reinstate_http::serve(listener, Data::new(state))?;
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { address, handle, jobs, grace: settings.shutdown_grace })
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

    /// Answers what is in flight; lets running restores end within the grace time, and puts back those that don't.
    pub(crate) async fn stop(&self) {
        tokio::join!(self.handle.stop(true), self.jobs.shutdown(self.grace));
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
        upload_bytes_max: settings.upload_bytes_max,
        upload_retention_days: settings.upload_retention_days,
        limits: settings.limits.clone(),
        ..JobSettings::default()
    }
}
