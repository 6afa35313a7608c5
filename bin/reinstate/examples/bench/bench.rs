//! What all groups of rows share.

use std::error::Error;
use std::path::PathBuf;
use std::rc::Rc;

use tempfile::TempDir;

use crate::archives::Archives;
use crate::imports::Imports;
use crate::place::{Database, Place};
use crate::report::Report;

/// A database of which rows are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A run of the bench.
pub(crate) struct Bench {
    /// Records of an archive where a row does not say otherwise.
    pub(crate) records: u64,
    /// Whether rows that take long are left out.
    pub(crate) is_quick: bool,
    /// How often each is measured.
    pub(crate) pairs: usize,
    pub(crate) archives: Archives,
    pub(crate) report: Report,
    pub(crate) imports: Imports,
    /// The PostgreSQL server, or why there is none.
    pub(crate) place: Result<Rc<Place>, String>,
    /// Where everything is that goes at the end.
    pub(crate) root: PathBuf,
}

impl Bench {
    /// A folder for one row.
    pub(crate) fn folder(&self) -> Result<TempDir, Box<dyn Error>> {
        Ok(tempfile::tempdir_in(&self.root)?)
    }

    /// An empty database of the PostgreSQL server.
    pub(crate) fn database(&self) -> Result<Database, Box<dyn Error>> {
        self.place.as_ref().map_err(String::as_str)?.database()
    }
}
