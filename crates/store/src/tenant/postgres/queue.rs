//! Blocks of rows on their way to the thread that writes them to the server: bounded in bytes, so that memory does
//! not follow the size of a file.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use diesel::QueryResult;
use diesel::result::Error as DieselError;

use super::block::{Block, Destination, Origin, Unwritten, copy};
use crate::database::Database;

/// Largest room that is kept to be used again: what a large record took is given back.
const SPARE_BYTES_MAX: usize = 1024 * 1024;

/// Rooms that are kept to be used again: one is filled while the other is written.
const SPARES_MAX: usize = 2;

/// Blocks between the thread that fills them and the one that writes them.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    blocks: VecDeque<Block>,
    bytes: usize,
    spares: Vec<Vec<u8>>,
    /// No more blocks come.
    is_ended: bool,
    /// Nobody wants what was put any more.
    is_abandoned: bool,
    /// Nobody takes blocks any more.
    is_left: bool,
}

/// The end at which blocks are taken; dropping it, by a panic too, tells the other end.
struct Taker<'a>(&'a Queue);

impl Queue {
    /// A queue for blocks of `bytes_max` bytes in all, or a single larger one.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), bytes_max }
    }

    /// Puts a block, waiting for room; false where nobody takes blocks any more.
    pub(super) fn put(&self, block: Block) -> bool {
        let bytes = block.bytes.len();
        let is_full = |state: &mut State| {
            !state.is_left && !state.blocks.is_empty() && state.bytes.saturating_add(bytes) > self.bytes_max
        };
        let waited = self.changed.wait_while(self.state(), is_full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.is_left {
            return false;
        }
        state.bytes = state.bytes.saturating_add(bytes);
        state.blocks.push_back(block);
        self.changed.notify_all();
        true
    }

    /// Room for a block that was used before, where there is some.
    pub(super) fn spare(&self) -> Vec<u8> {
        self.state().spares.pop().unwrap_or_default()
    }

    /// Says that no more blocks come.
    pub(super) fn end(&self) {
        self.state().is_ended = true;
        self.changed.notify_all();
    }

    /// Says that no more blocks come, and that those that were put are not wanted: the `COPY` is broken off.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        (state.is_ended, state.is_abandoned) = (true, true);
        drop(state);
        self.changed.notify_all();
    }

    /// Writes blocks to the server until no more come, in as few `COPY`s as may be. Leaves the queue with the first
    /// that fails.
    pub(super) fn feed(&self, connection: &mut Database) -> Result<(), Unwritten> {
        let taker = Taker(self);
        while let Some(to) = taker.next_destination() {
            taker.copy(connection, &to)?;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in this module panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taker<'_> {
    /// Where the next block goes; `None` where no more come or are wanted.
    fn next_destination(&self) -> Option<Destination> {
        let state = self.wait();
        let block = if state.is_abandoned { None } else { state.blocks.front() };
        block.map(|block| block.to.clone())
    }

    /// One `COPY` of all blocks for a destination that come next, up to as many as it should have.
    fn copy(&self, connection: &mut Database, to: &Destination) -> Result<(), Unwritten> {
        let origin = RefCell::new(Origin::default());
        let copied = copy(connection, to, |out| {
            let mut sent = 0;
            while sent < to.copy_bytes_max() {
                let Some(block) = self.take(to)? else { break };
                origin.borrow_mut().add(&block.origin);
                block.write(out)?;
                sent += block.bytes.len();
                self.give_back(block.bytes);
            }
            Ok(())
        });
        copied.map_err(|error| Unwritten { origin: origin.into_inner(), error })
    }

    /// The next block, where it is for `to`.
    fn take(&self, to: &Destination) -> QueryResult<Option<Block>> {
        let mut state = self.wait();
        if state.is_abandoned {
            return Err(DieselError::QueryBuilderError("the rows are not wanted any more".into()));
        }
        if state.blocks.front().is_none_or(|block| block.to != *to) {
            return Ok(None);
        }
        let block = state.blocks.pop_front();
        state.bytes = state.bytes.saturating_sub(block.as_ref().map_or(0, |block| block.bytes.len()));
        self.0.changed.notify_all();
        Ok(block)
    }

    /// Waits for a block, or for the end.
    fn wait(&self) -> MutexGuard<'_, State> {
        let is_empty = |state: &mut State| state.blocks.is_empty() && !state.is_ended;
        let waited = self.0.changed.wait_while(self.0.state(), is_empty);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        let mut state = self.0.state();
        if bytes.capacity() <= SPARE_BYTES_MAX && state.spares.len() < SPARES_MAX {
            bytes.clear();
            state.spares.push(bytes);
        }
    }
}

impl Drop for Taker<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_left = true;
        state.blocks.clear();
        drop(state);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(table: &str, bytes: usize) -> Block {
        Block::new(Destination::new(table, &[]), vec![0; bytes])
    }

    #[test]
    fn blocks_are_taken_in_order_and_by_their_destination() {
        let queue = Queue::new(10);
        let taker = Taker(&queue);
        let (one, other) = (Destination::new("one", &[]), Destination::new("other", &[]));
        assert!(queue.put(block("one", 4)) && queue.put(block("other", 5)));
        assert_eq!(taker.next_destination(), Some(one.clone()));
        assert_eq!(taker.take(&one).unwrap().map(|block| block.bytes.len()), Some(4));
        assert!(taker.take(&one).unwrap().is_none());
        assert_eq!(taker.next_destination(), Some(other.clone()));
        queue.end();
        assert_eq!(taker.take(&other).unwrap().map(|block| block.bytes.len()), Some(5));
        assert_eq!(taker.next_destination(), None);
    }

    #[test]
    fn block_larger_than_the_queue_passes_alone_and_its_room_is_not_kept() {
        let queue = Queue::new(10);
        let taker = Taker(&queue);
        let to = Destination::new("one", &[]);
        assert!(queue.put(block("one", SPARE_BYTES_MAX + 1)));
        let bytes = taker.take(&to).unwrap().unwrap().bytes;
        taker.give_back(bytes);
        assert_eq!(queue.spare().capacity(), 0);
        taker.give_back(Vec::with_capacity(8));
        assert_eq!(queue.spare().capacity(), 8);
    }

    #[test]
    fn whoever_waits_for_room_hears_that_nobody_takes() {
        let queue = Queue::new(1);
        let taker = Taker(&queue);
        std::thread::scope(|scope| {
            let putting = scope.spawn(|| (queue.put(block("one", 1)), queue.put(block("one", 1))));
            assert!(taker.next_destination().is_some());
            drop(taker);
            assert!(putting.join().unwrap().0);
        });
        assert!(!queue.put(block("one", 1)));
    }

    #[test]
    fn rows_that_are_not_wanted_break_the_copy_off() {
        let queue = Queue::new(10);
        let taker = Taker(&queue);
        assert!(queue.put(block("one", 1)));
        queue.abandon();
        assert!(taker.take(&Destination::new("one", &[])).is_err());
    }
}
