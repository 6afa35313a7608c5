//! The `reinstate` program.

mod configuration;
mod error;

fn main() {}
