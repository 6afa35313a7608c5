//! Where the data of a test server lives. The cases do not know; a further database is one more variant.

use std::path::Path;

use reinstate_store::DatabaseUrl;
use reinstate_test_postgres::TestDatabase;

/// A database that the cases run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
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
            Backend::Sqlite => Self::Folder,
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
