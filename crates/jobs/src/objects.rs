//! Where archives lie: an object store in a local folder.
//!
//! Keys are `uploads/TENANT/UPLOAD_ID.zip`. An object becomes visible under its key at once and whole.

use std::fs::File;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use reinstate_store::TenantId;

use crate::data_lock::DataLock;
use crate::error::JobsError;

/// The object store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<LocalFileSystem>,
    root: PathBuf,
}

impl Objects {
    /// Opens the folder `root`, making it where it is missing.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where it cannot be made or read.
    pub fn open(root: &FilePath) -> Result<Self, JobsError> {
        let failed = |error: std::io::Error| JobsError::storage("opening the folder", error);
        std::fs::create_dir_all(root).map_err(failed)?;
        let root = root.canonicalize().map_err(failed)?;
        let store = LocalFileSystem::new_with_prefix(&root)
            .map_err(|error| JobsError::storage("opening the folder", error))?;
        Ok(Self { store: Arc::new(store.with_fsync(true)), root })
    }

    /// The key of an upload.
    #[must_use]
    pub fn upload_key(tenant: &TenantId, upload_id: &str) -> String {
        format!("{UPLOADS}/{tenant}/{upload_id}.zip")
    }

    /// The folder in which a tenant's uploads lie.
    #[must_use]
    pub fn upload_dir(&self, tenant: &TenantId) -> PathBuf {
        self.root.join(UPLOADS).join(tenant.as_str())
    }

    /// Whether the storage can be used.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where it cannot.
    pub fn ping(&self) -> Result<(), JobsError> {
        std::fs::read_dir(&self.root)
            .map(|_| ())
            .map_err(|error| JobsError::storage("looking into the folder", error))
    }

    /// Takes the folder for this process.
    pub(crate) fn lock(&self) -> Result<DataLock, JobsError> {
        DataLock::take_storage(&self.root)
    }

    /// Takes the folder together with other processes.
    pub(crate) fn lock_shared(&self) -> Result<DataLock, JobsError> {
        DataLock::share_storage(&self.root)
    }

    /// Starts an object of at most `bytes_max` bytes. Nothing is visible before [`ObjectWriter::finish`];
    /// dropping the writer removes what was written.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where the object cannot be started.
    pub async fn put(&self, key: &str, bytes_max: u64) -> Result<ObjectWriter, JobsError> {
        let upload = self
            .store
            .put_multipart(&path(key)?)
            .await
            .map_err(|error| JobsError::storage("starting an object", error))?;
        Ok(ObjectWriter { upload, part: Vec::new(), bytes_written: 0, bytes_max })
    }

    /// Opens an object for reading. Blocks.
    ///
    /// # Errors
    /// [`JobsError::NotFound`] where there is none under that key, else [`JobsError::Storage`].
    pub fn open_read(&self, key: &str) -> Result<File, JobsError> {
        File::open(self.file(key)?).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                JobsError::NotFound { message: format!("the archive '{key}' is no longer there") }
            }
            _ => JobsError::storage("opening an object", error),
        })
    }

    /// Removes an object; one that is not there is fine. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where it cannot be removed.
    pub fn delete(&self, key: &str) -> Result<(), JobsError> {
        remove(&self.file(key)?)
    }

    /// The files of the uploads, unfinished ones included; with `before` those alone that nobody wrote to since.
    /// Blocks.
    pub(crate) fn list_changed_before(&self, before: Option<SystemTime>) -> Result<Vec<PathBuf>, JobsError> {
        let mut found = Vec::new();
        for tenant in children(&self.root.join(UPLOADS))? {
            for file in children(&tenant)? {
                if is_file_before(&file, before)? {
                    found.push(file);
                }
            }
        }
        Ok(found)
    }

    /// Removes those of the files that `is_kept` does not know by their keys, and says how many. Blocks.
    pub(crate) fn remove_all_but(
        &self,
        files: Vec<PathBuf>,
        is_kept: impl Fn(&str) -> bool,
    ) -> Result<usize, JobsError> {
        let mut removed = 0;
        for file in files {
            let key = file.strip_prefix(&self.root).ok().and_then(FilePath::to_str);
            if !key.is_some_and(&is_kept) {
                remove(&file)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn file(&self, key: &str) -> Result<PathBuf, JobsError> {
        self.store
            .path_to_filesystem(&path(key)?)
            .map_err(|error| JobsError::storage("finding an object", error))
    }
}

/// The first part of the keys of uploads.
const UPLOADS: &str = "uploads";

/// Bytes that are gathered before they are handed to the storage: few calls, and little memory an upload.
const PART_BYTES: usize = 1 << 20;

fn path(key: &str) -> Result<Path, JobsError> {
    Path::parse(key).map_err(|error| JobsError::storage("reading an object's key", error))
}

fn remove(file: &FilePath) -> Result<(), JobsError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(JobsError::storage("removing an object", error))
        }
        _ => Ok(()),
    }
}

/// Whether a path is a file that nobody wrote to since an instant. What is no file was not put here by us, and what is
/// gone by now somebody else removed.
fn is_file_before(path: &FilePath, before: Option<SystemTime>) -> Result<bool, JobsError> {
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
fn children(dir: &FilePath) -> Result<Vec<PathBuf>, JobsError> {
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

/// An object on its way in.
#[derive(Debug)]
pub struct ObjectWriter {
    upload: Box<dyn MultipartUpload>,
    part: Vec<u8>,
    bytes_written: u64,
    bytes_max: u64,
}

impl ObjectWriter {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`JobsError::TooLarge`] as soon as the limit is passed; [`JobsError::Storage`]. Either way the object
    /// will not be: drop the writer.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), JobsError> {
        self.bytes_written = self.bytes_written.saturating_add(bytes.len() as u64);
        if self.bytes_written > self.bytes_max {
            return Err(JobsError::TooLarge { bytes_max: self.bytes_max });
        }
        self.part.extend_from_slice(&bytes);
        if self.part.len() >= PART_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Makes the object visible and says how many bytes it has.
    ///
    /// # Errors
    /// [`JobsError::Storage`]; then there is no object.
    pub async fn finish(mut self) -> Result<u64, JobsError> {
        self.flush().await?;
        self.upload.complete().await.map_err(|error| JobsError::storage("finishing an object", error))?;
        Ok(self.bytes_written)
    }

    async fn flush(&mut self) -> Result<(), JobsError> {
        if self.part.is_empty() {
            return Ok(());
        }
        let part = PutPayload::from(std::mem::take(&mut self.part));
        self.upload.put_part(part).await.map_err(|error| JobsError::storage("writing an object", error))
    }
}
