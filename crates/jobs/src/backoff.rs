//! How long a run waits that was put back because something was not available.

/// First wait, in microseconds. Doubles each time.
const FIRST_MICROS: i64 = 250_000;

/// Longest wait, in microseconds.
const MAX_MICROS: i64 = 30_000_000;

/// Doublings after which the longest wait is reached for certain.
const DOUBLINGS_MAX: i64 = 16;

/// A run's waits so far, and the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// How often the run was put back.
    pub(crate) postponed: i64,
    /// How long it waits next, in microseconds.
    pub(crate) wait_micros: i64,
}

impl Backoff {
    /// Reads it off a run's claims and attempts: claims that do not count as attempts were put back.
    pub(crate) fn of(fence: i64, attempt: i32) -> Self {
        let postponed = fence.saturating_sub(i64::from(attempt)).max(0);
        let wait_micros = (FIRST_MICROS << postponed.min(DOUBLINGS_MAX)).min(MAX_MICROS);
        Self { postponed, wait_micros }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let waits: Vec<_> = [1, 2, 3, 20, 900].map(|fence| Backoff::of(fence, 1).wait_micros).into();
        assert_eq!(waits, [250_000, 500_000, 1_000_000, 30_000_000, 30_000_000]);
        assert_eq!(Backoff::of(5, 2).postponed, 3);
    }
}
