//! Objects of a bucket copied to this machine: a restore reads its archive more than once, and in no order of ours.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use reinstate_engine::Cancellation;

use super::io_runtime::block_on_for;
use super::stream::ByteStream;
use crate::error::JobsError;

/// How often a wish to stop is looked for while nothing comes: it must be followed within 250 ms.
const STOP_LOOK_EVERY: Duration = Duration::from_millis(50);

/// Copies all of an object that was asked for into a file without a name in `dir`, which goes when it is closed, or with
/// the process.
pub(super) fn spool(
    asked: impl Future<Output = Result<ByteStream, JobsError>>,
    dir: &Path,
    cancellation: &Cancellation,
) -> Result<File, JobsError> {
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut file = tempfile::tempfile_in(dir).map_err(failed)?;
    let mut pieces = unless_stopped(asked, cancellation)??;
    while let Some(piece) = unless_stopped(pieces.next(), cancellation)? {
        file.write_all(&piece?).map_err(failed)?;
    }
    file.rewind().map_err(failed)?;
    Ok(file)
}

/// Waits for a future, but not past a wish to stop.
fn unless_stopped<T>(future: impl Future<Output = T>, cancellation: &Cancellation) -> Result<T, JobsError> {
    let mut future = pin!(future);
    loop {
        if cancellation.stopped().is_some() {
            return Err(failed(std::io::ErrorKind::Interrupted.into()));
        }
        if let Some(value) = block_on_for(future.as_mut(), STOP_LOOK_EVERY) {
            return Ok(value);
        }
    }
}

fn failed(error: std::io::Error) -> JobsError {
    JobsError::storage("copying an object", error)
}
