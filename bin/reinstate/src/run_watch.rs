//! Following a run on the server until it has ended, through short losses of the connection.

use std::time::{Duration, Instant};

use reinstate_api::client::{Client, ClientError};
use reinstate_api::restore::RunRecord;

use crate::progress::Progress;

/// How often the run's record is read: as often as the server renews it.
const POLL_MS: u64 = 250;
/// How long a server may be away, for a restart, before the client gives up on it.
const SERVER_AWAY_MAX_S: u64 = 60;

/// Reads the run until it has ended and shows each state on the way.
///
/// # Errors
/// Where the server refuses, or does not answer for a minute.
pub(crate) async fn until_ended(
    client: &Client,
    run_id: &str,
    progress: &Progress,
) -> Result<RunRecord, ClientError> {
    let mut answered_at = Instant::now();
    loop {
        match client.run(run_id).await {
            Ok(run) if run.status.is_ended() => return Ok(run),
            Ok(run) => {
                answered_at = Instant::now();
                progress.run_is(&run);
            }
            Err(error) if error.is_passing() && answered_at.elapsed().as_secs() < SERVER_AWAY_MAX_S => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
    }
}
