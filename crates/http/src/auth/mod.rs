//! Tokens: who asks, for which tenant, with which level.
//!
//! The key decides which algorithm is accepted; what a token's header says only has to agree with it. What is
//! wrong with a token is never told beyond three answers: there is none, it is not valid, it has expired.

mod claims;
mod jwks;
mod key;
mod mint;

use std::path::PathBuf;

use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use reinstate_describe::Caller;
use reinstate_store::TenantId;

pub use mint::{MintError, TokenRequest, mint};

use claims::Claims;
use jwks::KeySet;
use key::VerifyingKey;

/// Seconds by which the clocks of the issuer and of this server may differ.
const LEEWAY_S: u64 = 30;

/// Longest token that is looked at: well above what groups of one user need, far below what headers may hold.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Least length of a shared secret: as many bits as the hash has.
pub const SECRET_BYTES_MIN: usize = 32;

/// Where the key is that tokens are verified with.
#[derive(Clone)]
pub enum AuthSettings {
    /// A secret that the issuer shares with this server, for HS256; at least [`SECRET_BYTES_MIN`] bytes.
    Hs256Secret(String),
    /// A file with a public key in PEM form: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA.
    PublicKeyPem(PathBuf),
    /// A file or an https address with a JWK set.
    Jwks(String),
}

impl std::fmt::Debug for AuthSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hs256Secret(_) => f.write_str("Hs256Secret(…)"),
            Self::PublicKeyPem(path) => f.debug_tuple("PublicKeyPem").field(path).finish(),
            Self::Jwks(location) => f.debug_tuple("Jwks").field(location).finish(),
        }
    }
}

/// Why tokens cannot be verified with what the settings name.
#[derive(Debug, thiserror::Error)]
pub enum AuthSettingsError {
    /// The secret is too short to be safe.
    #[error("the token secret has {bytes} bytes, it needs at least {SECRET_BYTES_MIN}")]
    SecretTooShort {
        /// How long it is.
        bytes: usize,
    },
    /// A key file cannot be read.
    #[error("cannot read the key file {path}: {message}")]
    KeyFile {
        /// The file.
        path: String,
        /// What the system said.
        message: String,
    },
    /// The key is none, or none of the accepted kinds.
    #[error("{place} holds no usable key: {message}")]
    Key {
        /// The file or address.
        place: String,
        /// What is wrong.
        message: String,
    },
}

/// Why a request is not let in. The three cases are all that a client learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthFault {
    /// There is no token.
    Required,
    /// The token is not accepted.
    Invalid,
    /// The token has expired.
    Expired,
}

/// Who asks, and in which tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The tenant; nothing of any other can be named.
    pub tenant: TenantId,
    /// The caller within it.
    pub caller: Caller,
}

/// Verifies tokens.
pub struct Authenticator {
    keys: Keys,
}

enum Keys {
    One(VerifyingKey),
    Set(KeySet),
}

impl Authenticator {
    /// Reads the key that the settings name. A JWK set at an address is fetched with the first token.
    ///
    /// # Errors
    /// [`AuthSettingsError`] where the key cannot be read or is not of an accepted kind.
    pub fn new(settings: &AuthSettings) -> Result<Self, AuthSettingsError> {
        let keys = match settings {
            AuthSettings::Hs256Secret(secret) => Keys::One(VerifyingKey::from_secret(secret)?),
            AuthSettings::PublicKeyPem(path) => Keys::One(VerifyingKey::from_pem_file(path)?),
            AuthSettings::Jwks(location) => Keys::Set(KeySet::open(location)?),
        };
        Ok(Self { keys })
    }

    /// Verifies the value of an `Authorization` header.
    pub(crate) async fn identify(&self, authorization: Option<&str>) -> Result<Identity, AuthFault> {
        let token = bearer_token(authorization.ok_or(AuthFault::Required)?)?;
        let header = decode_header(token).map_err(|_| AuthFault::Invalid)?;
        let key = match &self.keys {
            Keys::One(key) => key.clone(),
            Keys::Set(set) => set.find(header.kid.as_deref()).await.ok_or(AuthFault::Invalid)?,
        };
        verified_claims(token, &key)?.into_identity().ok_or(AuthFault::Invalid)
    }
}

fn bearer_token(authorization: &str) -> Result<&str, AuthFault> {
    let (scheme, token) = authorization.trim().split_once(' ').ok_or(AuthFault::Required)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(AuthFault::Required);
    }
    if token.len() > TOKEN_BYTES_MAX { Err(AuthFault::Invalid) } else { Ok(token) }
}

fn verified_claims(token: &str, key: &VerifyingKey) -> Result<Claims, AuthFault> {
    let mut validation = Validation::new(key.algorithm);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    // Audiences are the issuer's affair: the contract knows none.
    validation.validate_aud = false;
    match decode::<Claims>(token, &key.decoding, &validation) {
        Ok(data) => Ok(data.claims),
        Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => Err(AuthFault::Expired),
        Err(_) => Err(AuthFault::Invalid),
    }
}
