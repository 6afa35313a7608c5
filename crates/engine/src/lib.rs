//! The restore engine: what a strategy decides, what a restore does step by step, and the ports through which
//! it reaches a tenant's data.
//!
//! It runs a whole restore with no database, clock, thread pool or network: an archive from memory, the
//! in-memory target, events into a vector.

mod channel;
pub mod counters;
mod definitions;
pub mod error;
pub mod event;
pub mod extract;
pub mod guard;
pub mod memory;
pub mod plan;
pub mod port;
mod records;
mod reporter;
pub mod request;
mod restore;
pub mod source;
pub mod strategy;

pub use counters::Counters;
pub use error::{FailureKind, RestoreError, RestoreFailure};
pub use event::{Event, Events, LogEntry, LogLevel, LogPhase, Progress, ProgressPhase};
pub use extract::{
    ExtractEnvironment, ExtractError, ExtractFailure, ExtractPhase, ExtractProgress, ExtractRequest,
    Extracted, extract,
};
pub use guard::Guard;
pub use memory::{MemorySource, MemoryTarget, MemoryTenant};
pub use port::{
    Cancellation, Clock, Conflict, ConflictRow, Existing, IdSource, RefusedRow, RunMark, Stop, Target,
    TargetError, WriteOutcome,
};
pub use request::{Environment, Gate, Include, OpenGate, RestoreRequest};
pub use restore::restore;
pub use source::{Selection, Source, SourceError};
pub use strategy::{Decision, OnExisting, OnRepeated, Strategy};
