//! Whose a bucket is. It has no lock that a server could hold, so whoever comes first leaves a mark there: servers of
//! another database would else take everything in it for rubbish.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use super::io_runtime::block_on;
use super::{Objects, fault};
use crate::error::JobsError;

/// The key of the mark. It holds the installation's id.
const MARKER: &str = "reinstate-installation";

/// Whose a storage is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// This installation's.
    Ours,
    /// Another one's.
    Theirs,
}

impl Objects {
    /// Leaves the mark of the installation `id` in the bucket where there is none yet, and says whose it is. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where the mark can be neither read nor written.
    pub(crate) fn claim(&self, id: &str) -> Result<Ownership, JobsError> {
        let (store, id) = (Arc::clone(&self.storage.store), id.to_owned());
        block_on(self.storage.call("marking the bucket", async move {
            if read(&store).await?.is_none() {
                let payload = PutPayload::from(Bytes::from(id.clone()));
                match store.put_opts(&Key::from(MARKER), payload, PutMode::Create.into()).await {
                    // Somebody was faster; whose it is now is read below.
                    Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            let is_ours = read(&store).await?.is_some_and(|found| found.as_ref() == id.as_bytes());
            Ok(if is_ours { Ownership::Ours } else { Ownership::Theirs })
        }))
    }

    /// The mark, where there is one: a small request that only a bucket in order answers.
    pub(super) fn marker(
        &self,
    ) -> impl Future<Output = object_store::Result<Option<Bytes>>> + Send + 'static {
        let store = Arc::clone(&self.storage.store);
        async move { read(&store).await }
    }
}

async fn read(store: &Arc<dyn ObjectStore>) -> object_store::Result<Option<Bytes>> {
    match store.get(&Key::from(MARKER)).await {
        Ok(found) => found.bytes().await.map(Some),
        Err(error) if fault::is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
