//! The channel between the reading and the writing thread of a file: bounded in bytes, so that memory does not
//! grow with the size of records.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Items on their way from one thread to another, each with its size.
pub(crate) struct Channel<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    bytes_max: usize,
}

struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    is_open: bool,
}

/// One end of a channel; dropping it, by a panic too, tells the other end.
pub(crate) struct End<'a, T>(&'a Channel<T>);

impl<T> Channel<T> {
    /// A channel that holds items of `bytes_max` bytes in all, or a single larger one.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let state = State { items: VecDeque::new(), bytes: 0, is_open: true };
        Self { state: Mutex::new(state), changed: Condvar::new(), bytes_max }
    }

    /// An end; each thread takes one.
    pub(crate) fn end(&self) -> End<'_, T> {
        End(self)
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing in this module panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> End<'_, T> {
    /// Hands an item over, waiting for room; false where the other end is gone.
    pub(crate) fn send(&self, item: T, bytes: usize) -> bool {
        let channel = self.0;
        let is_full = |state: &mut State<T>| {
            state.is_open && !state.items.is_empty() && state.bytes.saturating_add(bytes) > channel.bytes_max
        };
        let waited = channel.changed.wait_while(channel.state(), is_full);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.is_open {
            state.items.push_back((item, bytes));
            state.bytes = state.bytes.saturating_add(bytes);
            channel.changed.notify_all();
        }
        state.is_open
    }

    /// Takes the next item, waiting for one; `None` where the other end is gone and everything was taken.
    pub(crate) fn receive(&self) -> Option<T> {
        let channel = self.0;
        let is_empty = |state: &mut State<T>| state.is_open && state.items.is_empty();
        let waited = channel.changed.wait_while(channel.state(), is_empty);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        let (item, bytes) = state.items.pop_front()?;
        state.bytes = state.bytes.saturating_sub(bytes);
        channel.changed.notify_all();
        Some(item)
    }
}

impl<T> Drop for End<'_, T> {
    fn drop(&mut self) {
        self.0.state().is_open = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_arrive_in_order_and_the_end_is_told() {
        let channel = Channel::new(10);
        let receiver = channel.end();
        let received = std::thread::scope(|scope| {
            let sender = channel.end();
            scope.spawn(move || {
                for number in 0..100 {
                    assert!(sender.send(number, 4));
                }
            });
            std::iter::from_fn(|| receiver.receive()).collect::<Vec<_>>()
        });
        assert_eq!(received, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn an_item_larger_than_the_channel_passes_alone() {
        let channel = Channel::new(10);
        let (sender, receiver) = (channel.end(), channel.end());
        assert!(sender.send("large", 1_000));
        assert_eq!(receiver.receive(), Some("large"));
    }

    #[test]
    fn a_sender_that_waits_hears_that_nobody_listens() {
        let channel = Channel::new(1);
        let receiver = channel.end();
        std::thread::scope(|scope| {
            let sender = channel.end();
            let sending = scope.spawn(move || (sender.send(1, 1), sender.send(2, 1)));
            assert_eq!(receiver.receive(), Some(1));
            drop(receiver);
            assert!(sending.join().unwrap().0);
        });
    }
}
