//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::demo::DemoArguments;
use crate::commands::extract::ExtractArguments;
use crate::commands::import::ImportArguments;
use crate::commands::inspect::InspectArguments;
use crate::commands::openapi::OpenapiArguments;
use crate::commands::serve::ServeArguments;
use crate::commands::token::TokenArguments;

/// Restores extract archives into the data of tenants, all or nothing, and extracts tenants into archives.
#[derive(Debug, Parser)]
#[command(name = "reinstate", version, after_help = "Example:\n  reinstate demo")]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Box<ServeArguments>),
    Demo(DemoArguments),
    Import(ImportArguments),
    Extract(ExtractArguments),
    Inspect(InspectArguments),
    Token(TokenArguments),
    Openapi(OpenapiArguments),
}
