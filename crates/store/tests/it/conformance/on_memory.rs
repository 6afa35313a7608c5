//! The suite on the engine's in-memory target, the reference.

use reinstate_describe::Catalog;
use reinstate_engine::{MemoryTenant, RunMark, Source, Target, TargetError};

use super::{Subject, conformance};

conformance!(reinstate_engine::MemoryTenant::default);

impl Subject for MemoryTenant {
    fn begin(&self, _run_id: &str) -> Result<Box<dyn Target>, TargetError> {
        Ok(Box::new(self.target()))
    }

    fn source(&self) -> Box<dyn Source> {
        Box::new(Self::source(self))
    }

    fn catalog(&self) -> Catalog {
        Self::catalog(self)
    }

    fn records(&self, model: &str) -> Vec<String> {
        Self::records(self, model)
    }

    fn mark(&self, run_id: &str) -> Option<RunMark> {
        Self::mark(self, run_id)
    }

    fn state(&self) -> String {
        let catalog = Self::catalog(self);
        let records: Vec<_> = catalog.iter().map(|model| Self::records(self, model.name.as_str())).collect();
        format!("{catalog:?} {records:?}")
    }
}
