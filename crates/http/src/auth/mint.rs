//! Makes tokens, for operators and demonstrations; the server itself only verifies them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reinstate_describe::AccessLevel;
use reinstate_store::TenantId;
use serde::Serialize;

/// What a token is to say.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    /// The tenant that it opens.
    pub tenant: &'a TenantId,
    /// What its holder may do.
    pub level: AccessLevel,
    /// The user whom it stands for.
    pub user: &'a str,
    /// How long it is good for, from now on.
    pub ttl: Duration,
}

/// Why a token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The library refused to sign.
    #[error("the token cannot be signed: {0}")]
    Sign(String),
    /// The token would end after the last moment that a claim can name.
    #[error("the token would never end")]
    TooLong,
}

/// The claims as they are written.
#[derive(Serialize)]
struct MintedClaims<'a> {
    sub: &'a str,
    tenant: &'a str,
    access: &'static str,
    iat: u64,
    exp: u64,
}

/// Makes an HS256 token.
///
/// # Errors
/// [`MintError`] where it cannot be signed or its end has no number.
pub fn mint(secret: &str, request: &TokenRequest<'_>) -> Result<String, MintError> {
    // Before 1970 only on a machine whose clock was never set.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = MintedClaims {
        sub: request.user,
        tenant: request.tenant.as_str(),
        access: request.level.as_str(),
        iat: now,
        exp: now.checked_add(request.ttl.as_secs()).ok_or(MintError::TooLong)?,
    };
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret.as_bytes()))
        .map_err(|error| MintError::Sign(error.to_string()))
}
