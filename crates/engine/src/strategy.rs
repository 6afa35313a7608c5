//! The six strategies as a table: what happens to a model's records before and while its file is read.
//!
//! This module has no I/O and is the only place that knows strategies by name.

use std::fmt;

/// How a restore treats what is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// Empty each model that the archive has a file for, then insert.
    Replace,
    /// Update existing records, insert new ones.
    #[default]
    Upsert,
    /// Import records only into models that did not exist.
    Merge,
    /// Insert new records, log each existing one.
    Sync,
    /// Insert new records, pass over existing ones.
    Skip,
    /// Fail where any record exists.
    Error,
}

impl Strategy {
    /// Every strategy, in the order in which messages list them.
    pub const ALL: [Self; 6] =
        [Self::Replace, Self::Upsert, Self::Merge, Self::Sync, Self::Skip, Self::Error];

    /// The spelling in requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Upsert => "upsert",
            Self::Merge => "merge",
            Self::Sync => "sync",
            Self::Skip => "skip",
            Self::Error => "error",
        }
    }

    /// Reads the spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.as_str() == text)
    }
}

/// What a strategy does with the records of one model, decided before any of them is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether the model's data file is imported; otherwise all its records count as skipped.
    pub import: bool,
    /// Whether every record that is there goes first.
    pub clear: bool,
    /// What a line does whose id a record had before the run.
    pub id_exists: OnExisting,
    /// What a line does whose id an earlier line of the file had.
    pub id_repeated: OnRepeated,
}

/// What a line does whose id a record had before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExisting {
    /// The record takes the line's values.
    Update,
    /// The line is left out.
    Skip {
        /// Whether the log names the record.
        log: bool,
    },
    /// The run fails.
    Fail,
}

/// What a line does whose id an earlier line of the same file had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRepeated {
    /// The later line's values win.
    Update,
    /// The earlier line's values stay.
    Skip,
    /// The run fails.
    Fail,
}

impl Decision {
    const fn row(clear: bool, import: bool, id_exists: OnExisting, id_repeated: OnRepeated) -> Self {
        Self { import, clear, id_exists, id_repeated }
    }
}

impl Strategy {
    /// The row of the table for a model that is new to the tenant, or for one that was there when the run
    /// began.
    #[must_use]
    pub const fn decide(self, model_is_new: bool) -> Decision {
        use OnExisting as Existing;
        use OnRepeated as Repeated;
        match (self, model_is_new) {
            (Self::Replace, new) => Decision::row(!new, true, Existing::Fail, Repeated::Fail),
            (Self::Upsert, _) => Decision::row(false, true, Existing::Update, Repeated::Update),
            (Self::Merge, true) => Decision::row(false, true, Existing::Fail, Repeated::Fail),
            (Self::Merge, false) => {
                Decision::row(false, false, Existing::Skip { log: false }, Repeated::Skip)
            }
            (Self::Sync, _) => Decision::row(false, true, Existing::Skip { log: true }, Repeated::Skip),
            (Self::Skip, _) => Decision::row(false, true, Existing::Skip { log: false }, Repeated::Skip),
            (Self::Error, _) => Decision::row(false, true, Existing::Fail, Repeated::Fail),
        }
    }

    /// Whether the strategy can remove records.
    #[must_use]
    pub const fn removes_records(self) -> bool {
        self.decide(false).clear
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPDATE: (OnExisting, OnRepeated) = (OnExisting::Update, OnRepeated::Update);
    const SKIP: (OnExisting, OnRepeated) = (OnExisting::Skip { log: false }, OnRepeated::Skip);
    const LOG: (OnExisting, OnRepeated) = (OnExisting::Skip { log: true }, OnRepeated::Skip);
    const FAIL: (OnExisting, OnRepeated) = (OnExisting::Fail, OnRepeated::Fail);

    #[test]
    fn every_row_of_the_table_is_as_specified() {
        // strategy, new model?, imports, clears, (id exists, id repeated)
        let table = [
            (Strategy::Replace, true, true, false, FAIL),
            (Strategy::Replace, false, true, true, FAIL),
            (Strategy::Upsert, true, true, false, UPDATE),
            (Strategy::Upsert, false, true, false, UPDATE),
            (Strategy::Merge, true, true, false, FAIL),
            (Strategy::Merge, false, false, false, SKIP),
            (Strategy::Sync, true, true, false, LOG),
            (Strategy::Sync, false, true, false, LOG),
            (Strategy::Skip, true, true, false, SKIP),
            (Strategy::Skip, false, true, false, SKIP),
            (Strategy::Error, true, true, false, FAIL),
            (Strategy::Error, false, true, false, FAIL),
        ];
        for (strategy, model_is_new, import, clear, (id_exists, id_repeated)) in table {
            let expected = Decision { import, clear, id_exists, id_repeated };
            assert_eq!(strategy.decide(model_is_new), expected, "{strategy}, new model: {model_is_new}");
        }
        assert_eq!(table.len(), Strategy::ALL.len() * 2);
    }

    #[test]
    fn spelling_survives_a_round_trip() {
        for strategy in Strategy::ALL {
            assert_eq!(Strategy::parse(strategy.as_str()), Some(strategy));
        }
        assert_eq!(Strategy::parse("Upsert"), None);
    }

    #[test]
    fn only_replace_removes_records() {
        let removing: Vec<_> = Strategy::ALL.into_iter().filter(|s| s.removes_records()).collect();
        assert_eq!(removing, [Strategy::Replace]);
    }
}
