//! Objects on their way out, a piece at a time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::download::{DOING, Download, Wanted};
use super::storage::{Storage, joined};
use crate::error::JobsError;

/// Bytes of an object, in order, a piece at a time. After an error nothing more comes.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, JobsError>> + Send>>;

/// Size of a piece that is read from a file.
const FILE_PIECE_BYTES: usize = 256 << 10;

/// Pieces from a bucket that wait for a reader who is slower; each is as large as what came over the wire at once.
const PIECES_MAX: usize = 16;

/// The bytes of a file from `start` on, `left` of them.
struct FilePieces {
    file: File,
    left: u64,
    handle: Handle,
}

/// Reads a range of a file, each piece when it is asked for.
pub(super) fn of_file(mut file: File, range: Range<u64>, handle: Handle) -> Result<ByteStream, JobsError> {
    file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
    let pieces = FilePieces { file, left: range.end.saturating_sub(range.start), handle };
    Ok(Box::pin(stream::try_unfold(pieces, next_of_file)))
}

async fn next_of_file(pieces: FilePieces) -> Result<Option<(Bytes, FilePieces)>, JobsError> {
    let FilePieces { mut file, left, handle } = pieces;
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(FILE_PIECE_BYTES);
    if length == 0 {
        return Ok(None);
    }
    let read = handle.spawn_blocking(move || {
        let mut piece = vec![0; length];
        file.read_exact(&mut piece).map(|()| (piece, file))
    });
    let (piece, file) = read.await.map_err(|error| JobsError::storage(DOING, error))?.map_err(failed)?;
    Ok(Some((Bytes::from(piece), FilePieces { file, left: left - length as u64, handle })))
}

fn failed(error: std::io::Error) -> JobsError {
    JobsError::storage(DOING, error)
}

/// Asks a bucket for an object; the pieces come as fast as they are taken.
pub(super) async fn of_object(storage: &Arc<Storage>, wanted: Wanted) -> Result<ByteStream, JobsError> {
    let begun = Download::begin(Arc::clone(&storage.store), wanted);
    let mut download = joined(DOING, storage.io.handle().spawn(begun)).await?;
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    // Where it is polled it may wait for the next try, which only the storage's own runtime can.
    storage.io.handle().spawn(async move {
        while let Some(piece) = download.next().await.transpose() {
            let ends = piece.is_err();
            if sender.send(piece).await.is_err() || ends {
                return;
            }
        }
    });
    Ok(Box::pin(stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    })))
}
