//! The restores that are measured on SQLite, and what each is compared with.

use clap::ValueEnum;
use reinstate_engine::{Counters, Strategy};

use crate::data::Set;

/// A restore, and the raw loop that it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// A model that is new, ids ascending.
    Fresh,
    /// Every record is there and is left as it is; the first thousand are reported.
    Sync,
    /// Every record is there and is left as it is.
    Skip,
    /// Every record is there and takes other values.
    Upsert,
    /// A model that is new, ids in no order.
    Random,
}

impl Case {
    /// The cases in an order in which each finds what it needs: all but the last take the folder that the one before
    /// left.
    pub(crate) const ROUND: [Self; 5] = [Self::Fresh, Self::Sync, Self::Skip, Self::Upsert, Self::Random];

    /// The row's name.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Fresh => "SQLite, fresh",
            Self::Sync => "SQLite, `sync`, all there",
            Self::Skip => "SQLite, `skip`, all there",
            Self::Upsert => "SQLite, `upsert`, all there and changed",
            Self::Random => "SQLite, fresh, random ids",
        }
    }

    /// What the raw loop does.
    pub(crate) fn limit(self) -> Limit {
        match self {
            Self::Fresh | Self::Sync | Self::Skip => Limit::Insert(Set::First),
            Self::Random => Limit::Insert(Set::RandomIds),
            Self::Upsert => Limit::Upsert,
        }
    }

    /// The rows a second of the restore over those of its limit that are aimed at.
    pub(crate) fn goal(self) -> f64 {
        match self {
            Self::Fresh => 1.3,
            Self::Random => 1.2,
            Self::Upsert => 1.0,
            Self::Sync | Self::Skip => 2.0,
        }
    }

    /// The records of the archive.
    pub(crate) fn set(self) -> Set {
        match self {
            Self::Fresh => Set::First,
            Self::Random => Set::RandomIds,
            Self::Upsert | Self::Sync | Self::Skip => Set::Changed,
        }
    }

    pub(crate) fn strategy(self) -> Strategy {
        match self {
            Self::Fresh | Self::Random | Self::Upsert => Strategy::Upsert,
            Self::Sync => Strategy::Sync,
            Self::Skip => Strategy::Skip,
        }
    }

    /// How many records took the way of the case.
    pub(crate) fn counted(self, counters: &Counters) -> u64 {
        match self {
            Self::Fresh | Self::Random => counters.records_imported,
            Self::Upsert => counters.records_updated,
            Self::Sync | Self::Skip => counters.records_skipped,
        }
    }

    /// The spelling on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What a raw loop does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Inserts into an empty table.
    Insert(Set),
    /// Updates every record of a table by `INSERT … ON CONFLICT DO UPDATE`.
    Upsert,
}
