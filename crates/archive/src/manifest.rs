//! `manifest.json`: what an archive says about itself, so that a damaged or edited one is noticed.
//!
//! Reading is tolerant where archives in the field differ (sizes as strings, nulls, keys nobody knows), and strict
//! where a mistake would make verification void: the version, and the names and figures of the artifacts.

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use crate::error::{ArchiveError, shown};

/// The version that is written.
pub const MANIFEST_VERSION: &str = "1.0";
/// The only major version that is read.
const MAJOR_READ: &str = "1";
/// Length of a SHA-256 in hexadecimal digits.
const CHECKSUM_DIGITS: usize = 64;

/// What is inside an archive, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `major.minor` of this format.
    #[serde(deserialize_with = "version_text")]
    pub version: String,
    /// When the archive was made, RFC 3339.
    #[serde(default)]
    pub generated_at: Option<String>,
    /// The extract run that made it.
    #[serde(default)]
    pub run_id: Option<String>,
    /// The extract that the run belongs to.
    #[serde(default)]
    pub extract_id: Option<String>,
    /// Format of the data entries, `jsonl`.
    #[serde(default)]
    pub format: Option<String>,
    /// Which parts were asked for, such as `describe` and `data`.
    #[serde(default, deserialize_with = "text_list")]
    pub include: Option<Vec<String>>,
    /// One for each entry, `manifest.json` itself left out.
    #[serde(default, deserialize_with = "null_as_none_listed")]
    pub artifacts: Vec<Artifact>,
}

/// One entry as the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// `describe` or `data-MODEL`; nothing here depends on it.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// Name of the entry.
    pub name: String,
    /// Size of the inflated entry in bytes.
    #[serde(default, deserialize_with = "count")]
    pub size: Option<u64>,
    /// Lower-case SHA-256 of the inflated entry.
    #[serde(default, deserialize_with = "checksum")]
    pub checksum: Option<String>,
    /// Number of records; 0 for `describe.yaml`.
    #[serde(default, deserialize_with = "count")]
    pub records: Option<u64>,
}

impl Manifest {
    /// Reads the text of a manifest.
    ///
    /// `entry` names it in errors.
    ///
    /// # Errors
    /// [`ArchiveError::ManifestInvalid`] where it is no JSON or a key has the wrong type,
    /// [`ArchiveError::ManifestVersion`] where its major version isn't 1.
    pub fn parse(entry: &str, text: &[u8]) -> Result<Self, ArchiveError> {
        let manifest: Self = serde_json::from_slice(text).map_err(|error| ArchiveError::ManifestInvalid {
            entry: entry.to_owned(),
            detail: error.to_string(),
        })?;
        if manifest.version.split('.').next() == Some(MAJOR_READ) {
            Ok(manifest)
        } else {
            Err(ArchiveError::ManifestVersion { entry: entry.to_owned(), version: shown(&manifest.version) })
        }
    }
}

/// A number, or the same as text: the original platform writes sizes as strings.
#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(serde_json::Number),
    Text(String),
}

/// `"1.0"`, `1` or `1.0`.
fn version_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(number) => number.to_string(),
        NumberOrText::Text(text) => text,
    })
}

/// A count that isn't negative, as a number or as text, or null.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let read = match Option::<NumberOrText>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(NumberOrText::Number(number)) => number.as_u64(),
        Some(NumberOrText::Text(text)) => text.trim().parse().ok(),
    };
    read.map(Some).ok_or_else(|| D::Error::custom("size and records must be whole numbers from 0"))
}

/// 64 hexadecimal digits in lower case, or null.
fn checksum<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    if text.len() == CHECKSUM_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(Some(text.to_ascii_lowercase()))
    } else {
        Err(D::Error::custom("checksum must be a SHA-256 in 64 hexadecimal digits"))
    }
}

/// A list of texts, one text, or null.
fn text_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(Option::<OneOrMany>::deserialize(deserializer)?.map(|read| match read {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(list) => list,
    }))
}

/// A list of artifacts; null is an empty one.
fn null_as_none_listed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Artifact>, D::Error> {
    Ok(Option::<Vec<Artifact>>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifest, ArchiveError> {
        Manifest::parse("manifest.json", text.as_bytes())
    }

    #[test]
    fn sizes_are_taken_as_numbers_and_as_strings() {
        let manifest = parse(
            r#"{"version":"1.0","artifacts":[{"name":"a.jsonl","size":"7620","records":"3"},
                {"name":"b.jsonl","size":12,"records":null}]}"#,
        )
        .unwrap();
        let figures: Vec<_> = manifest.artifacts.iter().map(|a| (a.size, a.records)).collect();
        assert_eq!(figures, [(Some(7620), Some(3)), (Some(12), None)]);
    }

    #[test]
    fn nulls_and_unknown_keys_are_tolerated() {
        let manifest = parse(
            r#"{"version":"1.7","run_id":null,"format":null,"include":null,"colour":{"a":1},"artifacts":null}"#,
        )
        .unwrap();
        assert_eq!(manifest.include, None);
        assert!(manifest.artifacts.is_empty());
    }

    #[test]
    fn another_major_version_is_an_error() {
        for version in ["\"2.0\"", "2", "\"10.1\"", "\"\"", "\"one\""] {
            let error = parse(&format!(r#"{{"version":{version}}}"#)).unwrap_err();
            assert!(matches!(error, ArchiveError::ManifestVersion { .. }), "{version}: {error}");
        }
        assert!(parse(r#"{"version":1}"#).is_ok());
    }

    #[test]
    fn what_would_make_verification_void_is_an_error() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"version":null}"#,
            r#"{"version":"1.0","artifacts":[{"size":1}]}"#,
            r#"{"version":"1.0","artifacts":[{"name":"a","size":-1}]}"#,
            r#"{"version":"1.0","artifacts":[{"name":"a","size":"1.5"}]}"#,
            r#"{"version":"1.0","artifacts":[{"name":"a","records":"many"}]}"#,
            r#"{"version":"1.0","artifacts":[{"name":"a","checksum":"abc"}]}"#,
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, ArchiveError::ManifestInvalid { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn nesting_without_end_is_an_error_and_no_overflow() {
        let deep = format!(r#"{{"version":"1.0","x":{}"#, "[".repeat(200_000));
        assert!(matches!(parse(&deep).unwrap_err(), ArchiveError::ManifestInvalid { .. }));
    }

    #[test]
    fn printing_and_parsing_gives_the_same_manifest() {
        let manifest = Manifest {
            version: MANIFEST_VERSION.into(),
            generated_at: Some("2025-01-19T10:00:00.000Z".into()),
            run_id: Some("r".into()),
            extract_id: None,
            format: Some("jsonl".into()),
            include: Some(vec!["describe".into()]),
            artifacts: vec![Artifact {
                kind: Some("data-a".into()),
                name: "a.jsonl".into(),
                size: Some(3),
                checksum: Some("ab".repeat(32)),
                records: Some(1),
            }],
        };
        assert_eq!(parse(&serde_json::to_string(&manifest).unwrap()).unwrap(), manifest);
    }
}
