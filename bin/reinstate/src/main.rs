//! The `reinstate` program: its command line, its configuration, and the wiring of the rooms into a server.

mod allocator;
mod arguments;
mod commands;
mod configuration;
mod error;
mod interrupt;
mod logging;
mod progress;
mod run_report;
mod run_watch;
mod server;
mod signals;
mod table;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::error::ProgramError;

fn main() -> ExitCode {
    allocator::bound_heaps();
    let arguments = Arguments::parse();
    let mut out = std::io::stdout();
    let done = run(&arguments.command, &mut out).and_then(|done| {
        out.flush()?;
        Ok(done)
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let code = error.exit_code();
            if code != 0 {
                // Where not even the error can be written, the exit code is all that is left to say.
                let _ = writeln!(std::io::stderr(), "error: {error}");
            }
            ExitCode::from(code)
        }
    }
}

/// Runs a command. False where it did its work and the result is a bad one, such as a failed run.
fn run(command: &Command, out: &mut impl Write) -> Result<bool, ProgramError> {
    match command {
        Command::Import(arguments) => client_runtime()?.block_on(commands::import::run(arguments, out)),
        Command::Extract(arguments) => client_runtime()?.block_on(commands::extract::run(arguments, out)),
        Command::Inspect(arguments) => commands::inspect::run(arguments, out),
        Command::Serve(arguments) => commands::serve::run(arguments, out),
        Command::Demo(arguments) => commands::demo::run(arguments, out),
        Command::Token(arguments) => commands::token::run(arguments, out),
        Command::Openapi(arguments) => commands::openapi::run(arguments, out),
    }
}

/// A client needs one thread: it waits most of the time.
fn client_runtime() -> Result<tokio::runtime::Runtime, ProgramError> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}
