//! Following a run on the server until it has ended, through short losses of the connection.

use std::time::{Duration, Instant};

use reinstate_api::client::{Client, ClientError};
use reinstate_api::extract::ExtractRunRecord;
use reinstate_api::restore::RunRecord;

use crate::progress::Progress;

/// How often the run's record is read: as often as the server renews it.
const POLL_MS: u64 = 250;
/// How long a server may be away, for a restart, before the client gives up on it.
const SERVER_AWAY_MAX_S: u64 = 60;

/// Reads a restore's run until it has ended and shows each state on the way.
///
/// # Errors
/// Where the server refuses, or does not answer for a minute.
pub(crate) async fn until_ended(
    client: &Client,
    run_id: &str,
    progress: &Progress,
) -> Result<RunRecord, ClientError> {
    watched(async || client.run(run_id).await, |run| run.status.is_ended(), |run| progress.run_is(run)).await
}

/// Reads an extract's run until it has ended and shows each state on the way.
///
/// # Errors
/// As [`until_ended`].
pub(crate) async fn until_extracted(
    client: &Client,
    run_id: &str,
    progress: &Progress,
) -> Result<ExtractRunRecord, ClientError> {
    let read = async || client.extract_run_record(run_id).await;
    watched(read, |run| run.status.is_ended(), |run| progress.extract_is(run)).await
}

/// Reads a record again and again until it is as wanted, and shows it on the way.
async fn watched<R>(
    read: impl AsyncFn() -> Result<R, ClientError>,
    is_ended: impl Fn(&R) -> bool,
    show: impl Fn(&R),
) -> Result<R, ClientError> {
    let mut answered_at = Instant::now();
    loop {
        match read().await {
            Ok(run) if is_ended(&run) => return Ok(run),
            Ok(run) => {
                answered_at = Instant::now();
                show(&run);
            }
            Err(error) if error.is_passing() && answered_at.elapsed().as_secs() < SERVER_AWAY_MAX_S => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
    }
}
