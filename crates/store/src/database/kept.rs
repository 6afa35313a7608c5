//! Which statements a connection keeps prepared.
//!
//! diesel keeps every statement that may be kept, for as long as the connection lives. The texts of ours come of
//! requests, and of tenants, models and versions of definitions: without a bound they would pile up. So a text is kept
//! from its second time on, up to a number; and once many would be kept that find no place, all are let go and the
//! places are free for those of the moment. A connection whose texts never come again costs nothing but their hashes.

use std::collections::HashSet;

/// Statements that a connection keeps. A server holds up to some tens of kilobytes for each, a file's connection some
/// kilobytes: with the default pools that is less than a hundred megabytes of a server, and a megabyte a tenant.
const KEPT_MAX: usize = 64;

/// Hashes of texts that came once, before all of them are forgotten: more than a connection keeps, so that texts that
/// take turns are recognised.
const SEEN_MAX: usize = 8 * KEPT_MAX;

/// Statements that came again and found no place, after which those that have one give it up: preparing all of them
/// again is then a small part of the work.
const REFUSED_MAX: usize = 16 * KEPT_MAX;

/// What a connection knows of the statements that it ran.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    kept: HashSet<u64>,
    seen: HashSet<u64>,
    refused: usize,
}

impl Kept {
    /// Whether a statement with this hash of its text is to be kept, or is kept already.
    pub(crate) fn admits(&mut self, hash: u64) -> bool {
        if self.kept.contains(&hash) {
            return true;
        }
        if !self.seen.contains(&hash) {
            if self.seen.len() >= SEEN_MAX {
                self.seen.clear();
            }
            self.seen.insert(hash);
            return false;
        }
        if self.kept.len() >= KEPT_MAX {
            self.refused += 1;
            return false;
        }
        self.kept.insert(hash)
    }

    /// Whether the statements that are kept are those of another time, and have to be let go.
    pub(crate) fn is_stale(&self) -> bool {
        self.refused >= REFUSED_MAX
    }

    /// Gives all places free, after the statements were let go.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.refused = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statement_is_kept_from_its_second_time_on() {
        let mut kept = Kept::default();
        assert_eq!(
            [kept.admits(1), kept.admits(1), kept.admits(2), kept.admits(1)],
            [false, true, false, true]
        );
    }

    #[test]
    fn statements_beyond_the_bound_find_a_place_once_they_came_often() {
        let mut kept = Kept::default();
        let earlier = || 0..KEPT_MAX as u64;
        assert!(!earlier().any(|hash| kept.admits(hash)) && earlier().all(|hash| kept.admits(hash)));
        let later = KEPT_MAX as u64;
        assert!(!(0..=REFUSED_MAX).any(|_| kept.is_stale() || kept.admits(later)));
        assert!(kept.is_stale());
        kept.clear();
        assert!(!kept.is_stale() && kept.admits(later));
    }

    #[test]
    fn statements_that_never_come_again_take_no_places() {
        let mut kept = Kept::default();
        assert!(!(0..10_000).any(|hash| kept.admits(hash)));
        assert!(kept.kept.is_empty() && kept.seen.len() <= SEEN_MAX && !kept.is_stale());
    }
}
