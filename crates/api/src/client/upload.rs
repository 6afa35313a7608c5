//! Sending archives: a file goes out as it is read, never whole in memory.

use std::path::Path;
use std::sync::Arc;

use futures_util::{Stream, stream};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::{Client, ClientError};
use crate::restore::{ImportAccepted, UploadAccepted};

/// Bytes read from the file at once: enough that a fast network is not kept waiting for the disk.
const CHUNK_BYTES: usize = 128 * 1024;

/// The options of an import. What is `None` is left to the server's default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The conflict strategy.
    pub conflict_strategy: Option<String>,
    /// `describe`, `data`, or both with a comma between.
    pub include: Option<String>,
    /// Models with commas between.
    pub models: Option<String>,
    /// Whether models may be created.
    pub create_models: Option<bool>,
}

impl ImportOptions {
    fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let text = |name, value: &Option<String>| value.clone().map(|value| (name, value));
        [
            text("conflict_strategy", &self.conflict_strategy),
            text("include", &self.include),
            text("models", &self.models),
            self.create_models.map(|value| ("create_models", value.to_string())),
        ]
        .into_iter()
        .flatten()
    }
}

impl Client {
    /// Uploads an archive and queues its restore. `sent` is told how many of the file's bytes are on their
    /// way, and how many there are.
    ///
    /// # Errors
    /// [`ClientError`]: the file cannot be read, the server refused, or no answer.
    pub async fn import(
        &self,
        path: &Path,
        options: &ImportOptions,
        sent: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<ImportAccepted, ClientError> {
        let mut form = Form::new();
        for (name, value) in options.fields() {
            form = form.text(name, value);
        }
        // Options go first, so that a server can refuse them before the file is on its way.
        let form = form.part("file", file_part(path, sent).await?);
        self.answer(self.bare_request(Method::POST, &["api", "restores", "import"])?.multipart(form)).await
    }

    /// Uploads an archive for a restore configuration to name.
    ///
    /// # Errors
    /// [`ClientError`]: the file cannot be read, the server refused, or no answer.
    pub async fn upload(
        &self,
        path: &Path,
        sent: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<UploadAccepted, ClientError> {
        let form = Form::new().part("file", file_part(path, sent).await?);
        self.answer(self.bare_request(Method::POST, &["api", "restores", "uploads"])?.multipart(form)).await
    }
}

async fn file_part(
    path: &Path,
    sent: impl Fn(u64, u64) + Send + Sync + 'static,
) -> Result<Part, ClientError> {
    let fault = |error: std::io::Error| ClientError::File {
        path: path.display().to_string(),
        message: error.to_string(),
    };
    let file = File::open(path).await.map_err(fault)?;
    let about = file.metadata().await.map_err(fault)?;
    if about.is_dir() {
        return Err(ClientError::File {
            path: path.display().to_string(),
            message: "it is a directory".to_owned(),
        });
    }
    let name = path.file_name().map_or_else(|| "archive.zip".into(), |name| name.to_string_lossy());
    let body = Body::wrap_stream(chunks(file, about.len(), Arc::new(sent)));
    Part::stream_with_length(body, about.len())
        .file_name(name.into_owned())
        .mime_str("application/zip")
        .map_err(|error| ClientError::File { path: path.display().to_string(), message: error.to_string() })
}

/// The file's bytes, at most as many as it had when it was opened: a file that grows meanwhile must not break
/// the length that was announced.
fn chunks(
    file: File,
    size: u64,
    sent: Arc<dyn Fn(u64, u64) + Send + Sync>,
) -> impl Stream<Item = std::io::Result<Vec<u8>>> {
    stream::try_unfold((file.take(size), 0_u64, sent), move |(mut file, done, sent)| async move {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = (&mut file).take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await?;
        if read == 0 {
            return Ok(None);
        }
        let done = done + read as u64;
        sent(done, size);
        Ok(Some((chunk, (file, done, sent))))
    })
}
