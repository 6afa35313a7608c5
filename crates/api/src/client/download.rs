//! Fetching files: bytes go to the disk as they come, a broken connection is taken up where it broke, and what has
//! come is held against the checksum that the server names.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::{ANSWER_TIMEOUT_S, Client, ClientError};

/// How long the next bytes of a file may take to come: a server that reads from a slow bucket needs seconds.
const PAUSE_MAX_S: u64 = 60;

/// How often a download is taken up again without a single new byte before it is given up: with the waits below,
/// long enough for a server to be started anew.
const TRIES_MAX: u32 = 8;

/// The wait before the first of those tries, in milliseconds. It doubles from try to try.
const WAIT_FIRST_MS: u64 = 250;

/// The longest wait between two tries, in milliseconds.
const WAIT_MAX_MS: u64 = 10_000;

/// The checksum that comes with every file.
const CHECKSUM: &str = "x-checksum-sha256";

/// What a download brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Bytes of the file.
    pub size_bytes: u64,
    /// Its SHA-256 in hexadecimal, computed here and equal to what the server said.
    pub checksum: String,
}

impl Client {
    /// Fetches the archive of a completed run of an extract into the file at `path`, which is made, or emptied where
    /// it is there. `received` is told how many bytes have come, and how many there are. A connection that breaks is
    /// taken up again where it broke, some times over. After an error nothing in the file can be relied on.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server (409 before the run is completed, 410 once the archive expired), no
    /// answer, the file cannot be written, or what came does not have the checksum.
    pub async fn extract_download(
        &self,
        run_id: &str,
        path: &Path,
        received: impl FnMut(u64, u64),
    ) -> Result<Downloaded, ClientError> {
        let address = ["api", "extracts", "runs", run_id, "download"];
        Download::new(self, &address, path).await?.run(received).await
    }

    /// Fetches one entry of an archive, as [`Client::extract_download`] does the whole.
    ///
    /// # Errors
    /// As [`Client::extract_download`].
    pub async fn artifact_download(
        &self,
        artifact_id: &str,
        path: &Path,
        received: impl FnMut(u64, u64),
    ) -> Result<Downloaded, ClientError> {
        let address = ["api", "extracts", "artifacts", artifact_id, "download"];
        Download::new(self, &address, path).await?.run(received).await
    }
}

/// A file on its way.
struct Download<'a> {
    client: &'a Client,
    address: &'a [&'a str],
    path: &'a Path,
    file: File,
    /// Over the bytes in the file.
    digest: Sha256,
    /// Bytes in the file.
    done: u64,
    offer: Offer,
}

/// What the server says of the file.
#[derive(Default)]
struct Offer {
    etag: Option<String>,
    checksum: Option<String>,
    size_bytes: Option<u64>,
}

/// How a try ended that did not fail for good.
enum Outcome {
    /// Everything is there.
    Whole,
    /// The connection broke, or the server cannot answer just now.
    Broken(ClientError),
}

impl<'a> Download<'a> {
    async fn new(client: &'a Client, address: &'a [&'a str], path: &'a Path) -> Result<Self, ClientError> {
        let file = File::create(path).await.map_err(|error| unwritable(path, &error))?;
        Ok(Self { client, address, path, file, digest: Sha256::new(), done: 0, offer: Offer::default() })
    }

    async fn run(mut self, mut received: impl FnMut(u64, u64)) -> Result<Downloaded, ClientError> {
        let mut tries = 0;
        loop {
            let before = self.done;
            match self.fetch(&mut received).await? {
                Outcome::Whole => return self.finish().await,
                Outcome::Broken(error) if tries >= TRIES_MAX && self.done <= before => return Err(error),
                Outcome::Broken(_) => {
                    tries = if self.done > before { 0 } else { tries + 1 };
                    tokio::time::sleep(wait(tries)).await;
                }
            }
        }
    }

    /// Asks for what is still missing and takes it as far as it comes.
    async fn fetch(&mut self, received: &mut impl FnMut(u64, u64)) -> Result<Outcome, ClientError> {
        let mut response = match self.ask().await? {
            Ok(response) => response,
            Err(error) => return Ok(Outcome::Broken(error)),
        };
        self.begin(&response).await?;
        loop {
            let total = self.offer.size_bytes.unwrap_or(self.done);
            received(self.done, total);
            match within(PAUSE_MAX_S, response.chunk()).await {
                None => return Ok(Outcome::Broken(self.silent())),
                Some(Err(error)) => return Ok(Outcome::Broken(self.broken(&error))),
                Some(Ok(Some(chunk))) => self.take(&chunk).await?,
                Some(Ok(None)) if self.done < total => return Ok(Outcome::Broken(self.cut_off(total))),
                Some(Ok(None)) => return Ok(Outcome::Whole),
            }
        }
    }

    /// The answer to a request for the missing bytes; inside, the failure that may pass.
    async fn ask(&self) -> Result<Result<Response, ClientError>, ClientError> {
        let mut request = self.client.bare_request(Method::GET, self.address)?;
        // Without a mark of the file there is no knowing that a later part is of the same one.
        if let (1.., Some(etag)) = (self.done, &self.offer.etag) {
            request = request.header(RANGE, format!("bytes={}-", self.done)).header(IF_RANGE, etag);
        }
        let response = match within(ANSWER_TIMEOUT_S, request.send()).await {
            None => return Ok(Err(self.silent())),
            Some(Err(error)) if error.is_builder() => return Err(self.broken(&error)),
            Some(Err(error)) => return Ok(Err(self.broken(&error))),
            Some(Ok(response)) => response,
        };
        let status = response.status();
        if matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Ok(Ok(response));
        }
        let body = match within(ANSWER_TIMEOUT_S, response.bytes()).await {
            Some(Ok(body)) => body,
            _ => Default::default(),
        };
        let refusal = ClientError::from_refusal(status.as_u16(), &body);
        if refusal.is_passing() { Ok(Err(refusal)) } else { Err(refusal) }
    }

    /// Reads what the answer says of the file, and makes the file begin where the answer does.
    async fn begin(&mut self, response: &Response) -> Result<(), ClientError> {
        let (status, headers) = (response.status(), response.headers());
        if status == StatusCode::PARTIAL_CONTENT {
            return match text(headers, CONTENT_RANGE.as_str()) {
                Some(range) if range.starts_with(&format!("bytes {}-", self.done)) => Ok(()),
                range => Err(ClientError::Unreadable {
                    status: status.as_u16(),
                    message: format!("bytes from {} on were asked for, it has {range:?}", self.done),
                }),
            };
        }
        self.offer = Offer {
            etag: text(headers, ETAG.as_str()).filter(|etag| etag.starts_with('"')),
            checksum: text(headers, CHECKSUM),
            size_bytes: text(headers, CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok()),
        };
        (self.done, self.digest) = (0, Sha256::new());
        self.file.set_len(0).await.map_err(|error| unwritable(self.path, &error))?;
        self.file.rewind().await.map_err(|error| unwritable(self.path, &error))?;
        Ok(())
    }

    async fn take(&mut self, chunk: &[u8]) -> Result<(), ClientError> {
        self.file.write_all(chunk).await.map_err(|error| unwritable(self.path, &error))?;
        self.digest.update(chunk);
        self.done += chunk.len() as u64;
        Ok(())
    }

    async fn finish(mut self) -> Result<Downloaded, ClientError> {
        self.file.flush().await.map_err(|error| unwritable(self.path, &error))?;
        let checksum = hexadecimal(&self.digest.finalize());
        match self.offer.checksum {
            Some(expected) if expected.eq_ignore_ascii_case(&checksum) => {
                Ok(Downloaded { size_bytes: self.done, checksum })
            }
            Some(expected) => Err(ClientError::Damaged { expected, actual: checksum }),
            None => Err(ClientError::Unreadable {
                status: StatusCode::OK.as_u16(),
                message: "it names no checksum".to_owned(),
            }),
        }
    }

    fn broken(&self, error: &reqwest::Error) -> ClientError {
        ClientError::from_transport(&self.client.base, error)
    }

    fn silent(&self) -> ClientError {
        ClientError::Connection { message: format!("{} did not answer in time", self.client.base) }
    }

    fn cut_off(&self, total: u64) -> ClientError {
        let message = format!("{} sent {} of {total} bytes", self.client.base, self.done);
        ClientError::Connection { message }
    }
}

/// The result of a call, `None` where it takes longer than so many seconds.
async fn within<T>(seconds: u64, call: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_secs(seconds), call).await.ok()
}

/// How long to wait before a try.
fn wait(tries: u32) -> Duration {
    let doubled = WAIT_FIRST_MS.saturating_mul(1_u64.checked_shl(tries).unwrap_or(u64::MAX));
    Duration::from_millis(doubled.min(WAIT_MAX_MS))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unwritable(path: &Path, error: &std::io::Error) -> ClientError {
    ClientError::Unwritable { path: path.display().to_string(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound() {
        let waits: Vec<u128> = [0, 1, 4, 6, 63, 64].map(|tries| wait(tries).as_millis()).to_vec();
        assert_eq!(waits, [250, 500, 4_000, 10_000, 10_000, 10_000]);
    }
}
