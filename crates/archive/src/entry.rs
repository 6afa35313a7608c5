//! What an accepted entry is to the rest of the project: its role by its name, never by its content.
//!
//! Roles are given after the common top folder has been taken off. Dot files and `__MACOSX/` get no role: they
//! are by-products of whoever zipped the folder.

use std::fmt;

use crate::directory::Record;

/// Name of the entry that holds models and fields.
pub const DESCRIBE_NAME: &str = "describe.yaml";
/// Name of the entry that lists what is inside.
pub const MANIFEST_NAME: &str = "manifest.json";
/// What the name of a data entry ends in; what comes ahead of it is the model's name.
pub const DATA_SUFFIX: &str = ".jsonl";

/// Folder that macOS adds to the ZIPs it makes.
const MACOS_FOLDER: &str = "__MACOSX";

/// The role of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// `describe.yaml`.
    Describe,
    /// `manifest.json`.
    Manifest,
    /// `NAME.jsonl`: records of one model.
    Data {
        /// The model that the file name speaks of; nobody has checked that it exists or is a valid name.
        model: String,
    },
    /// Anything else: not read, warned of.
    Unknown,
}

impl EntryKind {
    /// The role that `name` stands for, the common top folder already taken off.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            DESCRIBE_NAME => Self::Describe,
            MANIFEST_NAME => Self::Manifest,
            _ => match name.strip_suffix(DATA_SUFFIX) {
                Some(model) if !model.is_empty() && !model.contains('/') => {
                    Self::Data { model: model.to_owned() }
                }
                _ => Self::Unknown,
            },
        }
    }
}

/// An entry that passed the checks of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name below the common top folder.
    pub name: String,
    /// Its role.
    pub kind: EntryKind,
    /// Size in bytes once inflated, as the directory declares it; reading fails if the data differs.
    pub uncompressed_bytes: u64,
    /// Size in bytes inside the ZIP.
    pub compressed_bytes: u64,
    /// Where its data is and how it is packed. Its path is empty: the name has taken its place.
    pub(crate) record: Record,
    /// Position in the manifest's list of what is said about it.
    pub(crate) artifact: Option<usize>,
}

/// One `NAME.jsonl`, with what the manifest says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataEntry {
    /// Entry name, below the common top folder.
    pub name: String,
    /// The model that the file name speaks of.
    pub model: String,
    /// Size in bytes once inflated.
    pub uncompressed_bytes: u64,
    /// Size in bytes inside the ZIP.
    pub compressed_bytes: u64,
    /// Number of records that the manifest lists, where it lists one.
    pub records: Option<u64>,
    /// Lower-case SHA-256 of the inflated bytes that the manifest lists, where it lists one.
    pub checksum: Option<String>,
}

/// Something about an archive that doesn't stop it but that its owner should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The entry has no meaning here and is left out.
    UnknownEntry {
        /// Its name below the common top folder.
        entry: String,
    },
    /// There is a manifest, and it doesn't list this entry: nothing to verify it against.
    NotInManifest {
        /// Its name below the common top folder.
        entry: String,
    },
}

impl Warning {
    /// The entry that the warning is about.
    pub fn entry(&self) -> &str {
        match self {
            Self::UnknownEntry { entry } | Self::NotInManifest { entry } => entry,
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownEntry { entry } => {
                write!(f, "Entry '{entry}' is not part of an extract; it is ignored")
            }
            Self::NotInManifest { entry } => {
                write!(f, "Entry '{entry}' is not listed in {MANIFEST_NAME}; its content can't be verified")
            }
        }
    }
}

/// Gives every sound record that isn't ignored its role, in the order of the directory.
pub(crate) fn classify(records: Vec<Record>) -> Vec<Entry> {
    let kept: Vec<Record> =
        records.into_iter().filter(|record| !record.is_folder && !is_ignored(&record.path)).collect();
    let cut = common_folder(&kept).map_or(0, |folder| folder.len() + 1);
    kept.into_iter()
        .map(|mut record| {
            let mut name = std::mem::take(&mut record.path);
            name.drain(..cut);
            Entry {
                kind: EntryKind::of(&name),
                name,
                uncompressed_bytes: record.uncompressed_bytes,
                compressed_bytes: record.compressed_bytes,
                record,
                artifact: None,
            }
        })
        .collect()
}

/// The folder that every entry lies under, if there is one.
fn common_folder(kept: &[Record]) -> Option<String> {
    let (folder, _) = kept.first()?.path.split_once('/')?;
    let shared =
        kept.iter().all(|record| record.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
    shared.then(|| folder.to_owned())
}

/// Whether any part of the path is a dot file or a by-product of macOS.
fn is_ignored(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.') || part == MACOS_FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str]) -> Vec<String> {
        let records = paths.iter().map(|path| Record::stub(path)).collect();
        classify(records).into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn one_common_folder_is_taken_off_once() {
        assert_eq!(names(&["x/a.jsonl", "x/y/b.jsonl"]), ["a.jsonl", "y/b.jsonl"]);
    }

    #[test]
    fn a_folder_stays_where_one_entry_lies_beside_it() {
        assert_eq!(names(&["x/a.jsonl", "describe.yaml"]), ["x/a.jsonl", "describe.yaml"]);
        assert_eq!(names(&["x/a.jsonl", "xy/b.jsonl"]), ["x/a.jsonl", "xy/b.jsonl"]);
    }

    #[test]
    fn ignored_entries_have_no_say_in_the_common_folder() {
        assert_eq!(names(&["__MACOSX/x/._a.jsonl", ".DS_Store", "x/a.jsonl", "x/.git/b.jsonl"]), ["a.jsonl"]);
    }

    #[test]
    fn roles_come_from_names_in_the_top_folder_only() {
        assert_eq!(EntryKind::of("describe.yaml"), EntryKind::Describe);
        assert_eq!(EntryKind::of("manifest.json"), EntryKind::Manifest);
        assert_eq!(EntryKind::of("orders.jsonl"), EntryKind::Data { model: "orders".into() });
        for name in ["a/orders.jsonl", ".jsonl", "orders.json", "Describe.yaml", "README.md"] {
            assert_eq!(EntryKind::of(name), EntryKind::Unknown, "{name}");
        }
    }
}
