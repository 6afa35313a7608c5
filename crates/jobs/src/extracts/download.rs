//! Handing archives and their entries out.

use std::io::{Read, Seek};
use std::ops::{ControlFlow, Range};

use bytes::Bytes;
use futures_util::stream;
use reinstate_archive::{Archive, Limits};
use reinstate_describe::value::timestamp;
use reinstate_describe::{AccessLevel, Caller};
use reinstate_store::TenantId;
use reinstate_store::control::{ExtractRunRecord, RunStatus};
use tokio::sync::mpsc;

use crate::error::JobsError;
use crate::jobs::Jobs;
use crate::objects::{ByteStream, Objects};

/// Pieces of an entry that wait for a slow reader.
const PIECES_WAITING: usize = 4;

/// Characters of an instant that name its day.
const DAY_CHARS: usize = 10;

/// The content type of a whole archive.
const ZIP: &str = "application/zip";

/// A file that may be handed out: an archive, or one of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractFile {
    /// What the file should be called; only plain characters of ASCII.
    pub filename: String,
    /// Its media type.
    pub content_type: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Lower-case SHA-256 of the whole file.
    pub checksum: String,
    /// An entity tag, quotes included: the file never changes.
    pub etag: String,
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
        let checksum = run.archive_checksum.clone().unwrap_or_default();
        Ok(ExtractFile {
            filename: archive_filename(&run),
            content_type: ZIP.to_owned(),
            size_bytes: run
                .archive_size_bytes
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or_default(),
            etag: format!("\"{checksum}\""),
            checksum,
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

    /// The bytes of a part of a file. Nothing is held in memory but what is on its way; dropping the stream ends it.
    ///
    /// # Errors
    /// [`JobsError::Gone`] where the file was removed meanwhile, [`JobsError::Storage`]; later failures are items of
    /// the stream.
    pub async fn extract_bytes(
        &self,
        file: &ExtractFile,
        range: Range<u64>,
    ) -> Result<ByteStream, JobsError> {
        let objects = self.objects().clone();
        match &file.entry {
            None => objects.read(&file.object_key, range).await.map_err(removed),
            Some(entry) => Ok(entry_bytes(objects, file.object_key.clone(), entry.clone(), range)),
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
        if run.is_restricted && !caller.ignores_record_lists() && caller.user_id != run.executed_by {
            let message = "The archive holds records with access lists: only who ran the extract may have it; \
                           run it yourself";
            return Err(JobsError::Forbidden { message: message.to_owned() });
        }
        Ok(object_key)
    }
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

/// Words of letters and digits of ASCII, with dots inside; everything between them becomes one dash.
fn plain_name(name: &str) -> String {
    let words = name.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
    let words = words.map(|word| word.trim_matches('.')).filter(|word| !word.is_empty());
    let plain = words.collect::<Vec<_>>().join("-");
    if plain.is_empty() { "extract".to_owned() } else { plain }
}

/// Unpacks an entry on a blocking thread, as fast as the reader takes it.
fn entry_bytes(objects: Objects, key: String, entry: String, range: Range<u64>) -> ByteStream {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    tokio::task::spawn_blocking(move || {
        let unpacked = objects.open_read(&key).and_then(|object| unpack(object, &entry, range, &sender));
        if let Err(error) = unpacked {
            // A reader that went away needs no error.
            let _ = sender.blocking_send(Err(removed(error)));
        }
    });
    Box::pin(stream::unfold(receiver, |mut receiver| async move { Some((receiver.recv().await?, receiver)) }))
}

fn unpack(
    object: impl Read + Seek,
    entry: &str,
    range: Range<u64>,
    sender: &mpsc::Sender<Result<Bytes, JobsError>>,
) -> Result<(), JobsError> {
    let failed = |error| JobsError::storage("reading an entry of an archive", error);
    let mut archive = Archive::open(object, Limits::none()).map_err(failed)?;
    let mut position = 0_u64;
    let taken = archive.read_entry(entry, |piece| {
        let piece_start = position;
        position = position.saturating_add(piece.len() as u64);
        let part = part_of(piece, piece_start, &range);
        let is_taken = part.is_empty() || sender.blocking_send(Ok(Bytes::copy_from_slice(part))).is_ok();
        if is_taken && position < range.end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    taken.map_err(failed)
}

/// The bytes of a piece, which starts at `start` of its file, that lie in a range of the file.
fn part_of<'a>(piece: &'a [u8], start: u64, range: &Range<u64>) -> &'a [u8] {
    let within =
        |place: u64| usize::try_from(place.saturating_sub(start)).unwrap_or(usize::MAX).min(piece.len());
    piece.get(within(range.start)..within(range.end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_could_mislead_a_file_system() {
        assert_eq!(plain_name("My Dev Data"), "My-Dev-Data");
        assert_eq!(plain_name("../../etc/pass\"wd\r\n"), "etc-pass-wd");
        assert_eq!(plain_name("名前"), "extract");
    }

    #[test]
    fn a_part_of_a_file_is_cut_out_of_its_pieces() {
        assert_eq!(part_of(b"abcdef", 10, &(0..100)), b"abcdef");
        assert_eq!(part_of(b"abcdef", 10, &(12..14)), b"cd");
        assert_eq!(part_of(b"abcdef", 10, &(16..20)), b"");
        assert_eq!(part_of(b"abcdef", 10, &(0..10)), b"");
    }
}
