//! .
use reinstate_store::control::ClaimedRun;

use crate::jobs::Inner;

pub(crate) fn execute(_inner: &Inner, _claimed: &ClaimedRun) {
    todo!()
}
