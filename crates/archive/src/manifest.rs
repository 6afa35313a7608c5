//! `manifest.json`: what an archive says about itself, so that a damaged or edited one is noticed.
//!
//! Reading is tolerant where archives in the field differ (sizes as strings, nulls, keys nobody knows), and strict
//! where a mistake would make verification void: the version, and the names and figures of the artifacts.

use std::fmt;

use serde::de::{self, Deserializer, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::error::{ArchiveError, shown};

/// The version that is written.
pub const MANIFEST_VERSION: &str = "1.0";
/// The only major version that is read.
const MAJOR_READ: &str = "1";
/// Artifacts that are read at most: ten times as many as entries are allowed by default.
const ARTIFACTS_MAX: usize = 100_000;
/// Parts in `include` that are read at most; there are two that mean anything.
const INCLUDE_MAX: usize = 100;
/// Characters of a parser's message that an error keeps.
const DETAIL_CHARS_MAX: usize = 200;
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
    #[serde(default, deserialize_with = "artifact_list")]
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
            // The message quotes values, and they may be as long as the manifest.
            detail: error.to_string().chars().take(DETAIL_CHARS_MAX).collect(),
        })?;
        if manifest.version.split('.').next() == Some(MAJOR_READ) {
            Ok(manifest)
        } else {
            Err(ArchiveError::ManifestVersion { entry: entry.to_owned(), version: shown(&manifest.version) })
        }
    }
}

/// `"1.0"`, `1` or `1.0`.
fn version_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match deserializer.deserialize_any(Scalar)? {
        Some(version) => Ok(version),
        None => Err(D::Error::custom("version is missing")),
    }
}

/// A count that isn't negative, as a number or as text, or null.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(text) = deserializer.deserialize_any(Scalar)? else { return Ok(None) };
    let read = text.trim().parse().map(Some);
    read.map_err(|_| D::Error::custom("size and records must be whole numbers from 0"))
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
    deserializer
        .deserialize_any(List::<String> { items_max: INCLUDE_MAX, of_one: |text| Some(text.to_owned()) })
}

/// A list of artifacts; null is an empty one.
fn artifact_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Artifact>, D::Error> {
    let list = List::<Artifact> { items_max: ARTIFACTS_MAX, of_one: |_| None };
    Ok(deserializer.deserialize_any(list)?.unwrap_or_default())
}

/// A number or a text, both as text, or null. The original platform writes sizes as texts.
///
/// Not an untagged enum: serde would first hold the whole value in memory, whatever it is.
struct Scalar;

impl Visitor<'_> for Scalar {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text or null")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Some(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A list that ends in an error where it gets too long, so that a manifest of a few megabytes can't fill many times
/// as much memory.
struct List<T> {
    items_max: usize,
    /// What a text in the place of the list stands for, if it may stand there.
    of_one: fn(&str) -> Option<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or null")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() == self.items_max {
                return Err(A::Error::custom(format_args!("a list of more than {} items", self.items_max)));
            }
            list.push(item);
        }
        Ok(Some(list))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Self::Value, E> {
        match (self.of_one)(value) {
            Some(item) => Ok(Some(vec![item])),
            None => Err(E::invalid_type(de::Unexpected::Str(value), &self)),
        }
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
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
    fn lists_that_would_fill_memory_are_an_error() {
        let artifacts = vec![r#"{"name":""}"#; ARTIFACTS_MAX + 1].join(",");
        let include = vec![r#""""#; INCLUDE_MAX + 1].join(",");
        for text in [
            format!(r#"{{"version":"1.0","artifacts":[{artifacts}]}}"#),
            format!(r#"{{"version":"1.0","include":[{include}]}}"#),
            r#"{"version":"1.0","artifacts":"all"}"#.to_owned(),
            r#"{"version":"1.0","artifacts":[{"name":"a","size":[0,0,0]}]}"#.to_owned(),
        ] {
            assert!(matches!(parse(&text).unwrap_err(), ArchiveError::ManifestInvalid { .. }));
        }
    }

    #[test]
    fn a_message_does_not_quote_values_without_end() {
        let long = format!(r#"{{"version":"1.0","artifacts":"{}"}}"#, "x".repeat(10_000));
        assert!(parse(&long).unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn include_may_be_one_text() {
        let manifest = parse(r#"{"version":"1.0","include":"data"}"#).unwrap();
        assert_eq!(manifest.include, Some(vec!["data".to_owned()]));
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
