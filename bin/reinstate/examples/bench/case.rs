//! What is measured: the rows of the table of goals.

use clap::ValueEnum;
use reinstate_engine::Strategy;

use crate::data::Set;

/// One measurement of a restore and the raw loop that it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// A model that is new, ids ascending.
    Fresh,
    /// A model that is new, ids in no order.
    Random,
    /// Every record is there and takes other values.
    Upsert,
    /// Every record is there and is left as it is; the first thousand are reported.
    Sync,
    /// Every record is there and is left as it is.
    Skip,
}

impl Case {
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

    /// The records that are there before.
    pub(crate) fn before(self) -> Option<Set> {
        match self {
            Self::Fresh | Self::Random => None,
            Self::Upsert | Self::Sync | Self::Skip => Some(Set::First),
        }
    }

    /// The records of the archive that is measured.
    pub(crate) fn archive(self) -> Set {
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
