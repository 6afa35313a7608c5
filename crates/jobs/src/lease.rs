//! How long a worker may still take its run for its own, by its own monotonic clock.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::jobs::lock;

/// The lease of one run. It ends a little earlier here than for everybody else: stopping takes a moment.
#[derive(Debug)]
pub(crate) struct Lease {
    length: Duration,
    renewed: Mutex<Instant>,
}

/// Signs of life within one lease: two may be lost before the run is.
const RENEWALS_PER_LEASE: u32 = 3;

/// The part of a lease that is left to let go of the run.
const LET_GO_PART: u32 = 10;

impl Lease {
    /// A lease that was asked for at `asked`.
    pub(crate) fn new(length_ms: u64, asked: Instant) -> Self {
        Self { length: Duration::from_millis(length_ms), renewed: Mutex::new(asked) }
    }

    /// It was given again, as asked for at that instant.
    pub(crate) fn renew(&self, asked: Instant) {
        *lock(&self.renewed) = asked;
    }

    /// Whether it is time for a sign of life.
    pub(crate) fn is_due(&self) -> bool {
        lock(&self.renewed).elapsed() >= self.length / RENEWALS_PER_LEASE
    }

    /// What is left before the run has to be let go of.
    pub(crate) fn left(&self) -> Duration {
        (self.length - self.length / LET_GO_PART).saturating_sub(lock(&self.renewed).elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_let_go_of_before_it_ends_and_counts_from_when_it_was_asked_for() {
        let now = Instant::now();
        let lease = Lease::new(3_600_000, now);
        assert!(!lease.is_due());
        assert!(lease.left() <= Duration::from_secs(3_240));
        let lease = Lease::new(10_000, now.checked_sub(Duration::from_secs(9)).unwrap());
        assert!(lease.is_due() && lease.left().is_zero());
        lease.renew(Instant::now());
        assert!(!lease.is_due() && !lease.left().is_zero());
    }
}
