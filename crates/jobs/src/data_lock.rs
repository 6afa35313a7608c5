//! Folders that belong to one process, and storage folders that several share on purpose.

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
        Self::lock_by(dir, DATA_LOCK_FILE, File::try_lock, |dir| JobsError::DataDirBusy { dir })
    }

    /// Takes a folder of uploads: files that are no upload of this server are removed from it.
    ///
    /// # Errors
    /// [`JobsError::StorageDirBusy`] where another process has it; [`JobsError::Storage`] where the file cannot
    /// be made.
    pub(crate) fn take_storage(dir: &Path) -> Result<Self, JobsError> {
        Self::lock_by(dir, STORAGE_LOCK_FILE, File::try_lock, |dir| JobsError::StorageDirBusy { dir })
    }

    /// Takes a folder of uploads together with other processes, so that none takes it for itself.
    ///
    /// # Errors
    /// As [`DataLock::take_storage`].
    pub(crate) fn share_storage(dir: &Path) -> Result<Self, JobsError> {
        Self::lock_by(dir, STORAGE_LOCK_FILE, File::try_lock_shared, |dir| JobsError::StorageDirBusy { dir })
    }

    fn lock_by(
        dir: &Path,
        name: &str,
        try_lock: fn(&File) -> Result<(), TryLockError>,
        busy: fn(String) -> JobsError,
    ) -> Result<Self, JobsError> {
        let failed = |error: std::io::Error| JobsError::storage("taking a folder", error);
        std::fs::create_dir_all(dir).map_err(failed)?;
        // Opened for both: some network file systems lock only what may be written.
        let file = File::options().read(true).write(true).create(true).truncate(false).open(dir.join(name));
        let file = file.map_err(failed)?;
        match try_lock(&file) {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(busy(dir.display().to_string())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
