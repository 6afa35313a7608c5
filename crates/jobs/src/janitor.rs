//! Removes uploads whose time is over, and files that belong to no upload.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use reinstate_store::Store;

use crate::error::JobsError;
use crate::jobs::Inner;
use crate::objects::Objects;

/// How often the janitor looks: an upload may stay an hour longer than its time.
const ROUND: Duration = Duration::from_secs(3_600);

/// Uploads that are removed before the janitor asks for more.
const BATCH: u32 = 100;

/// Age at which a file without an upload is rubbish: no upload takes a day.
const ORPHAN_AGE: Duration = Duration::from_secs(86_400);

/// Microseconds in a day.
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Starts the janitor.
pub(crate) fn start(inner: &Arc<Inner>) -> std::io::Result<JoinHandle<()>> {
    let inner = Arc::clone(inner);
    Builder::new().name("janitor".to_owned()).spawn(move || {
        while !inner.signal.is_stopping() {
            match remove_expired(&inner) {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed uploads whose time was over"),
                Err(error) => tracing::warn!(%error, "could not remove old uploads; trying again later"),
            }
            if inner.is_shared() {
                match remove_orphans(&inner.store, &inner.objects, ORPHAN_AGE) {
                    Ok(0) => {}
                    Ok(removed) => tracing::info!(removed, "removed files that belong to no upload"),
                    Err(error) => tracing::warn!(%error, "could not look for files that belong to no upload"),
                }
            }
            inner.signal.pause(ROUND);
        }
    })
}

/// Removes files of `age` or older that belong to no upload; says how many. Where several processes do so at once,
/// each file is removed by one of them.
pub(crate) fn remove_orphans(store: &Store, objects: &Objects, age: Duration) -> Result<usize, JobsError> {
    // The files are looked at after the rows: an upload that ends in between has its row or is too young.
    let kept: HashSet<String> = store.control.upload_keys()?.into_iter().collect();
    objects.remove_orphans(age, |key| kept.contains(key))
}

/// Removes every upload that is older than its time and that no active run needs; says how many.
pub(crate) fn remove_expired(inner: &Inner) -> Result<usize, JobsError> {
    let retention = i64::from(inner.settings.upload_retention_days).saturating_mul(MICROS_PER_DAY);
    let before = inner.clock.now_micros().saturating_sub(retention);
    let mut removed = 0;
    loop {
        let expired = inner.store.control.upload_list_expired(before, BATCH)?;
        let mut progress = false;
        for upload in &expired {
            // The row first: a file without one is rubbish that the next start finds.
            if inner.store.control.upload_delete(&upload.object_key)? {
                inner.objects.delete(&upload.object_key)?;
                progress = true;
                removed += 1;
            }
        }
        if !progress || inner.signal.is_stopping() {
            return Ok(removed);
        }
    }
}
