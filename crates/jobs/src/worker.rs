//! Workers: threads that take runs from the queue, one at a time each.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use reinstate_store::control::ClaimRules;

use crate::execution;
use crate::ids::prefixed;
use crate::jobs::Inner;

/// Starts the workers.
pub(crate) fn start(inner: &Arc<Inner>) -> impl Iterator<Item = std::io::Result<JoinHandle<()>>> {
    let process = prefixed("worker", inner.ids.as_ref());
    (1..=inner.settings.workers).map(move |number| {
        let inner = Arc::clone(inner);
        let name = format!("{process}/{number}");
        Builder::new().name(format!("restore-{number}")).spawn(move || work(&inner, &name))
    })
}

fn work(inner: &Inner, name: &str) {
    let rules = ClaimRules { lease_ms: inner.settings.lease_ms, attempts_max: inner.settings.attempts_max };
    let poll = Duration::from_millis(inner.settings.poll_ms);
    loop {
        let seen = inner.signal.wakes();
        if inner.signal.is_stopping() {
            return;
        }
        match inner.store.control.run_claim(name, inner.clock.now_micros(), rules) {
            Ok(Some(claimed)) => execution::execute(inner, &claimed),
            Ok(None) => inner.signal.wait(seen, poll),
            Err(error) => {
                tracing::warn!(%error, "could not look for runs; trying again");
                inner.signal.wait(seen, poll);
            }
        }
    }
}
