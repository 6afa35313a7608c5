//! The client of a storage, and how calls of it are carried out.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tokio::task::JoinHandle;

use super::io_runtime::IoRuntime;
use super::{fault, missing};
use crate::error::{JobsError, StorageFault};

/// Longest time that one call takes, its further tries included: more than the client's own waits together, and a
/// bound for what those do not cover, such as asking for credentials.
pub(super) const CALL_MAX: Duration = Duration::from_secs(20);

/// Longest time that a look takes whether the storage answers.
pub(super) const PING_MAX: Duration = Duration::from_secs(4);

/// The client and the one runtime on which it works.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) store: Arc<dyn ObjectStore>,
    /// The same, by a client that waits for an answer as long as finishing an object may take.
    pub(super) patient_store: Arc<dyn ObjectStore>,
    /// Longest time that finishing an object may take.
    pub(super) finish_max: Duration,
    pub(super) place: Place,
    /// Where objects of a bucket are spooled to.
    pub(super) scratch_dir: PathBuf,
    pub(super) io: IoRuntime,
}

/// Where it is.
#[derive(Debug)]
pub(super) enum Place {
    Folder(PathBuf),
    Bucket,
}

pub(super) fn open_folder(folder: &Path) -> Result<(Arc<dyn ObjectStore>, Place), JobsError> {
    let failed = |error: std::io::Error| JobsError::storage("opening the folder", error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let root = folder.canonicalize().map_err(failed)?;
    let store = LocalFileSystem::new_with_prefix(&root)
        .map_err(|error| JobsError::storage("opening the folder", error))?;
    Ok((Arc::new(store.with_fsync(true)), Place::Folder(root)))
}

impl Storage {
    pub(super) fn is_bucket(&self) -> bool {
        matches!(self.place, Place::Bucket)
    }

    /// Carries a call of the client out.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T, JobsError> {
        joined(doing, self.begin_call(doing, work)).await
    }

    /// Begins a call of the client.
    pub(super) fn begin_call<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> JoinHandle<Result<T, JobsError>> {
        self.begin_within(CALL_MAX, doing, work)
    }

    /// Begins a call about an object that must be there.
    pub(super) fn begin_object_call<T: Send + 'static>(
        &self,
        doing: &'static str,
        key: &str,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> JoinHandle<Result<T, JobsError>> {
        let key = key.to_owned();
        self.io.handle().spawn(async move { about_object(doing, &key, work).await })
    }

    pub(super) fn begin_within<T: Send + 'static>(
        &self,
        wait: Duration,
        doing: &'static str,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> JoinHandle<Result<T, JobsError>> {
        self.io.handle().spawn(within(wait, doing, work))
    }
}

/// A call of the client that is given up after so long.
pub(super) async fn within<T>(
    wait: Duration,
    doing: &'static str,
    work: impl Future<Output = object_store::Result<T>>,
) -> Result<T, JobsError> {
    match tokio::time::timeout(wait, work).await {
        Ok(result) => result.map_err(|error| fault::of_store(doing, error)),
        Err(_) => Err(unanswered(doing, wait)),
    }
}

/// A call about an object that must be there.
pub(super) async fn about_object<T>(
    doing: &'static str,
    key: &str,
    work: impl Future<Output = object_store::Result<T>>,
) -> Result<T, JobsError> {
    match tokio::time::timeout(CALL_MAX, work).await {
        Ok(Err(error)) if fault::is_not_found(&error) => Err(missing(key)),
        Ok(result) => result.map_err(|error| fault::of_store(doing, error)),
        Err(_) => Err(unanswered(doing, CALL_MAX)),
    }
}

fn unanswered(doing: &'static str, wait: Duration) -> JobsError {
    let source = format!("no answer within {} s", wait.as_secs()).into();
    JobsError::Storage { kind: StorageFault::Unavailable, doing, source }
}

/// The answer of work that was begun. Without one the storage is going down, or the work panicked.
pub(super) async fn joined<T>(
    doing: &'static str,
    work: JoinHandle<Result<T, JobsError>>,
) -> Result<T, JobsError> {
    work.await.map_err(|error| JobsError::storage(doing, error))?
}
