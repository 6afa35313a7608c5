//! `reinstate serve`: the HTTP server with its workers.

use std::io::Write;

use clap::Args;

use crate::configuration::{SettingFlags, Settings};
use crate::error::ProgramError;
use crate::logging;
use crate::server::{self, Server, Stopped};
use crate::signals::StopSignals;

/// Runs the server: the HTTP API and the workers that carry out restores.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reinstate serve --listen 0.0.0.0:9001 --data-dir /var/lib/reinstate\n\n\
    Settings also come from reinstate.toml and from REINSTATE_… variables. A token key must be set:\n\
    REINSTATE_JWT_SECRET, REINSTATE_JWT_PUBLIC_KEY or REINSTATE_JWKS.\n\
    SIGTERM stops in order, a second one at once.")]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    settings: SettingFlags,
}

/// Serves until a signal comes. False where a second one cut the stopping short.
///
/// # Errors
/// Where a setting does not fit, or the server cannot start.
pub(crate) fn run(arguments: &ServeArguments, out: &mut impl Write) -> Result<bool, ProgramError> {
    let settings = Settings::from_layers(&arguments.settings.layers()?)?;
    settings.token_key()?;
    logging::start(&settings.log);
    let runtime = server::runtime()?;
    let stopped = runtime.block_on(async {
        // Before the first run, so that no signal can end the process in the middle of one.
        let mut signals = StopSignals::listen()?;
        let server = tokio::select! {
            server = Server::start(&settings) => server?,
            // Nothing has begun that would have to be ended.
            () = signals.next() => return Ok(Stopped::Orderly),
        };
        writeln!(out, "Listening on {}", server.url())?;
        out.flush()?;
        Ok::<Stopped, ProgramError>(server.run_until(&mut signals).await)
    });
    // Without waiting for what still runs: after an orderly stop nothing does.
    runtime.shutdown_background();
    Ok(stopped? == Stopped::Orderly)
}
