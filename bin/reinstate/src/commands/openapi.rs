//! `reinstate openapi`: the description of the HTTP API for programs.

use std::io::{self, Write};

use clap::Args;

use crate::error::ProgramError;

/// Prints the OpenAPI document of the HTTP API.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reinstate openapi > openapi.json")]
pub(crate) struct OpenapiArguments {}

/// Prints the document.
///
/// # Errors
/// Where the output cannot be written.
pub(crate) fn run(_arguments: &OpenapiArguments, out: &mut impl Write) -> Result<bool, ProgramError> {
    let document = reinstate_http::openapi::document_json().map_err(io::Error::from)?;
    writeln!(out, "{document}")?;
    Ok(true)
}
