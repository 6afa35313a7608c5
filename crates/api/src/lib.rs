//! The wire of the HTTP API: what requests and answers look like, the error codes, and (feature `client`) a
//! typed client.
//!
//! These types depend on no other room, so that a client can use them without pulling a database in. The
//! server's own types are turned into these at its rim and nowhere else.

#[cfg(feature = "client")]
pub mod client;
pub mod code;
pub mod definition;
pub mod envelope;
pub mod extract;
pub mod operations;
pub mod restore;

#[cfg(feature = "client")]
pub use client::{Client, ClientError, Downloaded, ImportOptions};
pub use code::ErrorCode;
pub use definition::{FieldDefinition, ModelDefinition};
pub use envelope::{Failure, Page, Success, ValidationError, ValidationErrors};
pub use extract::{
    ArtifactRecord, ExtractBody, ExtractConfiguration, ExtractProgressDetail, ExtractRunRecord,
};
pub use operations::{Health, Readiness, Welcome};
pub use restore::{
    ImportAccepted, ImportConfig, LogRecord, ProgressDetail, RestoreBody, RunAccepted, RunCancelled,
    RunRecord, RunStatus, UploadAccepted,
};
