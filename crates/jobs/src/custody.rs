//! Whether a process has the data to itself, and what it may do because of that.
//!
//! An embedded database belongs to one process: leases that another one left behind mean nothing, and files that it
//! does not know are rubbish. On a server's database any number of processes work on the same runs and uploads: a lease
//! ends by time alone, and a file without a row may be an upload that another process is taking in.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use reinstate_store::{DatabaseUrl, Store};

use crate::data_lock::DataLock;
use crate::error::JobsError;
use crate::objects::Objects;

/// Age from which a file of no upload is rubbish although other processes take uploads in: none takes this long
/// between two of its parts.
const ORPHAN_AGE: Duration = Duration::from_secs(86_400);

/// Whether a process has the data to itself. To be taken before the store is opened, and kept as long as it is.
#[derive(Debug)]
#[non_exhaustive]
pub enum Custody {
    /// Nobody else works on the data while this lock is held.
    Exclusive(DataLock),
    /// Other processes work on the same data.
    Shared,
}

impl Custody {
    /// Takes what a process needs for itself to work on a database: the folder of an embedded one, nothing of a
    /// server's.
    ///
    /// # Errors
    /// [`JobsError::DataDirBusy`] where another process has the folder; [`JobsError::Storage`] where its lock cannot
    /// be made.
    pub fn take(url: &DatabaseUrl) -> Result<Self, JobsError> {
        match url {
            DatabaseUrl::Sqlite { dir } => DataLock::take(dir).map(Self::Exclusive),
            DatabaseUrl::Postgres(_) => Ok(Self::Shared),
        }
    }

    /// Whether other processes work on the same data.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared)
    }

    /// Takes the storage folder: nobody who thinks that he has one to himself may share it with others.
    pub(crate) fn take_storage(&self, objects: &Objects) -> Result<DataLock, JobsError> {
        match self {
            Self::Exclusive(_) => objects.lock(),
            Self::Shared => objects.lock_shared(),
        }
    }

    /// Ends the leases that an earlier process left behind; says how many.
    pub(crate) fn end_leases(&self, store: &Store, now: i64) -> Result<usize, JobsError> {
        match self {
            Self::Exclusive(_) => Ok(store.control.leases_expire(now)?),
            Self::Shared => Ok(0),
        }
    }

    /// Removes the files that belong to no upload, as far as that can be told; says how many.
    pub(crate) fn remove_orphans(&self, store: &Store, objects: &Objects) -> Result<usize, JobsError> {
        let before = match self {
            Self::Exclusive(_) => None,
            Self::Shared => SystemTime::now().checked_sub(ORPHAN_AGE),
        };
        // The files first: whatever is kept among them has its row by then.
        let files = objects.list_changed_before(before)?;
        if files.is_empty() {
            return Ok(0);
        }
        let kept: HashSet<String> = store.control.upload_keys()?.into_iter().collect();
        objects.remove_all_but(files, |key| kept.contains(key))
    }
}
