//! The suite on SQLite.

use reinstate_describe::Catalog;
use reinstate_engine::{Cancellation, RunMark, Source, Target, TargetError};
use reinstate_store::RunToken;

use super::{Subject, conformance};
use crate::fixtures::{Backend, Scratch, records};

conformance!(crate::conformance::on_sqlite::scratch);

fn scratch() -> Scratch {
    Scratch::new(Backend::Sqlite)
}

impl Subject for Scratch {
    fn begin(&self, run_id: &str) -> Result<Box<dyn Target>, TargetError> {
        let target = self.tenant().target(RunToken { run_id, fence: 1 }, &Cancellation::default())?;
        Ok(target)
    }

    fn source(&self) -> Box<dyn Source> {
        self.tenant().source(&Cancellation::default()).unwrap()
    }

    fn catalog(&self) -> Catalog {
        self.tenant().catalog().unwrap()
    }

    fn records(&self, model: &str) -> Vec<String> {
        records(&self.tenant(), model)
    }

    fn mark(&self, run_id: &str) -> Option<RunMark> {
        self.tenant().run_mark(run_id).unwrap()
    }

    fn state(&self) -> String {
        self.tenant().dump().unwrap()
    }
}
