//! The name of a tenant, checked once: the only thing from outside that ever becomes part of a file's path.

use std::fmt;

/// Longest name of a tenant in bytes.
pub const TENANT_ID_BYTES_MAX: usize = 63;

/// A checked tenant name: `^[a-z0-9][a-z0-9_-]{0,62}$`. Safe as a file name and as a schema name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Box<str>);

/// Why a text is no [`TenantId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not a valid tenant name: a small letter or digit first, then small letters, digits, '_' and '-', \
     at most 63 in all"
)]
pub struct TenantIdError;

impl TenantId {
    /// Checks `text` and makes a tenant name of it.
    ///
    /// # Errors
    /// [`TenantIdError`] where the text does not have the form of a tenant name.
    pub fn new(text: impl AsRef<str>) -> Result<Self, TenantIdError> {
        let text = text.as_ref();
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let head = text.bytes().next().is_some_and(alphanumeric);
        let tail = text.bytes().all(|byte| alphanumeric(byte) || byte == b'_' || byte == b'-');
        if head && tail && text.len() <= TENANT_ID_BYTES_MAX {
            Ok(Self(text.into()))
        } else {
            Err(TenantIdError)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        for text in ["", ".", "..", "../a", "a/b", "A", "-a", "_a", "a.db", "a\0", "ä", &"a".repeat(64)] {
            assert_eq!(TenantId::new(text), Err(TenantIdError), "{text:?}");
        }
        for text in ["a", "0", "acme-1_x", &"a".repeat(63)] {
            assert_eq!(TenantId::new(text).unwrap().as_str(), text);
        }
    }
}
