//! What the server is told from outside: settings in layers, checked as a whole before anything starts.

mod flags;
mod key;
mod layer;
pub(crate) mod quantity;
mod secret;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

pub(crate) use flags::SettingFlags;
pub(crate) use layer::{FileOrigin, Layers, Origins, variables};
pub(crate) use secret::Secret;

use reinstate_archive::Limits;
use reinstate_jobs::{StorageSettings, StorageUrl, StorageUrlError};
use reinstate_store::{DatabaseUrl, DatabaseUrlError, StoreSettings};

use crate::error::ProgramError;

/// An HS256 secret shorter than the hash is the weakest part of every token signed with it.
const SECRET_BYTES_MIN: usize = 32;
/// More workers than this only wait for each other's disk.
const WORKERS_MAX: usize = 1_024;
/// More connections in one pool than a server of PostgreSQL's could hold.
const POOL_SIZE_MAX: u32 = 10_000;
/// A lease is renewed every third of it: any shorter, and a moment without a processor loses a run.
const LEASE_MIN: Duration = Duration::from_millis(500);

/// Everything that a server needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Which database, and how many connections it may take.
    pub(crate) store: StoreSettings,
    /// How long a start waits for a database that is not there yet.
    pub(crate) database_wait: Duration,
    /// Where archives are kept.
    pub(crate) storage: StorageSettings,
    /// The folder for whatever else is kept on this machine.
    pub(crate) data_dir: PathBuf,
    /// What tokens are checked with; `None` where nobody set any.
    pub(crate) token_key: Option<TokenKeySetting>,
    /// Runs worked on at once; 0 serves the API alone.
    pub(crate) workers: usize,
    /// How long a worker may go without a sign of life before others take its run over.
    pub(crate) lease: Duration,
    /// The largest upload in bytes.
    pub(crate) upload_bytes_max: u64,
    /// How long an upload is kept, in days.
    pub(crate) upload_retention_days: u32,
    /// What an archive may ask for.
    pub(crate) limits: Limits,
    /// How long running restores may go on after the first signal to stop.
    pub(crate) shutdown_grace: Duration,
    /// How to log.
    pub(crate) log: LogSettings,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// A filter of `tracing`.
    pub(crate) filter: String,
    /// The form of a line.
    pub(crate) format: LogFormat,
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The one key that tokens are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKeySetting {
    /// A shared secret for HS256.
    Secret(Secret),
    /// The path of a PEM public key for RS256, ES256 or EdDSA.
    PublicKey(PathBuf),
    /// The path or the https address of a set of keys.
    Jwks(String),
}

impl Settings {
    /// Checks all layers.
    ///
    /// # Errors
    /// The first setting that does not fit, by name and origin; more than one token key.
    pub(crate) fn from_layers(layers: &Layers) -> Result<Self, ProgramError> {
        let data_dir = PathBuf::from(required(layers, "data_dir")?);
        Ok(Self {
            listen: parsed(layers, "listen", address)?,
            store: store(layers, &data_dir)?,
            database_wait: parsed(layers, "database_wait_s", |text| quantity::duration(text, 1_000))?,
            storage: storage(layers, &data_dir)?,
            token_key: token_key(layers)?,
            workers: workers(layers)?,
            lease: parsed(layers, "lease_s", lease)?,
            upload_bytes_max: parsed(layers, "max_upload_bytes", quantity::size_bytes)?,
            upload_retention_days: parsed(layers, "upload_retention_days", number)?,
            limits: limits(layers)?,
            shutdown_grace: parsed(layers, "shutdown_grace_s", |text| quantity::duration(text, 1_000))?,
            log: log(layers)?,
            data_dir,
        })
    }

    /// The token key, for a server that cannot go without.
    ///
    /// # Errors
    /// [`ProgramError::TokenKeyMissing`], which says how to set one.
    pub(crate) fn token_key(&self) -> Result<&TokenKeySetting, ProgramError> {
        self.token_key.as_ref().ok_or(ProgramError::TokenKeyMissing)
    }
}

/// Reads what an archive may ask for.
fn limits(layers: &Layers) -> Result<Limits, ProgramError> {
    let size = |name| parsed(layers, name, quantity::size_bytes);
    Ok(Limits {
        entries_max: parsed(layers, "archive_entries_max", number)?,
        uncompressed_bytes_max: size("archive_bytes_max")?,
        inflation_ratio_max: parsed(layers, "archive_inflation_ratio_max", number)?,
        inflation_free_bytes: size("archive_inflation_free_bytes")?,
        describe_bytes_max: size("archive_describe_bytes_max")?,
        manifest_bytes_max: size("archive_manifest_bytes_max")?,
        line_bytes_max: usize::try_from(size("archive_line_bytes_max")?).unwrap_or(usize::MAX),
        ..Limits::default()
    })
}

/// Reads a whole number.
fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "must be a whole number that is not negative".to_owned())
}

/// Reads the settings of the log.
fn log(layers: &Layers) -> Result<LogSettings, ProgramError> {
    let filter = parsed(layers, "log", |text| match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("must be a filter such as info or reinstate=debug,warn: {error}")),
    })?;
    let format = parsed(layers, "log_format", |text| match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be text or json".to_owned()),
    })?;
    Ok(LogSettings { filter, format })
}

fn required(layers: &Layers, name: &'static str) -> Result<String, ProgramError> {
    match layers.text(name)? {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(layers.invalid(name, "must not be empty")),
    }
}

fn parsed<T>(
    layers: &Layers,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, ProgramError> {
    parse(&required(layers, name)?).map_err(|problem| layers.invalid(name, problem))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text.to_socket_addrs().map_err(|_| "must be an address such as 127.0.0.1:9001")?;
    found.next().ok_or_else(|| "names no address".to_owned())
}

fn workers(layers: &Layers) -> Result<usize, ProgramError> {
    if layers.text("workers")?.is_none() {
        return Ok(std::thread::available_parallelism().map_or(1, usize::from));
    }
    parsed(layers, "workers", |text| {
        let number = text.parse().ok().filter(|number| *number <= WORKERS_MAX);
        number.ok_or_else(|| format!("must be a number from 0 to {WORKERS_MAX}"))
    })
}

/// Reads which database is used, and how many connections it may take.
fn store(layers: &Layers, data_dir: &Path) -> Result<StoreSettings, ProgramError> {
    let url = match layers.text("database_url")? {
        None => DatabaseUrl::Sqlite { dir: data_dir.to_path_buf() },
        // The address may hold a password, so no message repeats any of it.
        Some(text) => text.parse().map_err(|error: DatabaseUrlError| {
            layers.invalid("database_url", format!("cannot be used: {error}"))
        })?,
    };
    let mut store = StoreSettings::new(url);
    store.control_pool_size = parsed(layers, "control_pool_size", pool_size)?;
    if layers.text("tenant_pool_size")?.is_some() {
        store.tenant_pool_size = parsed(layers, "tenant_pool_size", pool_size)?;
    }
    Ok(store)
}

/// Reads how many connections a pool has at most.
fn pool_size(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|size| (1..=POOL_SIZE_MAX).contains(size));
    size.ok_or_else(|| format!("must be a number from 1 to {POOL_SIZE_MAX}"))
}

/// Reads how long a lease lasts.
fn lease(text: &str) -> Result<Duration, String> {
    let lease = quantity::duration(text, 1_000)?;
    match lease < LEASE_MIN {
        true => Err(format!("must be at least {} ms", LEASE_MIN.as_millis())),
        false => Ok(lease),
    }
}

/// Reads where archives are kept. Credentials of a bucket are no settings: they come from the environment alone.
fn storage(layers: &Layers, data_dir: &Path) -> Result<StorageSettings, ProgramError> {
    let url = match layers.text("storage_url")? {
        None => StorageUrl::folder(data_dir.join("objects")),
        // Somebody may have put a secret into it, so no message repeats any of it.
        Some(text) => {
            text.parse().map_err(|error: StorageUrlError| layers.invalid("storage_url", error.to_string()))?
        }
    };
    let mut storage = StorageSettings::new(url);
    storage.allow_http = parsed(layers, "storage_allow_http", boolean)?;
    storage.s3.path_style = parsed(layers, "storage_s3_path_style", boolean)?;
    storage.s3.region = layers.text("storage_s3_region")?;
    storage.s3.endpoint = layers.text("storage_s3_endpoint")?;
    match storage.s3.endpoint.as_deref() {
        Some(endpoint) if endpoint.starts_with("http://") && !storage.allow_http => Err(layers
            .invalid("storage_s3_endpoint", "is reached without TLS, which storage_allow_http has to allow")),
        Some(endpoint) if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") => {
            Err(layers.invalid("storage_s3_endpoint", "must be an http or https address"))
        }
        _ => Ok(storage),
    }
}

/// Reads a yes or no.
fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

fn token_key(layers: &Layers) -> Result<Option<TokenKeySetting>, ProgramError> {
    let secret = layers.text("jwt_secret")?;
    let public_key = layers.text("jwt_public_key")?;
    let jwks = layers.text("jwks")?;
    match (secret, public_key, jwks) {
        (None, None, None) => Ok(None),
        (Some(secret), None, None) if secret.len() < SECRET_BYTES_MIN => Err(layers.invalid(
            "jwt_secret",
            format!("has {} bytes, at least {SECRET_BYTES_MIN} are needed", secret.len()),
        )),
        (Some(secret), None, None) => Ok(Some(TokenKeySetting::Secret(Secret::new(secret)))),
        (None, Some(path), None) => Ok(Some(TokenKeySetting::PublicKey(PathBuf::from(path)))),
        (None, None, Some(url)) if url.starts_with("http://") => {
            Err(layers
                .invalid("jwks", "must be a path or an https address: keys are not fetched in the clear"))
        }
        (None, None, Some(jwks)) => Ok(Some(TokenKeySetting::Jwks(jwks))),
        _ => Err(ProgramError::TokenKeysSeveral),
    }
}

#[cfg(test)]
mod tests;
