//! Workers: threads that take runs from the queue, one at a time each.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use reinstate_store::control::ClaimRules;

use crate::execution;
use crate::ids::prefixed;
use crate::jobs::Inner;
use crate::messenger;

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
    loop {
        let seen = inner.signal.wakes();
        if inner.signal.is_stopping() {
            return;
        }
        match inner.store.control.run_claim(name, inner.lease_now(), rules) {
            Ok(Some(claimed)) => execution::execute(inner, &claimed),
            Ok(None) => inner.signal.wait(seen, messenger::poll(inner)),
            Err(error) => {
                tracing::warn!(%error, "could not look for runs; trying again");
                inner.signal.wait(seen, messenger::poll(inner));
            }
        }
    }
}
