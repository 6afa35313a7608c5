//! How threads are told that there is work, or that it is time to go.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::jobs::lock;

/// A bell that many threads wait for.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// How often it rang.
    wakes: u64,
    /// Take nothing new.
    stopping: bool,
    /// Leave what was begun.
    stopping_now: bool,
    /// It rings for whatever other processes do, too.
    listening: bool,
    /// It rings by itself then.
    alarm: Option<Instant>,
}

impl Signal {
    /// How often it rang: to be asked before looking for work, and given to [`Signal::wait`] afterwards.
    pub(crate) fn wakes(&self) -> u64 {
        lock(&self.state).wakes
    }

    /// There is something to do.
    pub(crate) fn wake(&self) {
        lock(&self.state).wakes += 1;
        self.changed.notify_all();
    }

    /// There will be something to do in a while.
    pub(crate) fn wake_in(&self, wait: Duration) {
        let at = Instant::now() + wait;
        let mut state = lock(&self.state);
        state.alarm = Some(state.alarm.map_or(at, |alarm| alarm.min(at)));
        drop(state);
        self.wake();
    }

    /// Whether it rings for whatever other processes do, too.
    pub(crate) fn set_listening(&self, listening: bool) {
        lock(&self.state).listening = listening;
    }

    /// Whether it rings for whatever other processes do, too.
    pub(crate) fn is_listening(&self) -> bool {
        lock(&self.state).listening
    }

    /// Take nothing new.
    pub(crate) fn stop(&self) {
        lock(&self.state).stopping = true;
        self.changed.notify_all();
    }

    /// Leave what was begun.
    pub(crate) fn stop_now(&self) {
        let mut state = lock(&self.state);
        state.stopping = true;
        state.stopping_now = true;
        drop(state);
        self.changed.notify_all();
    }

    /// Whether nothing new is to be taken.
    pub(crate) fn is_stopping(&self) -> bool {
        lock(&self.state).stopping
    }

    /// Whether what was begun is to be left.
    pub(crate) fn is_stopping_now(&self) -> bool {
        lock(&self.state).stopping_now
    }

    /// Waits until it rang more often than `seen`, it is time to go, or the time is over.
    pub(crate) fn wait(&self, seen: u64, timeout: Duration) {
        let alarm = lock(&self.state).alarm;
        let until_alarm = alarm.map(|alarm| alarm.saturating_duration_since(Instant::now()));
        let timeout = until_alarm.map_or(timeout, |left| left.min(timeout));
        self.wait_while(timeout, |state| state.wakes == seen && !state.stopping);
        let mut state = lock(&self.state);
        // Everybody who waited for it wakes up by himself; a later one may have been set meanwhile.
        state.alarm = state.alarm.filter(|alarm| *alarm > Instant::now());
    }

    /// Waits until it is time to go or the time is over, whether there is work or not.
    pub(crate) fn pause(&self, timeout: Duration) {
        self.wait_while(timeout, |state| !state.stopping);
    }

    /// Waits until it is time to leave what was begun, or the time is over.
    pub(crate) fn pause_through_stop(&self, timeout: Duration) {
        self.wait_while(timeout, |state| !state.stopping_now);
    }

    /// Waits until `is_idle` says so, asking whenever it rings, or what was begun is to be left, or the time is over.
    pub(crate) fn wait_idle(&self, timeout: Duration, is_idle: impl Fn() -> bool) {
        let end = Instant::now() + timeout;
        loop {
            let seen = self.wakes();
            let left = end.saturating_duration_since(Instant::now());
            if is_idle() || left.is_zero() || self.is_stopping_now() {
                return;
            }
            self.wait_while(left, |state| state.wakes == seen && !state.stopping_now);
        }
    }

    fn wait_while(&self, timeout: Duration, mut goes_on: impl FnMut(&State) -> bool) {
        let state = lock(&self.state);
        let _ = self
            .changed
            .wait_timeout_while(state, timeout, |state| goes_on(state))
            .unwrap_or_else(PoisonError::into_inner);
    }
}
