//! Workers: threads that take runs from the queue, one at a time each.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use reinstate_store::StoreError;
use reinstate_store::control::{ClaimRules, ClaimedExtract, ClaimedRun};

use crate::ids::prefixed;
use crate::jobs::{ExtractPlace, Inner};
use crate::{execution, extracts};

/// Starts the workers.
pub(crate) fn start(inner: &Arc<Inner>) -> impl Iterator<Item = std::io::Result<JoinHandle<()>>> {
    let process = prefixed("worker", inner.ids.as_ref());
    (1..=inner.settings.workers).map(move |number| {
        let inner = Arc::clone(inner);
        let name = format!("{process}/{number}");
        Builder::new().name(format!("worker-{number}")).spawn(move || work(&inner, &name))
    })
}

fn work(inner: &Inner, name: &str) {
    let rules = ClaimRules { lease_ms: inner.settings.lease_ms, attempts_max: inner.settings.attempts_max };
    let mut extracts_first = false;
    loop {
        let seen = inner.signal.wakes();
        // Before the look whether to stop, so that whoever says stop sees either this or the end of it.
        let claiming = inner.claiming();
        if inner.signal.is_stopping() {
            return;
        }
        let asked = Instant::now();
        extracts_first = !extracts_first;
        match claim(inner, name, rules, extracts_first) {
            Ok(Some(Claimed::Restore(claimed))) => execution::execute(inner, &claimed, asked, claiming),
            Ok(Some(Claimed::Extract(claimed, _place))) => {
                extracts::execute(inner, &claimed, asked, claiming)
            }
            Ok(None) => {
                drop(claiming);
                inner.signal.wait(seen, poll(inner));
            }
            Err(error) => {
                drop(claiming);
                tracing::warn!(%error, "could not look for runs; trying again");
                inner.signal.wait(seen, Duration::from_millis(inner.settings.poll_ms));
            }
        }
    }
}

/// A run that this worker has now.
enum Claimed<'a> {
    Restore(ClaimedRun),
    /// With its place among the extracts, which is kept until it ended.
    Extract(ClaimedExtract, ExtractPlace<'a>),
}

/// Asks for a run. The two kinds take turns in being asked for first, so that neither keeps the other waiting for ever;
/// of several workers one is left for restores, however many extracts there are.
fn claim<'a>(
    inner: &'a Inner,
    name: &str,
    rules: ClaimRules,
    extracts_first: bool,
) -> Result<Option<Claimed<'a>>, StoreError> {
    let control = &inner.store.control;
    let restore = || Ok(control.run_claim(name, inner.now(), rules)?.map(Claimed::Restore));
    let extract = || {
        let Some(place) = inner.extract_place() else { return Ok(None) };
        let claimed = control.extract_run_claim(name, inner.now(), rules)?;
        Ok(claimed.map(|claimed| Claimed::Extract(claimed, place)))
    };
    let first = if extracts_first { extract() } else { restore() }?;
    match first {
        Some(claimed) => Ok(Some(claimed)),
        None if extracts_first => restore(),
        None => extract(),
    }
}

/// How long to wait before the next look. Many processes look after an outage at the same moment, so that looks are
/// spread by chance.
fn poll(inner: &Inner) -> Duration {
    if !inner.signal.is_listening() {
        return Duration::from_millis(inner.settings.poll_ms);
    }
    let poll_ms = inner.settings.poll_listening_ms;
    let spread = (poll_ms / 5).max(1);
    let chance = RandomState::new().hash_one(0_u8) % spread;
    Duration::from_millis(poll_ms.saturating_sub(spread / 2).saturating_add(chance))
}
