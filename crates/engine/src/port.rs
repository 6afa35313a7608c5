//! The ports: what the engine needs from outside, and nothing more.
//!
//! A [`Target`] is one tenant's data opened for one run, inside one transaction. It speaks in batches and
//! knows no strategy: it is told to clear or not, and what a conflict means.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use reinstate_describe::{Batch, Catalog, CellValue, Field, Model, Name};
use serde::{Deserialize, Serialize};

use crate::counters::Counters;

/// What a target does with a row whose id is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// Write the group's `updates` columns into the existing record.
    Update,
    /// Leave the existing record; report up to the given number of such rows of the batch.
    Ignore {
        /// How many conflicting rows [`WriteOutcome::conflicts`] may list.
        report_max: usize,
    },
    /// Leave the existing record and report every such row: the run is going to fail.
    Fail,
}

/// A row that was not written because its id was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConflictRow {
    /// The row's number in the batch.
    pub row: u32,
    /// True: the record was there before the run (trashed or not); false: the run itself wrote it before.
    pub existed_before: bool,
}

/// A row that the database refused, and that was therefore not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// The row's number in the batch.
    pub row: u32,
    /// The unique field whose value another record has already.
    pub field: Name,
}

/// What became of a batch: every row that was not excluded is in exactly one of the counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteOutcome {
    /// Rows inserted.
    pub inserted: u64,
    /// Rows that updated an existing record.
    pub updated: u64,
    /// Rows left out because of their id.
    pub skipped: u64,
    /// Those of `skipped` that were asked for, in the order of the batch.
    pub conflicts: Vec<ConflictRow>,
    /// Rows refused because of a unique field; not counted above.
    pub refused: Vec<RefusedRow>,
}

/// Existing records that a batch meets: by the row's number, the values of the columns that were asked for,
/// in their order.
pub type Existing = HashMap<u32, Vec<CellValue>>;

/// The mark that a run's transaction leaves in the tenant's data: proof that it was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunMark {
    /// The run.
    pub run_id: String,
    /// The fencing number under which it was committed.
    pub fence: i64,
    /// What it did.
    pub counters: Counters,
}

/// Why a target could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The database stopped a statement because the run was asked to stop.
    #[error("the run was stopped")]
    Stopped,
    /// Another writer holds the tenant's data, or the connection is gone; trying again later can help.
    #[error("the tenant's data is not available: {message}")]
    Unavailable {
        /// What the database said.
        message: String,
    },
    /// This run was applied before.
    #[error("the run was already applied")]
    AlreadyApplied,
    /// Somebody else has the run by now: nothing that this one did counts.
    #[error("another worker has taken the run over")]
    Fenced,
    /// What the tenant's data holds forbids what was asked: the request, the archive or the data must change
    /// first.
    #[error("{message}")]
    Refused {
        /// What stands in the way, as a sentence for a person.
        message: String,
    },
    /// The database refused or failed; trying again will not help.
    #[error("the database failed while {doing}: {message}")]
    Failed {
        /// What was being done.
        doing: String,
        /// What the database said.
        message: String,
    },
}

/// One tenant's data, opened for one run inside one transaction. Dropping it without [`Target::commit`] takes
/// everything back, tables and fields included.
pub trait Target {
    /// The models as the transaction sees them now.
    ///
    /// # Errors
    /// Where the database fails.
    fn catalog(&mut self) -> Result<Catalog, TargetError>;

    /// Creates a model with its table, unique constraints and indexes.
    ///
    /// # Errors
    /// [`TargetError::Refused`] where it has more fields than the database takes; else where the database fails.
    fn model_create(&mut self, model: &Model) -> Result<(), TargetError>;

    /// Adds fields to an existing model; existing records get each field's default value, where it has one.
    ///
    /// # Errors
    /// [`TargetError::Refused`] where records would share the default value of a unique field, where a default
    /// value does not fit its type, or where there would be more fields than the database takes; else where the
    /// database fails.
    fn fields_add(&mut self, model: &Name, fields: &[Field]) -> Result<(), TargetError>;

    /// Whether a model holds any record, trashed ones included.
    ///
    /// # Errors
    /// Where the database fails.
    fn model_has_records(&mut self, model: &Name) -> Result<bool, TargetError>;

    /// Whether any record of a model has an access list that is not empty.
    ///
    /// # Errors
    /// Where the database fails.
    fn model_is_restricted(&mut self, model: &Name) -> Result<bool, TargetError>;

    /// Removes every record of a model for good, trashed ones too, and says how many there were.
    ///
    /// # Errors
    /// Where the database fails.
    fn records_clear(&mut self, model: &Name) -> Result<u64, TargetError>;

    /// Reads the given columns (positions in the batch's layout) of the existing records that the batch's
    /// rows name by id.
    ///
    /// # Errors
    /// Where the database fails.
    fn records_find(&mut self, batch: &Batch, columns: &[usize]) -> Result<Existing, TargetError>;

    /// Writes the batch's groups into the batch's model.
    ///
    /// # Errors
    /// Where the database fails; rows that merely conflict or are refused are part of the outcome.
    fn records_write(&mut self, batch: &Batch, conflict: Conflict) -> Result<WriteOutcome, TargetError>;

    /// Says that no more rows of the model are to be expected, which is the time for what is better done to many
    /// rows at once. More may come all the same. A target that has nothing to do then does nothing.
    ///
    /// # Errors
    /// Where the database fails.
    fn records_end(&mut self, _model: &Name) -> Result<(), TargetError> {
        Ok(())
    }

    /// Does what the commit would take long for, as making indexes that are due or waiting for readers of what it
    /// replaces; the run may still be stopped meanwhile. [`Target::commit`] does it itself where nobody did before.
    ///
    /// # Errors
    /// [`TargetError::Stopped`]; [`TargetError::Unavailable`] where the wait was in vain; else where the database fails.
    fn commit_prepare(&mut self) -> Result<(), TargetError> {
        Ok(())
    }

    /// Writes the mark and makes everything visible at once.
    ///
    /// # Errors
    /// [`TargetError::AlreadyApplied`] where the mark is there already, [`TargetError::Fenced`] where somebody else has
    /// the run by now; else where the database fails. After an error nothing was kept.
    fn commit(self: Box<Self>, mark: &RunMark) -> Result<(), TargetError>;
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970-01-01T00:00:00Z.
    fn now_micros(&self) -> i64;
}

/// Makes ids for records that have none.
pub trait IdSource: Send + Sync {
    /// A new id; later ones sort after earlier ones.
    fn record_id(&self) -> String;
}

/// Why a run is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Somebody cancelled it.
    Cancelled,
    /// The process is shutting down; the run will be taken up again.
    Shutdown,
    /// Another worker has the run now.
    LeaseLost,
}

/// A wish to stop, shared between the worker that runs and whoever watches over it. The first wish counts.
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<AtomicU8>);

impl Cancellation {
    /// Asks the run to stop.
    pub fn stop(&self, why: Stop) {
        let code = match why {
            Stop::Cancelled => 1,
            Stop::Shutdown => 2,
            Stop::LeaseLost => 3,
        };
        // Losing the race to an earlier wish is fine: that one is already being followed.
        let _ = self.0.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether, and why, the run should stop.
    #[must_use]
    pub fn stopped(&self) -> Option<Stop> {
        match self.0.load(Ordering::Acquire) {
            1 => Some(Stop::Cancelled),
            2 => Some(Stop::Shutdown),
            3 => Some(Stop::LeaseLost),
            _ => None,
        }
    }
}
