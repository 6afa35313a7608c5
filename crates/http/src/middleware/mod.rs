//! What happens around every handler, from the outside in: observing, authenticating, guarding.

mod authenticate;
mod guard;
mod observe;

pub(crate) use authenticate::{SignedIn, authenticate};
pub(crate) use guard::guard;
pub(crate) use observe::observe;
