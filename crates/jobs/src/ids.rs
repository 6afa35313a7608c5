//! The clock and the ids of a real server. Tests bring their own.

use std::time::{SystemTime, UNIX_EPOCH};

use reinstate_engine::{Clock, IdSource};
use uuid::Uuid;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        // Before 1970 only on a machine whose clock was never set.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

/// Ids that sort by when they were made (`UUIDv7`), also within one millisecond of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeOrderedIds;

impl IdSource for TimeOrderedIds {
    fn record_id(&self) -> String {
        Uuid::now_v7().to_string()
    }
}

/// An id with the prefix that tells what it names.
pub(crate) fn prefixed(prefix: &str, ids: &dyn IdSource) -> String {
    format!("{prefix}_{}", ids.record_id())
}
