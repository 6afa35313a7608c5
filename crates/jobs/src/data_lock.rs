//! One process a folder: neither the embedded database nor the uploads are made for two servers.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::JobsError;

/// The file that is locked while a process works with a data folder.
const DATA_LOCK_FILE: &str = "lock";

/// The same in a storage folder; of another name, because one folder may be both.
const STORAGE_LOCK_FILE: &str = "storage.lock";

/// Holds a folder for this process; let go of on drop, and by the system when the process dies.
#[derive(Debug)]
pub struct DataLock(#[allow(dead_code, reason = "held, never read")] File);

impl DataLock {
    /// Takes the folder of the databases, making it where it is missing. Before the store is opened: opening
    /// brings databases to their newest form, under the hands of whoever has the folder.
    ///
    /// # Errors
    /// [`JobsError::DataDirBusy`] where another process has it; [`JobsError::Storage`] where the file cannot
    /// be made.
    pub fn take(dir: &Path) -> Result<Self, JobsError> {
        Self::lock(dir, DATA_LOCK_FILE, |dir| JobsError::DataDirBusy { dir })
    }

    /// Takes a folder of uploads: files that are no upload of this server are removed from it.
    ///
    /// # Errors
    /// [`JobsError::StorageDirBusy`] where another process has it; [`JobsError::Storage`] where the file cannot
    /// be made.
    pub(crate) fn take_storage(dir: &Path) -> Result<Self, JobsError> {
        Self::lock(dir, STORAGE_LOCK_FILE, |dir| JobsError::StorageDirBusy { dir })
    }

    fn lock(dir: &Path, name: &str, busy: fn(String) -> JobsError) -> Result<Self, JobsError> {
        let failed = |error: std::io::Error| JobsError::storage("taking a folder", error);
        std::fs::create_dir_all(dir).map_err(failed)?;
        let file = File::create(dir.join(name)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(busy(dir.display().to_string())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
