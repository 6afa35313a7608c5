//! What a restore is asked to do, and what it is given to do it with.

use reinstate_describe::Caller;

use crate::event::Events;
use crate::port::{Cancellation, Clock, IdSource};
use crate::strategy::Strategy;

/// Which halves of an archive a restore takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Include {
    /// Models and fields.
    pub describe: bool,
    /// Records.
    pub data: bool,
}

impl Default for Include {
    fn default() -> Self {
        Self { describe: true, data: true }
    }
}

/// A restore to be done.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    /// The run's id; becomes the mark in the tenant's data.
    pub run_id: String,
    /// The fencing number under which the run works.
    pub fence: i64,
    /// What to do with what is there.
    pub strategy: Strategy,
    /// Which halves to take.
    pub include: Include,
    /// Only these models, compared without case; `None` for all.
    pub models: Option<Vec<String>>,
    /// Whether models that the tenant lacks may be created.
    pub create_models: bool,
    /// On whose behalf.
    pub caller: Caller,
}

/// Asked once, right before the commit: the last moment at which a run can still be called off.
pub trait Gate {
    /// Whether the run may commit. After `true` a cancel comes too late.
    fn may_commit(&mut self) -> bool;
}

/// A gate that is always open, for restores that nobody can cancel from outside.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenGate;

impl Gate for OpenGate {
    fn may_commit(&mut self) -> bool {
        true
    }
}

/// What a restore needs from outside besides the archive and the target.
pub struct Environment<'a> {
    /// Tells the time that new records carry.
    pub clock: &'a dyn Clock,
    /// Names records that have no id.
    pub ids: &'a dyn IdSource,
    /// Hears what happens.
    pub events: &'a mut dyn Events,
    /// Says when to stop.
    pub cancellation: &'a Cancellation,
    /// Says whether the commit may go ahead.
    pub gate: &'a mut dyn Gate,
}
