//! Names of models and fields: checked once, then safe to quote into SQL and to compare without case.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// Longest name in bytes: what PostgreSQL keeps of an identifier without cutting it.
pub const NAME_BYTES_MAX: usize = 63;

/// A checked name of a model or a field: `^[A-Za-z_][A-Za-z0-9_]{0,62}$`.
///
/// Two names that differ only in case are equal, hash alike and sort alike; the spelling is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Box<str>);

/// Why a text is no [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not a valid name: a letter or underscore first, then letters, digits and underscores, at most 63 in all"
)]
pub struct NameError {
    /// The text that was refused, cut to 80 characters.
    pub text: String,
}

impl Name {
    /// Checks `text` and makes a name of it.
    ///
    /// # Errors
    /// [`NameError`] where the text does not have the form of a name.
    pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
        let text = text.as_ref();
        let bytes = text.as_bytes();
        let head = bytes.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
        let tail = bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if head && tail && bytes.len() <= NAME_BYTES_MAX {
            Ok(Self(text.into()))
        } else {
            Err(NameError { text: text.chars().take(80).collect() })
        }
    }

    /// The name as it was spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case, for maps keyed by plain text.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let fold = |name: &Self| name.0.bytes().map(|b| b.to_ascii_lowercase()).collect::<Vec<_>>();
        fold(self).cmp(&fold(other))
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case() {
        assert_eq!(Name::new("Orders").unwrap(), Name::new("oRDERS").unwrap());
        assert!(Name::new("a").unwrap() < Name::new("B").unwrap());
    }

    #[test]
    fn names_of_wrong_form_are_refused() {
        for text in ["", "1a", "a-b", "a b", "ä", "a\0", &"x".repeat(64)] {
            assert!(Name::new(text).is_err(), "{text:?}");
        }
        assert!(Name::new("x".repeat(63)).is_ok());
    }
}
