//! Taking an upload in: streamed to storage, looked at, then kept or removed.

use bytes::Bytes;
use reinstate_archive::{ArchiveError, ErrorKind, check_upload};
use reinstate_describe::{AccessLevel, Caller};
use reinstate_store::control::NewUpload;
use reinstate_store::{StoreError, TenantId};

use crate::error::{JobsError, StorageFault};
use crate::ids::prefixed;
use crate::jobs::Jobs;
use crate::objects::{ObjectWriter, Objects, kind_within};

/// Longest file name that is kept, in characters: with `Import ` before it, it still fits a restore's name.
const FILENAME_CHARS_MAX: usize = 200;

/// What a file is called whose sender did not say.
const FILENAME_DEFAULT: &str = "archive.zip";

/// An upload on its way in. Dropping it removes what was written.
#[derive(Debug)]
pub struct UploadWriter {
    jobs: Jobs,
    tenant: TenantId,
    upload: NewUpload,
    writer: ObjectWriter,
}

/// An upload that is whole and looks like an archive. Dropping it removes it.
#[derive(Debug)]
pub struct CheckedUpload {
    jobs: Jobs,
    tenant: TenantId,
    upload: NewUpload,
    kept: bool,
}

/// An upload that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUpload {
    /// `upload_…`
    pub id: String,
    /// What a restore configuration names it by.
    pub source_ref: String,
    /// The file's name as the client gave it, without folders.
    pub filename: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When it was kept, in microseconds.
    pub created_at: i64,
}

impl Jobs {
    /// Starts to take an upload in.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] below level `edit`; [`JobsError::Storage`].
    pub async fn upload_begin(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        filename: Option<&str>,
    ) -> Result<UploadWriter, JobsError> {
        if caller.level < AccessLevel::Edit {
            return Err(JobsError::Forbidden {
                message: "Uploading an archive needs access level 'edit'".to_owned(),
            });
        }
        let id = prefixed("upload", self.ids());
        let upload = NewUpload {
            object_key: Objects::upload_key(tenant, &id),
            filename: plain_filename(filename.unwrap_or_default()),
            size_bytes: 0,
            created_by: caller.user_id.clone(),
            id,
        };
        let writer = self.objects().put(&upload.object_key, self.settings().upload_bytes_max).await?;
        Ok(UploadWriter { jobs: self.clone(), tenant: tenant.clone(), upload, writer })
    }

    /// Keeps a checked upload, so that restore configurations can name it. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Store`]; then the upload is removed.
    pub fn upload_keep(&self, upload: CheckedUpload) -> Result<StoredUpload, JobsError> {
        let now = self.now();
        if let Err(error) = self.store().control.upload_create(&upload.tenant, &upload.upload, now) {
            return Err(upload.without_row(error));
        }
        let stored = StoredUpload {
            id: upload.upload.id.clone(),
            source_ref: upload.upload.object_key.clone(),
            filename: upload.upload.filename.clone(),
            size_bytes: upload.upload.size_bytes,
            created_at: now,
        };
        upload.into_kept();
        Ok(stored)
    }
}

impl UploadWriter {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`JobsError::TooLarge`] as soon as the limit is passed; [`JobsError::Storage`]. Drop the upload then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), JobsError> {
        self.writer.write(bytes).await
    }

    /// Ends the upload and looks whether it is an archive.
    ///
    /// # Errors
    /// [`JobsError::ArchiveRefused`] where it is none, [`JobsError::Storage`]. Nothing is kept then.
    pub async fn finish(self) -> Result<CheckedUpload, JobsError> {
        let Self { jobs, tenant, mut upload, writer } = self;
        upload.size_bytes = writer.finish().await?;
        // From here on the object is there; dropping `checked` removes it.
        let checked = CheckedUpload { jobs, tenant, upload, kept: false };
        tokio::task::spawn_blocking(move || checked.check())
            .await
            .map_err(|error| JobsError::storage("checking an upload", error))?
    }
}

impl CheckedUpload {
    /// The file's name as the client gave it, without folders.
    #[must_use]
    pub fn filename(&self) -> &str {
        &self.upload.filename
    }

    /// Size in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.upload.size_bytes
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    pub(crate) fn upload(&self) -> &NewUpload {
        &self.upload
    }

    /// The upload has its row now: the object stays.
    pub(crate) fn into_kept(mut self) {
        self.kept = true;
    }

    /// The row could not be written. Where the answer of a server was lost it may be there nevertheless: the object
    /// stays then, and is removed with other files that belong to no upload if it is one.
    pub(crate) fn without_row(self, error: StoreError) -> JobsError {
        if self.jobs.is_shared() && matches!(error, StoreError::Unavailable { .. }) {
            self.into_kept();
        }
        error.into()
    }

    fn check(self) -> Result<Self, JobsError> {
        let file = self.jobs.objects().open_read(&self.upload.object_key)?;
        check_upload(file, &self.jobs.settings().limits).map_err(refused)?;
        Ok(self)
    }
}

impl Drop for CheckedUpload {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        self.jobs.objects().discard(&self.upload.object_key);
    }
}

fn refused(error: ArchiveError) -> JobsError {
    if error.kind() == ErrorKind::Io {
        let kind = kind_within(&error).unwrap_or(StorageFault::Failed);
        JobsError::Storage { kind, doing: "checking an upload", source: Box::new(error) }
    } else {
        JobsError::ArchiveRefused(Box::new(error))
    }
}

/// The last part of a path of any system, without control characters, cut to what is kept.
fn plain_filename(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).take(FILENAME_CHARS_MAX).collect();
    let name = name.trim();
    if name.is_empty() { FILENAME_DEFAULT.to_owned() } else { name.to_owned() }
}
