//! Handing archives and their entries out.

use std::ops::{ControlFlow, Range};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reinstate_archive::{Archive, ArchiveError, Limits};
use reinstate_describe::value::timestamp;
use reinstate_describe::{AccessLevel, Caller};
use reinstate_store::TenantId;
use reinstate_store::control::{ExtractRunRecord, RunStatus};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;

use crate::error::JobsError;
use crate::jobs::Jobs;
use crate::objects::{ByteStream, Objects};
use crate::restores::caller_from_json;

/// Pieces of an entry that wait for a slow reader.
const PIECES_WAITING: usize = 4;

/// How long an entry's thread waits for a reader who takes nothing.
const READER_WAIT: Duration = Duration::from_secs(60);

/// Characters of an instant that name its day.
const DAY_CHARS: usize = 10;

/// Characters of a configuration's name that the file's name shows: of four bytes each they leave room for the rest
/// within the 255 bytes of most file systems.
const NAME_CHARS_MAX: usize = 48;

/// The content type of a whole archive.
const ZIP: &str = "application/zip";

/// A file that may be handed out: an archive, or one of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractFile {
    /// What the file should be called: letters, digits, dots, dashes and underscores.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Lower-case SHA-256 of the whole file.
    pub checksum: String,
    /// An entity tag, quotes included: the file never changes.
    pub etag: String,
    /// Whether parts of it can be had. An entry is unpacked from its beginning, whichever part is asked for.
    pub has_parts: bool,
    object_key: String,
    /// The entry of the object, where it is not the object itself.
    entry: Option<String>,
}

impl Jobs {
    /// The archive of a completed run. Blocks.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](reinstate_store::StoreError::NotFound); [`JobsError::Conflict`] where the run is not
    /// completed; [`JobsError::Gone`] where its archive was removed; [`JobsError::Forbidden`] where it holds records
    /// with access lists and somebody else ran it.
    pub fn extract_download(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        run_id: &str,
    ) -> Result<ExtractFile, JobsError> {
        allow_reading(caller)?;
        let run = self.store().control.extract_run_get(tenant, run_id)?;
        let object_key = self.kept_object(caller, &run)?;
        let size_bytes = run.archive_size_bytes.and_then(|bytes| u64::try_from(bytes).ok());
        // Written in one statement with the object's key.
        let (Some(checksum), Some(size_bytes)) = (run.archive_checksum.clone(), size_bytes) else {
            return Err(gone(&run.id));
        };
        Ok(ExtractFile {
            filename: archive_filename(&run),
            content_type: ZIP.to_owned(),
            size_bytes,
            etag: format!("\"{checksum}\""),
            checksum,
            has_parts: true,
            object_key,
            entry: None,
        })
    }

    /// One entry of the archive of a completed run. Blocks.
    ///
    /// # Errors
    /// As [`Jobs::extract_download`].
    pub fn artifact_download(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        artifact_id: &str,
    ) -> Result<ExtractFile, JobsError> {
        allow_reading(caller)?;
        let artifact = self.store().control.extract_artifact_get(tenant, artifact_id)?;
        let run = self.store().control.extract_run_get(tenant, &artifact.run_id)?;
        let object_key = self.kept_object(caller, &run)?;
        Ok(ExtractFile {
            filename: artifact.artifact_name.clone(),
            content_type: artifact.content_type,
            size_bytes: u64::try_from(artifact.size_bytes).unwrap_or_default(),
            etag: format!("\"{}\"", artifact.checksum),
            checksum: artifact.checksum,
            has_parts: false,
            object_key,
            entry: Some(artifact.artifact_name),
        })
    }

    /// Notes that an entry was handed out. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Store`].
    pub fn artifact_count_download(&self, tenant: &TenantId, artifact_id: &str) -> Result<(), JobsError> {
        Ok(self.store().control.extract_artifact_count_download(tenant, artifact_id)?)
    }

    /// The bytes of a part of a file; of a file without parts, all of them. Nothing is held in memory but what is on its
    /// way; dropping the stream ends it, and so does a reader who takes nothing for a minute from an entry.
    ///
    /// # Errors
    /// [`JobsError::Gone`] where the file was removed meanwhile, [`JobsError::Busy`] where as many entries as may be
    /// are on their way, [`JobsError::Storage`]; later failures are items of the stream.
    pub async fn extract_bytes(
        &self,
        file: &ExtractFile,
        range: Range<u64>,
    ) -> Result<ByteStream, JobsError> {
        let objects = self.objects().clone();
        match &file.entry {
            None => objects.read(&file.object_key, range).await.map_err(removed),
            Some(entry) => {
                let permit = self.entry_downloads().try_acquire_owned().map_err(|_| JobsError::Busy {
                    message: "Too many entries are being downloaded; try again in a moment".to_owned(),
                })?;
                entry_bytes(objects, permit, file.object_key.clone(), entry.clone()).await
            }
        }
    }

    /// The key of a run's archive, where it is there and the caller may have it.
    fn kept_object(&self, caller: &Caller, run: &ExtractRunRecord) -> Result<String, JobsError> {
        if run.status != RunStatus::Completed {
            let message = format!("Run '{}' has no archive: it is {}", run.id, run.status);
            return Err(JobsError::Conflict { message });
        }
        let expired = run.expires_at.is_none_or(|instant| instant <= self.now());
        let Some(object_key) = run.object_key.clone().filter(|_| !expired) else { return Err(gone(&run.id)) };
        if run.is_restricted && !may_read_what_it_read(caller, run) {
            let message = "The archive holds records with access lists: only who ran the extract may have it, with \
                           the rights of then; run it yourself";
            return Err(JobsError::Forbidden { message: message.to_owned() });
        }
        Ok(object_key)
    }
}

/// Whether a caller reads at least what the caller of a run could read: the same user with no lesser level and all the
/// groups of then, or who is held back by no list.
fn may_read_what_it_read(caller: &Caller, run: &ExtractRunRecord) -> bool {
    caller.ignores_record_lists()
        || caller_from_json(&run.caller).is_some_and(|then| {
            caller.user_id == then.user_id
                && caller.level >= then.level
                && caller.principals.is_superset(&then.principals)
        })
}

fn gone(run_id: &str) -> JobsError {
    JobsError::Gone { message: format!("The archive of run '{run_id}' has expired; run the extract again") }
}

/// An object that somebody removed between the look at its row and now.
fn removed(error: JobsError) -> JobsError {
    match error {
        JobsError::NotFound { .. } => {
            JobsError::Gone { message: "The archive has been removed; run the extract again".to_owned() }
        }
        error => error,
    }
}

fn allow_reading(caller: &Caller) -> Result<(), JobsError> {
    if caller.level >= AccessLevel::Read {
        return Ok(());
    }
    let message = "Downloading an extract needs access level 'read'".to_owned();
    Err(JobsError::Forbidden { message })
}

/// `NAME-YYYY-MM-DD-RUNID.zip`, with what could mislead a file system taken out of the name.
fn archive_filename(run: &ExtractRunRecord) -> String {
    let day: String = timestamp::format(run.created_at).chars().take(DAY_CHARS).collect();
    format!("{}-{day}-{}.zip", plain_name(&run.extract_name), run.id)
}

/// Words of letters and digits, with dots inside; everything between them becomes one dash. Cut so that the whole name
/// fits any file system.
fn plain_name(name: &str) -> String {
    let words = name.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'));
    let words = words.map(|word| word.trim_matches('.')).filter(|word| !word.is_empty());
    let plain: String = words.collect::<Vec<_>>().join("-").chars().take(NAME_CHARS_MAX).collect();
    if plain.is_empty() { "extract".to_owned() } else { plain }
}

/// Unpacks an entry on a thread of its own, as fast as the reader takes it. The answer waits until the entry was found.
async fn entry_bytes(
    objects: Objects,
    permit: OwnedSemaphorePermit,
    key: String,
    entry: String,
) -> Result<ByteStream, JobsError> {
    let (found, is_found) = oneshot::channel();
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let reading = move || {
        let _permit = permit;
        unpack(&objects, &key, &entry, found, &sender);
    };
    let started = std::thread::Builder::new().name("entry-download".to_owned()).spawn(reading);
    started.map_err(|error| JobsError::storage("starting a thread", error))?;
    is_found.await.map_err(|error| JobsError::storage("opening an archive", error))??;
    Ok(Box::pin(stream::unfold(
        receiver,
        |mut receiver| async move { Some((receiver.recv().await?, receiver)) },
    )))
}

/// Reads an entry to its end, where its checksum is compared: what is wrong with it breaks the download off.
fn unpack(
    objects: &Objects,
    key: &str,
    entry: &str,
    found: oneshot::Sender<Result<(), JobsError>>,
    sender: &mpsc::Sender<Result<Bytes, JobsError>>,
) {
    let failed = |error| JobsError::storage("reading an entry of an archive", error);
    let opened = objects.open_read(key).map_err(removed).and_then(|object| {
        let archive = Archive::open(object, Limits::none()).map_err(failed)?;
        let is_there = archive.entries().iter().any(|there| there.name == entry);
        if is_there {
            Ok(archive)
        } else {
            Err(failed(ArchiveError::NoSuchEntry { entry: entry.to_owned() }))
        }
    });
    let mut archive = match opened {
        Ok(archive) => archive,
        Err(error) => {
            // Nobody waits for it any more where this fails.
            let _ = found.send(Err(error));
            return;
        }
    };
    if found.send(Ok(())).is_err() {
        return;
    }
    let hand_over = |piece| {
        let sent = objects.block_on(async { timeout(READER_WAIT, sender.send(piece)).await });
        sent.is_ok_and(|sent| sent.is_ok())
    };
    let read = archive.read_entry(entry, |piece| {
        if hand_over(Ok(Bytes::copy_from_slice(piece))) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    if let Err(error) = read {
        hand_over(Err(failed(error)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_could_mislead_a_file_system() {
        assert_eq!(plain_name("My Dev Data"), "My-Dev-Data");
        assert_eq!(plain_name("../../etc/pass\"wd\r\n"), "etc-pass-wd");
        assert_eq!(plain_name("名前 1"), "名前-1");
        assert_eq!(plain_name("?/:"), "extract");
        assert_eq!(plain_name(&"é".repeat(255)).len(), 2 * NAME_CHARS_MAX);
    }
}
