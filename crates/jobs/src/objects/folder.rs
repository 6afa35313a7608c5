//! A storage in a folder, as far as it takes more than a bucket's client can: unfinished files, and their ages.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::JobsError;

/// The files two levels below `dir`, unfinished ones included; with `before` those alone that nobody wrote to since.
/// What cannot be looked at is told, and the others come nevertheless.
pub(super) fn list(
    dir: &Path,
    before: Option<SystemTime>,
) -> impl Iterator<Item = Result<PathBuf, JobsError>> + use<> {
    let files = children(dir).flat_map(|tenant| match tenant {
        Ok(tenant) => children(&tenant),
        Err(error) => Box::new(std::iter::once(Err(error))),
    });
    files.filter_map(move |file| match file.and_then(|file| Ok((is_file_before(&file, before)?, file))) {
        Ok((true, file)) => Some(Ok(file)),
        Ok((false, _)) => None,
        Err(error) => Some(Err(error)),
    })
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
fn children(dir: &Path) -> Box<dyn Iterator<Item = Result<PathBuf, JobsError>>> {
    let failed = |error: std::io::Error| JobsError::storage("listing objects", error);
    match std::fs::read_dir(dir) {
        Ok(entries) => Box::new(entries.map(move |entry| Ok(entry.map_err(failed)?.path()))),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            Box::new(std::iter::empty())
        }
        Err(error) => Box::new(std::iter::once(Err(failed(error)))),
    }
}

/// What stands in a file; nothing where there is no such file.
pub(super) fn read(file: &Path) -> Result<Option<Vec<u8>>, JobsError> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(JobsError::storage("reading a file", error)),
    }
}

/// Writes a file unless there is one.
pub(super) fn create(file: &Path, bytes: &[u8]) -> Result<(), JobsError> {
    let created = match std::fs::File::create_new(file) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        created => created,
    };
    let written = created.and_then(|mut created| {
        let written = created.write_all(bytes).and_then(|()| created.sync_all());
        if written.is_err() {
            // Half a file would be taken for somebody else's.
            let _ = std::fs::remove_file(file);
        }
        written
    });
    written.map_err(|error| JobsError::storage("writing a file", error))
}
