//! The objects of a bucket, as they are asked for: of a million of them only a few are held at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path as Key;
use tokio::sync::mpsc;

use super::fault;
use super::io_runtime::block_on;
use super::storage::Storage;
use crate::error::JobsError;

/// Objects that wait to be looked at: as many as buckets list in one answer.
const LISTED_MAX: usize = 1_000;

/// The objects below a prefix; with `before` those alone that are older. After an error nothing more comes.
pub(super) fn of_bucket(
    storage: &Arc<Storage>,
    prefix: &str,
    before: Option<SystemTime>,
) -> impl Iterator<Item = Result<PathBuf, JobsError>> + use<> {
    let (store, prefix) = (Arc::clone(&storage.store), Key::from(prefix));
    let (sender, mut receiver) = mpsc::channel(LISTED_MAX);
    // It takes as long as it takes: every page of the list is a request with bounds of its own.
    storage.io.handle().spawn(async move {
        let mut listed = store.list(Some(&prefix));
        loop {
            let place = match listed.try_next().await {
                Ok(None) => return,
                Ok(Some(found))
                    if before.is_some_and(|before| SystemTime::from(found.last_modified) >= before) =>
                {
                    continue;
                }
                Ok(Some(found)) => Ok(PathBuf::from(found.location.to_string())),
                Err(error) => Err(fault::of_store("listing objects", error)),
            };
            let ends = place.is_err();
            if sender.send(place).await.is_err() || ends {
                return;
            }
        }
    });
    std::iter::from_fn(move || block_on(receiver.recv()))
}
