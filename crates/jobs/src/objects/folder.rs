//! A storage in a folder, as far as it takes more than a bucket's client can: unfinished files, and their ages.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::JobsError;

/// The files two levels below `dir`, unfinished ones included; with `before` those alone that nobody wrote to since.
pub(super) fn list(dir: &Path, before: Option<SystemTime>) -> Result<Vec<PathBuf>, JobsError> {
    let mut found = Vec::new();
    for tenant in children(dir)? {
        for file in children(&tenant)? {
            if is_file_before(&file, before)? {
                found.push(file);
            }
        }
    }
    Ok(found)
}

/// Removes a file; one that is not there is fine.
pub(super) fn remove(file: &Path) -> Result<(), JobsError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(JobsError::storage("removing an object", error))
        }
        _ => Ok(()),
    }
}

/// Whether a path is a file that nobody wrote to since an instant. What is no file was not put here by us, and what is
/// gone by now somebody else removed.
fn is_file_before(path: &Path, before: Option<SystemTime>) -> Result<bool, JobsError> {
    let failed = |error: std::io::Error| JobsError::storage("looking at an object", error);
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        metadata => metadata.map_err(failed)?,
    };
    let is_old = match before {
        None => true,
        Some(before) => metadata.modified().map_err(failed)? < before,
    };
    Ok(metadata.is_file() && is_old)
}

/// What lies in a folder; nothing where there is no such folder.
fn children(dir: &Path) -> Result<Vec<PathBuf>, JobsError> {
    let failed = |error: std::io::Error| JobsError::storage("listing objects", error);
    match std::fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect(),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(failed(error)),
    }
}
