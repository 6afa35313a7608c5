//! One process a data folder: the embedded database is not made for two servers.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::JobsError;

/// The file that is locked while a process works with the folder.
const LOCK_FILE: &str = "lock";

/// Holds a data folder for this process; let go of on drop, and by the system when the process dies.
#[derive(Debug)]
pub struct DataLock(#[allow(dead_code, reason = "held, never read")] File);

impl DataLock {
    /// Takes the folder, making it where it is missing.
    ///
    /// # Errors
    /// [`JobsError::DataDirBusy`] where another process has it; [`JobsError::Storage`] where the file cannot
    /// be made.
    pub fn take(dir: &Path) -> Result<Self, JobsError> {
        let failed = |error: std::io::Error| JobsError::storage("taking the data folder", error);
        std::fs::create_dir_all(dir).map_err(failed)?;
        let file = File::create(dir.join(LOCK_FILE)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(JobsError::DataDirBusy { dir: dir.display().to_string() }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
