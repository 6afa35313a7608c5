//! An object of a bucket on its way here. Where it breaks off it is asked for again from there: a large one is under way
//! for longer than any connection is sure to last. The client does that too, but only shortly after it asked first.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore};

use super::storage::about_object;
use super::{fault, object_key};
use crate::error::{JobsError, StorageFault};

/// What is being done, for errors.
pub(super) const DOING: &str = "reading an object";

/// Times in a row that an object is asked for again without a byte of it coming. Every time the client has its own tries.
const TRIES_MAX: u32 = 3;

/// Pause before the first of these; before each further one it is so much longer.
const PAUSE: Duration = Duration::from_millis(100);

/// What is read of which object.
pub(super) struct Wanted {
    pub(super) key: String,
    /// All of it where there is none.
    pub(super) range: Option<Range<u64>>,
    /// The form of the object that it must have, where one was seen already.
    pub(super) etag: Option<String>,
}

/// The bytes that are still to come. Whatever waits here must run on the storage's own runtime.
pub(super) struct Download {
    store: Arc<dyn ObjectStore>,
    key: String,
    location: Key,
    etag: Option<String>,
    left: Range<u64>,
    pieces: BoxStream<'static, object_store::Result<Bytes>>,
    /// Without a byte since.
    tries: u32,
}

impl Download {
    /// Asks for the bytes.
    pub(super) async fn begin(store: Arc<dyn ObjectStore>, wanted: Wanted) -> Result<Self, JobsError> {
        let Wanted { key, range, etag } = wanted;
        let location = object_key(&key)?;
        let found = ask(&store, &key, &location, range.clone(), etag).await?;
        Ok(Self {
            store,
            key,
            location,
            // A bucket answers with what there is of a range: then it ends before all of it came.
            left: range.unwrap_or(0..found.meta.size),
            etag: found.meta.e_tag.clone(),
            pieces: found.into_stream(),
            tries: 0,
        })
    }

    /// The next bytes; none after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, JobsError> {
        while !self.left.is_empty() {
            let broken = match self.pieces.next().await {
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) => {
                    self.left.start = self.left.start.saturating_add(piece.len() as u64);
                    self.tries = 0;
                    return Ok(Some(piece));
                }
                Some(Err(error)) => fault::of_store(DOING, error),
                None => JobsError::storage(DOING, std::io::Error::from(std::io::ErrorKind::UnexpectedEof)),
            };
            self.ask_again(broken).await?;
        }
        Ok(None)
    }

    /// Asks for what is left, in the form that the object had before.
    async fn ask_again(&mut self, mut broken: JobsError) -> Result<(), JobsError> {
        while is_passing(&broken) && self.tries < TRIES_MAX {
            self.tries += 1;
            tracing::debug!(key = self.key, from = self.left.start, error = broken.chain(), "reading on");
            tokio::time::sleep(PAUSE * self.tries).await;
            let range = Some(self.left.clone());
            match ask(&self.store, &self.key, &self.location, range, self.etag.clone()).await {
                Ok(found) => {
                    self.pieces = found.into_stream();
                    return Ok(());
                }
                Err(error) => broken = error,
            }
        }
        Err(broken)
    }
}

async fn ask(
    store: &Arc<dyn ObjectStore>,
    key: &str,
    location: &Key,
    range: Option<Range<u64>>,
    etag: Option<String>,
) -> Result<GetResult, JobsError> {
    let options = GetOptions { range: range.map(GetRange::Bounded), if_match: etag, ..GetOptions::default() };
    about_object(DOING, key, store.get_opts(location, options)).await
}

/// Whether asking again may help.
fn is_passing(error: &JobsError) -> bool {
    matches!(error, JobsError::Storage { kind: StorageFault::Unavailable, .. })
}
