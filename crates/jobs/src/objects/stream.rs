//! Objects on their way out, a piece at a time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use object_store::{GetOptions, GetRange};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::storage::{Storage, joined};
use super::{fault, object_key};
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
    let (piece, file) =
        read.await.map_err(|error| JobsError::storage("reading an object", error))?.map_err(failed)?;
    Ok(Some((Bytes::from(piece), FilePieces { file, left: left - length as u64, handle })))
}

fn failed(error: std::io::Error) -> JobsError {
    JobsError::storage("reading an object", error)
}

/// Asks a bucket for a range of an object; the pieces come as fast as they are taken.
pub(super) async fn of_object(
    storage: &Arc<Storage>,
    key: &str,
    range: Option<Range<u64>>,
) -> Result<ByteStream, JobsError> {
    let doing = "reading an object";
    let (store, location) = (Arc::clone(&storage.store), object_key(key)?);
    let asked_bytes = range.as_ref().map(|range| range.end.saturating_sub(range.start));
    let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
    let asked =
        storage.begin_object_call(doing, key, async move { store.get_opts(&location, options).await });
    let found = joined(doing, asked).await?;
    // A bucket answers with what there is of a range.
    let mut left = asked_bytes.unwrap_or(found.meta.size);
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    // Where it is polled it may wait for the next try, which only the storage's own runtime can.
    storage.io.handle().spawn(async move {
        let mut pieces = found.into_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| fault::of_store(doing, error));
            let ends = piece.is_err();
            left = left.saturating_sub(piece.as_ref().map_or(0, |piece| piece.len() as u64));
            if sender.send(piece).await.is_err() || ends {
                return;
            }
        }
        if left > 0 {
            let short = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            let _ = sender.send(Err(JobsError::storage(doing, short))).await;
        }
    });
    Ok(Box::pin(stream::unfold(receiver, |mut receiver| async move {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    })))
}
