//! Keys, each tied to the one algorithm that it is good for.

use std::path::Path;

use jsonwebtoken::{Algorithm, DecodingKey};

use super::{AuthSettingsError, SECRET_BYTES_MIN};

/// Bytes of an uncompressed point of the curve P-256, the one that ES256 uses.
const P256_POINT_BYTES: usize = 65;

/// A key and its algorithm.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

impl VerifyingKey {
    pub(super) fn from_secret(secret: &str) -> Result<Self, AuthSettingsError> {
        let bytes = secret.len();
        if bytes < SECRET_BYTES_MIN {
            return Err(AuthSettingsError::SecretTooShort { bytes });
        }
        Ok(Self { algorithm: Algorithm::HS256, decoding: DecodingKey::from_secret(secret.as_bytes()) })
    }

    pub(super) fn from_pem_file(path: &Path) -> Result<Self, AuthSettingsError> {
        let place = path.display().to_string();
        let pem = std::fs::read(path).map_err(|error| AuthSettingsError::KeyFile {
            path: place.clone(),
            message: error.to_string(),
        })?;
        Self::from_pem(&pem).map_err(|message| AuthSettingsError::Key { place, message })
    }

    /// Tries the kinds of keys in turn: a PEM block says itself which one it is.
    fn from_pem(pem: &[u8]) -> Result<Self, String> {
        if String::from_utf8_lossy(pem).contains("PRIVATE KEY") {
            return Err("it is a private key; this server needs the public one".to_owned());
        }
        if let Ok(decoding) = DecodingKey::from_rsa_pem(pem) {
            return Ok(Self { algorithm: Algorithm::RS256, decoding });
        }
        if let Ok(decoding) = DecodingKey::from_ed_pem(pem) {
            return Ok(Self { algorithm: Algorithm::EdDSA, decoding });
        }
        let decoding = DecodingKey::from_ec_pem(pem)
            .map_err(|_| "it must be an RSA, P-256 or Ed25519 public key in PEM form".to_owned())?;
        match decoding.try_get_as_bytes() {
            Ok(point) if point.len() == P256_POINT_BYTES => {
                Ok(Self { algorithm: Algorithm::ES256, decoding })
            }
            _ => Err("of the elliptic curves only P-256 (ES256) is accepted".to_owned()),
        }
    }
}
