//! Where the data of a house lives. The cases do not know; a further database is one more variant.

use std::path::Path;
use std::sync::Arc;

use reinstate_store::DatabaseUrl;
use reinstate_test_postgres::TestDatabase;

/// A database that the cases run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// The database of one house, or of several.
#[derive(Debug, Clone)]
pub(crate) enum Home {
    /// In the house's folder.
    Folder,
    /// A database of its own, which goes with the last clone.
    Database(Arc<TestDatabase>),
    /// A server of the test's own.
    Server(String),
}

impl Home {
    pub(crate) fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Folder,
            Backend::Postgres => Self::Database(Arc::new(reinstate_test_postgres::database())),
        }
    }

    pub(crate) fn url(&self, dir: &Path) -> DatabaseUrl {
        match self {
            Self::Folder => DatabaseUrl::Sqlite { dir: dir.to_owned() },
            Self::Database(database) => database.url().parse().unwrap(),
            Self::Server(url) => url.parse().unwrap(),
        }
    }
}
