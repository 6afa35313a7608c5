//! The log of a server: events of `tracing` on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::configuration::{LogFormat, LogSettings};

/// Requests that are no HTTP are the sender's fault and none of the server's errors; a user's own filter, which
/// comes later, can bring them back.
const QUIET: &str = "actix_http=off";

/// Starts to log. Only the first call of a process has an effect.
pub(crate) fn start(settings: &LogSettings) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("{QUIET},{}", settings.filter)))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // Whoever started first keeps the log; there is no second one to lose.
    let _ = match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
