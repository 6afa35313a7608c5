//! Black-box tests of the built program, and the checks that keep the workspace in its form.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod archives;
mod configuration;
mod crash;
mod fence;
mod import;
mod inspect;
mod program;
mod style;
mod token;
mod workspace;
