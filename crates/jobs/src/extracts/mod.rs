//! The use cases of extracts: manage configurations, run, cancel and download.

mod artifacts;
mod configuration;
mod definition;
mod download;
mod ending;
mod execution;
mod options;
mod settlement;
mod work;

pub use download::ExtractFile;
pub(crate) use work::execute;
