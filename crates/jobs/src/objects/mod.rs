//! Where archives lie: a folder, or a bucket.
//!
//! Keys are `uploads/TENANT/UPLOAD_ID.zip` and `extracts/TENANT/RUN_ID-FENCE.zip`. An object becomes visible under its
//! key at once and whole, and is never changed afterwards.

mod bucket;
mod download;
mod fault;
mod folder;
mod installation;
mod io_runtime;
mod listing;
mod reader;
mod spool;
mod storage;
mod storage_url;
mod stream;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use reinstate_engine::Cancellation;
use reinstate_store::TenantId;

use self::download::Wanted;
use self::io_runtime::{IoRuntime, block_on};
use self::storage::{PING_MAX, Place, Storage, joined, open_folder};
use crate::data_lock::DataLock;
use crate::error::JobsError;

pub(crate) use self::fault::kind_within;
pub(crate) use self::installation::Ownership;
pub use self::reader::ObjectReader;
pub use self::storage_url::{BucketUrl, S3Keys, S3Settings, StorageSettings, StorageUrl, StorageUrlError};
pub use self::stream::ByteStream;
pub use self::writer::{BlockingWriter, ObjectWriter};

/// The first part of the keys of uploads.
const UPLOADS: &str = "uploads";

/// The first part of the keys of extracts.
const EXTRACTS: &str = "extracts";

/// The object store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects {
    storage: Arc<Storage>,
}

impl Objects {
    /// Opens a storage. A folder is made where it is missing; a bucket is not asked for anything yet. Objects that a
    /// restore reads from a bucket pass through files without a name in `scratch_dir`.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where the folder cannot be made or read, or settings do not fit the bucket.
    pub fn open(settings: &StorageSettings, scratch_dir: &Path) -> Result<Self, JobsError> {
        let io = IoRuntime::start().map_err(|error| JobsError::storage("starting a thread", error))?;
        let finish_max = settings.finish_max;
        let (store, patient_store, place) = match &settings.url {
            StorageUrl::Folder(folder) => {
                let (store, place) = open_folder(folder)?;
                (Arc::clone(&store), store, place)
            }
            StorageUrl::Bucket(url) => {
                tracing::info!(bucket = %url, "archives lie in a bucket");
                let open = |silence_max| {
                    bucket::open(url, settings, silence_max)
                        .map_err(|error| fault::of_store("reading the settings of the bucket", error))
                };
                (open(settings.silence_max)?, open(finish_max)?, Place::Bucket)
            }
        };
        let scratch_dir = scratch_dir.to_owned();
        Ok(Self { storage: Arc::new(Storage { store, patient_store, finish_max, place, scratch_dir, io }) })
    }

    /// The key of an upload.
    #[must_use]
    pub fn upload_key(tenant: &TenantId, upload_id: &str) -> String {
        format!("{UPLOADS}/{tenant}/{upload_id}.zip")
    }

    /// The key of what a run of an extract writes. Each claim of the run has its own, so that a worker who lost the run
    /// touches nothing of who has it now.
    #[must_use]
    pub fn extract_key(tenant: &TenantId, run_id: &str, fence: i64) -> String {
        format!("{EXTRACTS}/{tenant}/{run_id}-{fence}.zip")
    }

    /// The folder in which a tenant's uploads lie; none where they lie in a bucket.
    #[must_use]
    pub fn upload_dir(&self, tenant: &TenantId) -> Option<PathBuf> {
        self.folder().map(|root| root.join(UPLOADS).join(tenant.as_str()))
    }

    /// Whether the storage can be used. Blocks, a bucket for 4 seconds at most.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where it cannot.
    pub fn ping(&self) -> Result<(), JobsError> {
        match self.folder() {
            Some(root) => std::fs::read_dir(root)
                .map(|_| ())
                .map_err(|error| JobsError::storage("looking into the folder", error)),
            None => {
                let looked = self.storage.begin_within(PING_MAX, "looking into the bucket", self.marker());
                block_on(joined("looking into the bucket", looked)).map(|_| ())
            }
        }
    }

    /// Starts an object of at most `bytes_max` bytes. Nothing is visible before [`ObjectWriter::finish`];
    /// dropping the writer removes what was written.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where the object cannot be started.
    pub async fn put(&self, key: &str, bytes_max: u64) -> Result<ObjectWriter, JobsError> {
        ObjectWriter::begin(Arc::clone(&self.storage), object_key(key)?, bytes_max).await
    }

    /// Starts an object for a thread that may wait: of any size in a folder, of about 80 GB at most in a bucket. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where the object cannot be started.
    pub fn writer(&self, key: &str) -> Result<BlockingWriter, JobsError> {
        let bytes_max = if self.is_bucket() { writer::BUCKET_OBJECT_BYTES_MAX } else { u64::MAX };
        block_on(self.put(key, bytes_max)).map(BlockingWriter::new)
    }

    /// Opens an object for reading here and there. Blocks.
    ///
    /// # Errors
    /// [`JobsError::NotFound`] where there is none under that key, else [`JobsError::Storage`].
    pub fn open_read(&self, key: &str) -> Result<ObjectReader, JobsError> {
        if self.folder().is_some() {
            return self.open_file(key).map(ObjectReader::of_file);
        }
        let (store, location) = (Arc::clone(&self.storage.store), object_key(key)?);
        let doing = "opening an object";
        let head = self.storage.begin_object_call(doing, key, async move { store.head(&location).await });
        let found = block_on(joined(doing, head))?;
        Ok(ObjectReader::of_object(Arc::clone(&self.storage), key, found))
    }

    /// Opens an object as a file of this machine, for reading it whole: from a bucket it is copied into a file without
    /// a name first. Blocks for as long as that takes, but not past a wish to stop.
    ///
    /// # Errors
    /// [`JobsError::NotFound`] where there is none under that key; [`JobsError::Storage`], also where it was asked to
    /// stop meanwhile.
    pub fn open_local(&self, key: &str, cancellation: &Cancellation) -> Result<File, JobsError> {
        if self.folder().is_some() {
            return self.open_file(key);
        }
        let wanted = Wanted { key: key.to_owned(), range: None, etag: None };
        let asked = stream::of_object(&self.storage, wanted);
        spool::spool(asked, &self.storage.scratch_dir, cancellation)
    }

    /// The bytes `range` of an object, which must be there; read as fast as they are taken.
    ///
    /// # Errors
    /// [`JobsError::NotFound`] where there is none under that key, else [`JobsError::Storage`]; the latter also in the
    /// midst of the bytes.
    pub async fn read(&self, key: &str, range: Range<u64>) -> Result<ByteStream, JobsError> {
        if range.is_empty() {
            return Ok(Box::pin(futures_util::stream::empty()));
        }
        if self.folder().is_none() {
            let wanted = Wanted { key: key.to_owned(), range: Some(range), etag: None };
            return stream::of_object(&self.storage, wanted).await;
        }
        let (objects, key, handle) = (self.clone(), key.to_owned(), self.storage.io.handle().clone());
        let opened = self
            .storage
            .io
            .handle()
            .spawn_blocking(move || stream::of_file(objects.open_file(&key)?, range, handle));
        opened.await.map_err(|error| JobsError::storage("opening an object", error))?
    }

    /// Waits on a plain thread for something that needs the storage's runtime, such as its clock.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.storage.io.handle().block_on(future)
    }

    /// Removes an object; one that is not there is fine. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where it cannot be removed.
    pub fn delete(&self, key: &str) -> Result<(), JobsError> {
        if self.folder().is_some() {
            return folder::remove(&self.file(key)?);
        }
        let (store, location) = (Arc::clone(&self.storage.store), object_key(key)?);
        block_on(self.storage.call("removing an object", async move {
            match store.delete(&location).await {
                Err(error) if fault::is_not_found(&error) => Ok(()),
                deleted => deleted,
            }
        }))
    }

    /// Removes an object of which nobody knows yet: a file at once, an object of a bucket soon, without waiting for
    /// it. What is left over is found as belonging to nothing later.
    pub(crate) fn discard(&self, key: &str) {
        let key = key.to_owned();
        let objects = self.clone();
        let discard = move || {
            if let Err(error) = objects.delete(&key) {
                tracing::warn!(key, error = error.chain(), "could not remove an object that is not needed");
            }
        };
        if self.folder().is_some() {
            discard();
        } else {
            self.storage.io.handle().spawn_blocking(discard);
        }
    }

    /// Whether the objects lie in a bucket.
    pub(crate) fn is_bucket(&self) -> bool {
        self.storage.is_bucket()
    }

    /// Takes the folder for this process; nothing of a bucket, which has no locks.
    pub(crate) fn lock(&self) -> Result<Option<DataLock>, JobsError> {
        self.folder().map(DataLock::take_storage).transpose()
    }

    /// Takes the folder together with other processes; nothing of a bucket.
    pub(crate) fn lock_shared(&self) -> Result<Option<DataLock>, JobsError> {
        self.folder().map(DataLock::share_storage).transpose()
    }

    /// The objects, and in a folder the unfinished files, by their places below the storage's root; with `before` those
    /// alone that nobody wrote to since. They are listed as they are asked for. What cannot be listed is told; in a
    /// bucket nothing of its kind comes after that. Blocks.
    pub(crate) fn list_changed_before(
        &self,
        before: Option<SystemTime>,
    ) -> impl Iterator<Item = Result<PathBuf, JobsError>> {
        [UPLOADS, EXTRACTS].into_iter().flat_map(move |kind| self.list_kind(kind, before))
    }

    fn list_kind(
        &self,
        kind: &str,
        before: Option<SystemTime>,
    ) -> Box<dyn Iterator<Item = Result<PathBuf, JobsError>>> {
        let Some(root) = self.folder().map(Path::to_owned) else {
            return Box::new(listing::of_bucket(&self.storage, kind, before));
        };
        let files = folder::list(&root.join(kind), before);
        Box::new(files.map(move |file| {
            let file = file?;
            Ok(file.strip_prefix(&root).map(Path::to_owned).unwrap_or(file))
        }))
    }

    /// Removes what was listed at a place; what is not there any more is fine. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where it cannot be removed.
    pub(crate) fn remove(&self, place: &Path) -> Result<(), JobsError> {
        match self.folder() {
            Some(root) => folder::remove(&root.join(place)),
            None => self.delete(place.to_str().unwrap_or_default()),
        }
    }

    fn folder(&self) -> Option<&Path> {
        match &self.storage.place {
            Place::Folder(root) => Some(root),
            Place::Bucket => None,
        }
    }

    fn open_file(&self, key: &str) -> Result<File, JobsError> {
        File::open(self.file(key)?).map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(key),
            _ => JobsError::storage("opening an object", error),
        })
    }

    /// The file of an object in a folder.
    fn file(&self, key: &str) -> Result<PathBuf, JobsError> {
        let root = self.folder().unwrap_or_else(|| Path::new(""));
        Ok(root.join(object_key(key)?.as_ref()))
    }
}

fn object_key(key: &str) -> Result<Key, JobsError> {
    Key::parse(key).map_err(|error| JobsError::storage("reading an object's key", error))
}

fn missing(key: &str) -> JobsError {
    JobsError::NotFound { message: format!("the archive '{key}' is no longer there") }
}
