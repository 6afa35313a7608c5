//! Ending a statement that takes long and reads no rows of ours, as one that makes an index.
//!
//! SQLite asks back every so many steps whether to go on. The answer comes from what the thread was told: a connection
//! runs on one thread at a time.
//!
//! # Why this is sound
//! The callback is given no pointer, reads only what belongs to its thread, and calls nothing that panics.
#![allow(unsafe_code, reason = "the callback is a C one; diesel has no interface for it")]

use std::cell::RefCell;
use std::ffi::{c_int, c_void};
use std::ptr;

use libsqlite3_sys as ffi;
use reinstate_engine::Cancellation;

/// Steps between two questions: some milliseconds, and too many to be felt.
const STEPS: c_int = 100_000;

thread_local! {
    /// Who may end the statements of this thread.
    static ASKED: RefCell<Option<Cancellation>> = const { RefCell::new(None) };
}

/// Ends the time in which somebody is asked.
struct Unasked;

impl Drop for Unasked {
    fn drop(&mut self) {
        ASKED.with_borrow_mut(|asked| *asked = None);
    }
}

/// Runs `work`, whose statements fail as interrupted once the run is asked to stop.
pub(crate) fn while_wanted<T>(cancellation: &Cancellation, work: impl FnOnce() -> T) -> T {
    let _unasked = Unasked;
    ASKED.with_borrow_mut(|asked| *asked = Some(cancellation.clone()));
    work()
}

/// Makes a connection that is being opened ask.
///
/// # Safety
/// `db` is a connection that is open.
pub(super) unsafe fn register(db: *mut ffi::sqlite3) {
    // SAFETY: the caller's; the callback lives as long as the program and is given no pointer.
    unsafe { ffi::sqlite3_progress_handler(db, STEPS, Some(ask), ptr::null_mut()) };
}

unsafe extern "C" fn ask(_: *mut c_void) -> c_int {
    let is_stopped = |asked: &RefCell<Option<Cancellation>>| {
        let asked = asked.try_borrow();
        asked.is_ok_and(|asked| asked.as_ref().is_some_and(|asked| asked.stopped().is_some()))
    };
    c_int::from(ASKED.try_with(is_stopped).unwrap_or(false))
}
