//! What a server does instead of answering.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What is wrong with the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Every request is answered with 503.
    Unavailable,
    /// No request is answered, until the fault is taken back.
    Silent,
    /// Every request is answered with 403, whoever signed it.
    Denied,
    /// Every answer with an object breaks off after so many bytes of it.
    Cut(usize),
    /// Uploads in parts are not finished: who asks for that waits until the fault is taken back.
    Unfinished,
}

/// The switch.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    fault: Option<Fault>,
    /// Requests that are answered before the fault begins.
    answered_before: usize,
    requests: usize,
}

impl Switch {
    /// Sets what is wrong after so many further requests.
    pub(crate) fn set(&self, fault: Option<Fault>, answered_before: usize) {
        let mut state = self.lock();
        state.fault = fault;
        state.answered_before = answered_before;
        drop(state);
        self.changed.notify_waiters();
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.lock().requests
    }

    /// What is wrong for the next request, which is counted.
    pub(crate) fn pass(&self) -> Option<Fault> {
        let mut state = self.lock();
        state.requests += 1;
        let fault = state.fault?;
        if state.answered_before == 0 {
            return Some(fault);
        }
        state.answered_before -= 1;
        None
    }

    /// Waits until a fault is taken back.
    pub(crate) async fn without(&self, fault: Fault) {
        loop {
            let changed = self.changed.notified();
            if self.lock().fault != Some(fault) {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
