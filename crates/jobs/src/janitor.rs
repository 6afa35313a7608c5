//! Removes uploads and archives of extracts whose time is over.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::error::JobsError;
use crate::jobs::Inner;

/// How often the janitor looks: a file may stay an hour longer than its time. Nobody is given an archive by then.
const ROUND: Duration = Duration::from_secs(3_600);

/// Files that are removed before the janitor asks for more.
const BATCH: u32 = 100;

/// Microseconds in a day.
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Starts the janitor. In each round it looks for objects of nothing before it removes what expired: that an archive
/// went says that the look is over.
pub(crate) fn start(inner: &Arc<Inner>) -> std::io::Result<JoinHandle<()>> {
    let inner = Arc::clone(inner);
    Builder::new().name("janitor".to_owned()).spawn(move || {
        while !inner.signal.is_stopping() {
            remove_orphans(&inner);
            match remove_expired(&inner) {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed uploads whose time was over"),
                Err(error) => {
                    let error = error.chain();
                    tracing::warn!(error, "could not remove old uploads; trying again later");
                }
            }
            match remove_expired_extracts(&inner) {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "removed archives whose time was over"),
                Err(error) => {
                    let error = error.chain();
                    tracing::warn!(error, "could not remove old archives; trying again later");
                }
            }
            inner.signal.pause(ROUND);
        }
    })
}

/// Removes what broken uploads and extracts left behind.
fn remove_orphans(inner: &Inner) {
    let is_stopping = || inner.signal.is_stopping();
    match inner.custody.remove_old_orphans(&inner.store, &inner.objects, is_stopping) {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "removed objects that belong to nothing"),
        Err(error) => {
            let error = error.chain();
            tracing::warn!(error, "could not look for objects that belong to nothing; trying again later");
        }
    }
}

/// Removes every upload that is older than its time and that no active run needs; says how many.
pub(crate) fn remove_expired(inner: &Inner) -> Result<usize, JobsError> {
    let retention = i64::from(inner.settings.upload_retention_days).saturating_mul(MICROS_PER_DAY);
    let before = inner.now().saturating_sub(retention);
    let mut removed = 0;
    loop {
        let expired = inner.store.control.upload_list_expired(before, BATCH)?;
        let mut progress = false;
        for upload in &expired {
            // The row first: a file without one is rubbish that is found later.
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

/// Removes every archive of an extract whose time is over and that no active run needs; says how many. Their runs stay.
pub(crate) fn remove_expired_extracts(inner: &Inner) -> Result<usize, JobsError> {
    let mut removed = 0;
    loop {
        let expired = inner.store.control.extract_runs_expired(inner.now(), BATCH)?;
        let mut progress = false;
        for extract in &expired {
            // As with uploads, the row first.
            if inner.store.control.extract_run_forget_object(&extract.run_id)? {
                inner.objects.delete(&extract.object_key)?;
                progress = true;
                removed += 1;
            }
        }
        if !progress || inner.signal.is_stopping() {
            return Ok(removed);
        }
    }
}
