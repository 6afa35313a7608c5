//! One pass of checks, two ways to end it: at the first fault (a restore) or with all of them (an inspection).

use crate::error::ArchiveError;

/// Faults that an inspection lists at most; an archive made of nothing else needs no longer list.
const FAULTS_MAX: usize = 200;

/// Where checks report to.
#[derive(Debug)]
pub(crate) enum Faults {
    /// The first fault ends the pass.
    StopAtFirst,
    /// Faults are gathered and the pass goes on.
    Gather(Vec<ArchiveError>),
}

impl Faults {
    /// Hands in a fault.
    ///
    /// # Errors
    /// The fault itself, where the first one ends the pass.
    pub(crate) fn report(&mut self, fault: ArchiveError) -> Result<(), ArchiveError> {
        match self {
            Self::StopAtFirst => Err(fault),
            Self::Gather(found) => {
                if found.len() < FAULTS_MAX {
                    found.push(fault);
                }
                Ok(())
            }
        }
    }

    /// What was gathered.
    pub(crate) fn into_found(self) -> Vec<ArchiveError> {
        match self {
            Self::StopAtFirst => Vec::new(),
            Self::Gather(found) => found,
        }
    }
}
