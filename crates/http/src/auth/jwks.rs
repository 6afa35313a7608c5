//! Sets of keys that an issuer rotates: read again when a token names a key that is not known yet.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::Url;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::AuthSettingsError;
use super::key::VerifyingKey;

/// Least time between two readings: a flood of tokens with made-up key names must not become a flood of
/// requests to the issuer.
const REREAD_INTERVAL_S: u64 = 60;

/// How long the issuer may take to answer: requests with a new key wait this long at most.
const FETCH_TIMEOUT_S: u64 = 5;

/// Largest set that is read: some hundred keys.
const SET_BYTES_MAX: usize = 1024 * 1024;

/// The keys of a JWK set, and where they come from.
pub(super) struct KeySet {
    source: Source,
    known: RwLock<Arc<Vec<NamedKey>>>,
    /// When the set was last asked for; held while it is being read, so that one reading serves all who wait.
    last_read: Mutex<Option<Instant>>,
}

enum Source {
    File(String),
    Address { url: Url, client: reqwest::Client },
}

struct NamedKey {
    name: Option<String>,
    key: VerifyingKey,
}

impl KeySet {
    /// A file is read at once, an address when the first token comes.
    pub(super) fn open(location: &str) -> Result<Self, AuthSettingsError> {
        let source = Source::parse(location)?;
        let known = match &source {
            Source::File(path) => {
                let text = std::fs::read(path).map_err(|error| AuthSettingsError::KeyFile {
                    path: path.clone(),
                    message: error.to_string(),
                })?;
                parse_set(&text).map_err(|message| AuthSettingsError::Key { place: path.clone(), message })?
            }
            Source::Address { .. } => Vec::new(),
        };
        Ok(Self { source, known: RwLock::new(Arc::new(known)), last_read: Mutex::new(None) })
    }

    /// The key of that name; without a name, the only key of the set.
    pub(super) async fn find(&self, name: Option<&str>) -> Option<VerifyingKey> {
        if let Some(key) = self.find_known(name) {
            return Some(key);
        }
        self.reread_for(name).await;
        self.find_known(name)
    }

    fn find_known(&self, name: Option<&str>) -> Option<VerifyingKey> {
        let known = Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        let mut found = match name {
            Some(_) => known.iter().find(|key| key.name.as_deref() == name),
            None => known.first().filter(|_| known.len() == 1),
        };
        found.take().map(|named| named.key.clone())
    }

    async fn reread_for(&self, name: Option<&str>) {
        let mut last_read = self.last_read.lock().await;
        let is_recent = last_read.is_some_and(|at| at.elapsed() < Duration::from_secs(REREAD_INTERVAL_S));
        if is_recent || self.find_known(name).is_some() {
            return;
        }
        *last_read = Some(Instant::now());
        match self.source.read().await.and_then(|text| parse_set(&text)) {
            Ok(keys) => *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys),
            Err(message) => tracing::warn!(message, "the JWK set cannot be read; the known keys stay"),
        }
    }
}

impl Source {
    fn parse(location: &str) -> Result<Self, AuthSettingsError> {
        if !location.contains("://") {
            return Ok(Self::File(location.to_owned()));
        }
        let refused = |message: String| AuthSettingsError::Key { place: location.to_owned(), message };
        let url = Url::parse(location).map_err(|error| refused(error.to_string()))?;
        // Keys fetched in the clear could be anybody's; a loopback connection cannot be listened to.
        let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
            return Err(refused("the address of a JWK set must begin with https://".to_owned()));
        }
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(FETCH_TIMEOUT_S))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self::Address { url, client })
    }

    async fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => tokio::fs::read(path).await.map_err(|error| error.to_string()),
            Self::Address { url, client } => fetch(client, url.clone()).await,
        }
    }
}

async fn fetch(client: &reqwest::Client, url: Url) -> Result<Vec<u8>, String> {
    let response = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    let mut response = response.map_err(|error| error.to_string())?;
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
        if text.len() + chunk.len() > SET_BYTES_MAX {
            return Err(format!("it is larger than {SET_BYTES_MAX} bytes"));
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// The usable keys of a set. Keys of other kinds and uses are passed over, so that an issuer may keep them in
/// the same set; a set without any usable key is a fault.
fn parse_set(text: &[u8]) -> Result<Vec<NamedKey>, String> {
    #[derive(serde::Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let keys: Vec<NamedKey> = set.keys.into_iter().filter_map(usable_key).collect();
    if keys.is_empty() {
        return Err("there is no RSA, P-256 or Ed25519 key for signatures in it".to_owned());
    }
    Ok(keys)
}

fn usable_key(key: serde_json::Value) -> Option<NamedKey> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    if matches!(&key.common.public_key_use, Some(usage) if *usage != PublicKeyUse::Signature) {
        return None;
    }
    let (algorithm, spelled) = match &key.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        // Shared secrets have no place in a public set, whatever it says.
        _ => return None,
    };
    if key.common.key_algorithm.is_some_and(|named| named != spelled) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(&key).ok()?;
    Some(NamedKey { name: key.common.key_id, key: VerifyingKey { algorithm, decoding } })
}
