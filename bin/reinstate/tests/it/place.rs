//! Where the servers of a test keep their data.

use std::path::{Path, PathBuf};

use reinstate_test_postgres::TestDatabase;
use tempfile::TempDir;

use crate::program::{Server, serve};

/// A database that the cases run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// A folder, and on PostgreSQL a database, for the servers of one test. Outlives them.
pub(crate) struct Place {
    folder: TempDir,
    database: Option<TestDatabase>,
}

impl Place {
    pub(crate) fn new(backend: Backend) -> Self {
        let database = (backend == Backend::Postgres).then(reinstate_test_postgres::database);
        Self { folder: tempfile::tempdir().unwrap(), database }
    }

    /// A folder for the test's own files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a server here and waits until it listens.
    pub(crate) fn start(&self, settings: &[(&str, &str)]) -> Server {
        let mut command = serve(&self.data(), &[]);
        if let Some(database) = &self.database {
            command.env("REINSTATE_DATABASE_URL", database.url());
        }
        command.envs(settings.iter().copied());
        Server::watch(command)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}
