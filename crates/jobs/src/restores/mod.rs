//! The use cases of restores: manage configurations, run, cancel and import.

mod caller;
mod configuration;
mod definition;
mod execution;
mod options;

pub(crate) use caller::{caller_from_json, caller_to_json};
pub use execution::Imported;
pub use options::{ImportForm, ImportOptions};
