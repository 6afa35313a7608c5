//! Where the data of a test server lives. The cases do not know; a further database or storage is one more variant.

use std::path::Path;

use reinstate_jobs::{S3Keys, StorageSettings};
use reinstate_store::DatabaseUrl;
use reinstate_test_postgres::TestDatabase;
use reinstate_test_s3::{ACCESS_KEY_ID, BUCKET, S3Server, SECRET_ACCESS_KEY};

/// A database that the cases run on, with the storage beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
    /// SQLite, and archives in a bucket.
    SqliteAndBucket,
}

impl Backend {
    /// The bucket for a server, where its archives lie in one.
    pub(crate) fn bucket(self) -> Option<S3Server> {
        (self == Self::SqliteAndBucket).then(S3Server::start)
    }
}

/// What it takes to use a test's bucket.
pub(crate) fn storage_in(bucket: &S3Server) -> StorageSettings {
    let mut storage = StorageSettings::new(format!("s3://{BUCKET}/prefix").parse().unwrap());
    storage.allow_http = true;
    storage.s3.endpoint = Some(bucket.endpoint().to_owned());
    storage.s3.path_style = true;
    storage.s3.keys = Some(S3Keys {
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
    });
    storage
}

/// The database of one test server.
#[derive(Debug)]
pub(crate) enum Home {
    /// In the server's folder.
    Folder,
    /// A database of its own, which goes with the value.
    Database(TestDatabase),
    /// Where the test says.
    Elsewhere(DatabaseUrl),
}

impl Home {
    pub(crate) fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite | Backend::SqliteAndBucket => Self::Folder,
            Backend::Postgres => Self::Database(reinstate_test_postgres::database()),
        }
    }

    pub(crate) fn url(&self, dir: &Path) -> DatabaseUrl {
        match self {
            Self::Folder => DatabaseUrl::Sqlite { dir: dir.to_owned() },
            Self::Database(database) => database.url().parse().unwrap(),
            Self::Elsewhere(url) => url.clone(),
        }
    }
}
