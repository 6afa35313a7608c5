//! Objects on their way in: gathered into parts of which one travels while the next is filled.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::task::JoinHandle;

use super::io_runtime::block_on;
use super::storage::{Storage, joined, within};
use crate::error::JobsError;

/// Size of a part in a folder: few calls, and little memory an object.
pub(super) const FOLDER_PART_BYTES: usize = 1 << 20;

/// Size of a part in a bucket: buckets take none below 5 MiB. Larger where an object may be too large for the number of parts.
pub(super) const BUCKET_PART_BYTES: usize = 8 << 20;

/// Parts that a bucket takes at most.
const BUCKET_PARTS_MAX: u64 = 10_000;

/// Size of an object of a bucket of which nobody knows beforehand how large it will be.
pub(super) const BUCKET_OBJECT_BYTES_MAX: u64 = BUCKET_PART_BYTES as u64 * BUCKET_PARTS_MAX;

/// An object on its way in. Nothing is visible before [`ObjectWriter::finish`]; dropping it removes what was written.
#[derive(Debug)]
pub struct ObjectWriter {
    storage: Arc<Storage>,
    key: Key,
    /// None before the first part is full, as far as the storage allows that, and once the object is finished.
    upload: Option<Box<dyn MultipartUpload>>,
    in_flight: Option<JoinHandle<Result<(), JobsError>>>,
    part: Vec<u8>,
    part_bytes: usize,
    bytes_written: u64,
    bytes_max: u64,
}

impl ObjectWriter {
    /// Begins an object. In a folder something is there from now on, so that it fails early; a bucket gets small
    /// objects in one request.
    pub(super) async fn begin(storage: Arc<Storage>, key: Key, bytes_max: u64) -> Result<Self, JobsError> {
        let part_bytes = part_bytes(&storage, bytes_max);
        let mut writer = Self {
            storage,
            key,
            upload: None,
            in_flight: None,
            part: Vec::new(),
            part_bytes,
            bytes_written: 0,
            bytes_max,
        };
        if !writer.storage.is_bucket() {
            writer.upload = Some(writer.start().await?);
        }
        Ok(writer)
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`JobsError::TooLarge`] as soon as the limit is passed; [`JobsError::Storage`]. Either way the object
    /// will not be: drop the writer.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<(), JobsError> {
        self.bytes_written = self.bytes_written.saturating_add(bytes.len() as u64);
        if self.bytes_written > self.bytes_max {
            return Err(JobsError::TooLarge { bytes_max: self.bytes_max });
        }
        // All parts but the last are of one size, which some services insist on.
        loop {
            let rest = self.part_bytes.saturating_sub(self.part.len());
            if bytes.len() < rest {
                self.part.extend_from_slice(&bytes);
                return Ok(());
            }
            self.part.extend_from_slice(&bytes.split_to(rest));
            self.flush().await?;
        }
    }

    /// Makes the object visible and says how many bytes it has.
    ///
    /// # Errors
    /// [`JobsError::Storage`]; then there is no object.
    pub async fn finish(mut self) -> Result<u64, JobsError> {
        if self.upload.is_none() && self.in_flight.is_none() {
            self.put_whole().await?;
            return Ok(self.bytes_written);
        }
        if !self.part.is_empty() {
            self.flush().await?;
        }
        self.landed().await?;
        if let Some(upload) = self.upload.take() {
            self.complete(upload).await?;
        }
        Ok(self.bytes_written)
    }

    /// Has the storage put the parts together. Where it does not, they are taken back.
    async fn complete(&self, mut upload: Box<dyn MultipartUpload>) -> Result<(), JobsError> {
        let (doing, storage) = ("finishing an object", Arc::clone(&self.storage));
        let completed = self.storage.io.handle().spawn(async move {
            let completed = within(storage.finish_max, doing, upload.complete()).await;
            if completed.is_err() {
                take_back(storage, None, upload);
            }
            completed.map(drop)
        });
        joined(doing, completed).await
    }

    async fn start(&self) -> Result<Box<dyn MultipartUpload>, JobsError> {
        // All requests about the upload go through the client that began it, its end as well.
        let (store, key) = (Arc::clone(&self.storage.patient_store), self.key.clone());
        self.storage.call("starting an object", async move { store.put_multipart(&key).await }).await
    }

    async fn put_whole(&mut self) -> Result<(), JobsError> {
        let (store, key) = (Arc::clone(&self.storage.store), self.key.clone());
        let payload = PutPayload::from(std::mem::take(&mut self.part));
        self.storage.call("writing an object", async move { store.put(&key, payload).await }).await?;
        Ok(())
    }

    /// Sends the part that was gathered once the one before has landed.
    async fn flush(&mut self) -> Result<(), JobsError> {
        self.landed().await?;
        let mut upload = match self.upload.take() {
            Some(upload) => upload,
            None => self.start().await?,
        };
        let sent = upload.put_part(PutPayload::from(std::mem::take(&mut self.part)));
        self.upload = Some(upload);
        self.in_flight = Some(self.storage.begin_call("writing an object", sent));
        Ok(())
    }

    /// Waits until the part that travels has landed.
    async fn landed(&mut self) -> Result<(), JobsError> {
        match self.in_flight.take() {
            None => Ok(()),
            Some(part) => part.await.map_err(|error| JobsError::storage("writing an object", error))?,
        }
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        if let Some(part) = &self.in_flight {
            part.abort();
        }
        if let Some(upload) = self.upload.take() {
            take_back(Arc::clone(&self.storage), self.in_flight.take(), upload);
        }
    }
}

/// Removes the parts of an object that will not be, once the one that travels is through. Nobody waits for it: where the
/// process ends first, the bucket's own rules remove them.
fn take_back(
    storage: Arc<Storage>,
    in_flight: Option<JoinHandle<Result<(), JobsError>>>,
    mut upload: Box<dyn MultipartUpload>,
) {
    if !storage.is_bucket() {
        // Removes its file by itself.
        return;
    }
    storage.io.handle().clone().spawn(async move {
        if let Some(part) = in_flight {
            let _ = part.await;
        }
        let aborted = storage.call("taking an object back", async move { upload.abort().await }).await;
        if let Err(error) = aborted {
            tracing::warn!(error = error.chain(), "the parts of an unfinished object stay in the bucket");
        }
    });
}

/// The size of parts with which an object of so many bytes can be written.
fn part_bytes(storage: &Storage, bytes_max: u64) -> usize {
    if !storage.is_bucket() {
        return FOLDER_PART_BYTES;
    }
    usize::try_from(bytes_max.div_ceil(BUCKET_PARTS_MAX)).unwrap_or(usize::MAX).max(BUCKET_PART_BYTES)
}

/// An object on its way in from a thread that may wait. Dropping it removes what was written.
#[derive(Debug)]
pub struct BlockingWriter(ObjectWriter);

impl BlockingWriter {
    pub(super) fn new(writer: ObjectWriter) -> Self {
        Self(writer)
    }

    /// Makes the object visible and says how many bytes it has.
    ///
    /// # Errors
    /// [`JobsError::Storage`]; then there is no object.
    pub fn finish(self) -> Result<u64, JobsError> {
        block_on(self.0.finish())
    }
}

impl io::Write for BlockingWriter {
    /// Takes all of it. An error holds the [`JobsError`].
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        block_on(self.0.write(Bytes::copy_from_slice(bytes))).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    /// Does nothing: parts are sent when they are full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
