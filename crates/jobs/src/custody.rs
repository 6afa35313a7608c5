//! Whether a process has the data to itself, and what it may do because of that.
//!
//! An embedded database belongs to one process: leases that another one left behind mean nothing, and files that it
//! does not know are rubbish. On a server's database any number of processes work on the same runs and uploads: a lease
//! ends by time alone, and an object without a row may be an upload that another process is taking in. A bucket can be
//! reached by anybody, whatever the database is, and so can a folder by servers of several databases: it has a mark that
//! says whose it is.

use std::time::{Duration, SystemTime};

use reinstate_store::{DatabaseUrl, Store};

use crate::data_lock::DataLock;
use crate::error::JobsError;
use crate::ids::{TimeOrderedIds, prefixed};
use crate::objects::{Objects, Ownership};
use crate::orphans::remove_unknown;

/// Age from which an object of nothing is rubbish although other processes may be writing: none takes this long between
/// its object and its row, or between two parts.
const ORPHAN_AGE: Duration = Duration::from_secs(86_400);

/// The same in a folder that this process has to itself, while it is at work there.
const OWN_ORPHAN_AGE: Duration = Duration::from_secs(3_600);

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

    /// Removes the objects that belong to nothing, before this process begins to write any, as far as that can be told;
    /// says how many. In a folder that this process has to itself that is all that have no row. Elsewhere it is those
    /// of a day ago. Nothing is removed from a storage that another installation was the first to mark.
    ///
    /// # Errors
    /// [`JobsError::Store`]. A storage that fails is logged: it is looked through again later.
    pub(crate) fn remove_orphans(&self, store: &Store, objects: &Objects) -> Result<usize, JobsError> {
        let age = if self.has_to_itself(objects) { None } else { Some(ORPHAN_AGE) };
        match Self::remove_older(store, objects, age, || false) {
            Err(error @ JobsError::Storage { .. }) => {
                let error = error.chain();
                tracing::warn!(
                    error,
                    "could not look for objects that belong to nothing; trying again later"
                );
                Ok(0)
            }
            removed => removed,
        }
    }

    /// [`Custody::remove_orphans`] while this process is at work: what it may be writing is left alone.
    pub(crate) fn remove_old_orphans(
        &self,
        store: &Store,
        objects: &Objects,
        is_stopping: impl Fn() -> bool,
    ) -> Result<usize, JobsError> {
        let age = if self.has_to_itself(objects) { OWN_ORPHAN_AGE } else { ORPHAN_AGE };
        Self::remove_older(store, objects, Some(age), is_stopping)
    }

    fn remove_older(
        store: &Store,
        objects: &Objects,
        age: Option<Duration>,
        is_stopping: impl Fn() -> bool,
    ) -> Result<usize, JobsError> {
        if !Self::owns(store, objects)? {
            tracing::warn!(
                "the storage belongs to another installation: what no row here knows of is not removed from it; give \
                 each installation a folder, a bucket or a prefix of its own"
            );
            return Ok(0);
        }
        let before = age.and_then(|age| SystemTime::now().checked_sub(age));
        remove_unknown(
            // A page of objects is there before its rows are asked for: whatever is kept has its row by then.
            objects.list_changed_before(before),
            |keys| Ok(store.control.object_keys_known(keys)?),
            |place| objects.remove(place),
            is_stopping,
        )
    }

    /// Whether nobody else can be writing to the storage.
    fn has_to_itself(&self, objects: &Objects) -> bool {
        !self.is_shared() && !objects.is_bucket()
    }

    /// Whether this installation was the first to mark the storage, or is now.
    fn owns(store: &Store, objects: &Objects) -> Result<bool, JobsError> {
        let id = store.control.installation_id(&prefixed("installation", &TimeOrderedIds))?;
        Ok(objects.claim(&id)? == Ownership::Ours)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use reinstate_store::StoreSettings;

    use super::*;
    use crate::objects::StorageSettings;

    #[test]
    fn a_server_at_work_leaves_young_objects_of_its_own_folder_alone() {
        let dir = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite { dir: dir.path().to_owned() };
        let custody = Custody::take(&url).unwrap();
        let store = Store::open(&StoreSettings::new(url)).unwrap();
        let folder = dir.path().join("objects");
        let objects = Objects::open(&StorageSettings::folder(&folder), dir.path()).unwrap();
        let tenant = folder.join("uploads/acme");
        std::fs::create_dir_all(&tenant).unwrap();
        let then = SystemTime::now().checked_sub(OWN_ORPHAN_AGE).unwrap();
        for (name, changed) in [("old.zip", then), ("old.zip#1", then), ("young.zip#1", SystemTime::now())] {
            File::create(tenant.join(name)).unwrap().set_modified(changed).unwrap();
        }
        assert_eq!(custody.remove_old_orphans(&store, &objects, || true).unwrap(), 0, "it is stopping");
        assert_eq!(custody.remove_old_orphans(&store, &objects, || false).unwrap(), 2);
        assert!(tenant.join("young.zip#1").exists());
        assert_eq!(custody.remove_orphans(&store, &objects).unwrap(), 1);
    }
}
