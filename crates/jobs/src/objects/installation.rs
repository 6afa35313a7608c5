//! Whose a storage is. A bucket has no lock that a server could hold, and a folder may be shared by servers of several
//! databases by mistake. So whoever comes first leaves a mark there: the others would else take everything in it for
//! rubbish.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use super::io_runtime::block_on;
use super::{Objects, fault, folder};
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

impl Ownership {
    /// What a mark tells the installation `id`.
    fn of(mark: Option<&[u8]>, id: &str) -> Self {
        if mark == Some(id.as_bytes()) { Self::Ours } else { Self::Theirs }
    }
}

impl Objects {
    /// Leaves the mark of the installation `id` in the storage where there is none yet, and says whose it is. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Storage`] where the mark can be neither read nor written.
    pub(crate) fn claim(&self, id: &str) -> Result<Ownership, JobsError> {
        if let Some(root) = self.folder() {
            let file = root.join(MARKER);
            if folder::read(&file)?.is_none() {
                folder::create(&file, id.as_bytes())?;
            }
            return Ok(Ownership::of(folder::read(&file)?.as_deref(), id));
        }
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
            Ok(Ownership::of(read(&store).await?.as_deref(), &id))
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
