//! Whether a process has the data to itself, and what it may do because of that.
//!
//! An embedded database belongs to one process: leases that another one left behind mean nothing, and files that it
//! does not know are rubbish. On a server's database any number of processes work on the same runs and uploads: a lease
//! ends by time alone, and an object without a row may be an upload that another process is taking in. A bucket can be
//! reached by anybody, whatever the database is.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use reinstate_store::{DatabaseUrl, Store};

use crate::data_lock::DataLock;
use crate::error::JobsError;
use crate::ids::{TimeOrderedIds, prefixed};
use crate::objects::{Objects, Ownership};

/// Age from which an object of nothing is rubbish although other processes may be writing: none takes this long between
/// its object and its row, or between two parts.
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
    /// A bucket has no locks; see [`Custody::remove_orphans`].
    pub(crate) fn take_storage(&self, objects: &Objects) -> Result<Option<DataLock>, JobsError> {
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

    /// Removes the objects that belong to nothing, as far as that can be told; says how many. In a folder that this
    /// process has to itself that is all that have no row. Elsewhere it is those of a day ago, and in a bucket only
    /// where this installation was the first to mark it.
    pub(crate) fn remove_orphans(&self, store: &Store, objects: &Objects) -> Result<usize, JobsError> {
        if objects.is_bucket() && !Self::owns_bucket(store, objects)? {
            tracing::warn!(
                "the bucket belongs to another installation: what no row here knows of is not removed from it; give \
                 each installation a bucket or a prefix of its own"
            );
            return Ok(0);
        }
        let before = match self {
            Self::Exclusive(_) if !objects.is_bucket() => None,
            _ => SystemTime::now().checked_sub(ORPHAN_AGE),
        };
        // The objects first: whatever is kept among them has its row by then.
        let listed = objects.list_changed_before(before)?;
        if listed.is_empty() {
            return Ok(0);
        }
        let kept: HashSet<String> = store.control.object_keys()?.into_iter().collect();
        objects.remove_all_but(&listed, |key| kept.contains(key))
    }

    /// Whether this installation was the first to mark the bucket, or is now.
    fn owns_bucket(store: &Store, objects: &Objects) -> Result<bool, JobsError> {
        let id = store.control.installation_id(&prefixed("installation", &TimeOrderedIds))?;
        Ok(objects.claim(&id)? == Ownership::Ours)
    }
}
