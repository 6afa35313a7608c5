//! How many tables a run may make before the server runs short of locks.
//!
//! A transaction holds a lock on everything that it makes until its end, in a table that all clients of the server
//! share. One archive of thousands of models would fill it and stop everybody else, our control plane included, so a
//! run that needs more than the server was set up for is refused before it comes to that.

use reinstate_describe::Model;
use reinstate_engine::TargetError;

use super::super::target_error::failed;
use crate::database::Database;
use crate::statement::Statement;

/// Locks of a new table: itself, its key, the table of its long values and the index of that.
const LOCKS_OF_TABLE: i64 = 4;

/// What the server promises to all transactions together. It has some more, which is left to others.
const LOCKS_OF_SERVER: &str = "SELECT current_setting('max_locks_per_transaction')::pg_catalog.int8 * \
    (current_setting('max_connections')::pg_catalog.int8 + \
    current_setting('max_prepared_transactions')::pg_catalog.int8)";

/// Counts the locks of a run's new tables.
#[derive(Debug, Default)]
pub(super) struct LockBudget {
    /// What the server has, once it was asked.
    limit: Option<i64>,
    taken: i64,
    models: u64,
}

impl LockBudget {
    /// Counts a table that is going to be made.
    ///
    /// # Errors
    /// [`TargetError::Refused`] where the server has too few locks.
    pub(super) fn take(&mut self, connection: &mut Database, model: &Model) -> Result<(), TargetError> {
        let limit = match self.limit {
            Some(limit) => limit,
            None => {
                let asked = Statement::once(LOCKS_OF_SERVER).number(connection);
                asked.map_err(|error| failed("asking for the server's locks", error))?
            }
        };
        self.limit = Some(limit);
        self.count(model, limit)
    }

    fn count(&mut self, model: &Model, limit: i64) -> Result<(), TargetError> {
        let indexes = model.fields.values().filter(|field| field.unique || field.index).count();
        self.taken += LOCKS_OF_TABLE + i64::try_from(indexes).unwrap_or(i64::MAX / 2);
        if self.taken > limit {
            let message = format!(
                "The database server has locks for {} new models in one run, not for more: raise its setting \
                 max_locks_per_transaction, or restore the archive in parts with 'models'",
                self.models
            );
            return Err(TargetError::Refused { message });
        }
        self.models += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use reinstate_describe::{Field, FieldType, Name};

    use super::*;

    #[test]
    fn models_beyond_the_locks_of_the_server_are_refused_with_the_setting_to_raise() {
        let rank = Field { index: true, ..Field::new(Name::new("rank").unwrap(), FieldType::Integer) };
        let model = Model::new(Name::new("items").unwrap()).with_field(rank);
        let mut budget = LockBudget::default();
        assert!(budget.count(&model, 10).is_ok() && budget.count(&model, 10).is_ok());
        let refused = budget.count(&model, 10).unwrap_err().to_string();
        assert!(refused.contains("locks for 2 new models"), "{refused}");
        assert!(refused.contains("max_locks_per_transaction"), "{refused}");
    }
}
