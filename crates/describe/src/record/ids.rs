//! The ids of a batch in the making, found by hash, so that no row needs a text of its own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// Keys are hashes already.
#[derive(Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Rows by the hash of their id. The hash is keyed at random, so that no file can be made to collide.
#[derive(Debug, Default)]
pub(super) struct IdIndex {
    state: RandomState,
    rows: HashMap<u64, u32, BuildHasherDefault<Identity>>,
    /// Rows whose hash an earlier row has too.
    twins: Vec<(u64, u32)>,
}

impl IdIndex {
    pub(super) fn hash(&self, id: &str) -> u64 {
        self.state.hash_one(id)
    }

    /// Whether a row has the id; `has_id` says so of one row.
    pub(super) fn contains(&self, hash: u64, has_id: impl Fn(u32) -> bool) -> bool {
        self.rows.get(&hash).is_some_and(|row| {
            has_id(*row) || self.twins.iter().any(|(twin, row)| *twin == hash && has_id(*row))
        })
    }

    pub(super) fn insert(&mut self, hash: u64, row: u32) {
        match self.rows.entry(hash) {
            Entry::Occupied(_) => self.twins.push((hash, row)),
            Entry::Vacant(place) => {
                place.insert(row);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.twins.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_hash_are_told_apart() {
        let mut index = IdIndex::default();
        index.insert(7, 0);
        index.insert(7, 1);
        assert!(index.contains(7, |row| row == 1));
        assert!(!index.contains(7, |row| row == 2));
        assert!(!index.contains(8, |_| true));
    }
}
