//! Making, running and cancelling extracts, and reading what came of them.

use reqwest::Method;
use serde_json::Value as Json;

use super::{Client, ClientError};
use crate::extract::{ArtifactRecord, ExtractBody, ExtractConfiguration, ExtractRunRecord};
use crate::restore::{RunAccepted, RunCancelled};

/// Artifacts asked for at once: the most that the server gives in one list.
const ARTIFACTS_MAX: u64 = 10_000;

impl Client {
    /// Makes an extract configuration.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn extract_create(&self, extract: &ExtractBody) -> Result<ExtractConfiguration, ClientError> {
        self.answer(self.request(Method::POST, &["api", "data", "extracts"])?.json(extract)).await
    }

    /// Removes an extract configuration for good. Its runs stay, and so do their archives until they expire.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server (409 while it runs), or no answer.
    pub async fn extract_remove(&self, extract_id: &str) -> Result<(), ClientError> {
        let request = self.request(Method::DELETE, &["api", "data", "extracts", extract_id])?;
        self.answer::<Json>(request.query(&[("permanent", "true")])).await.map(|_| ())
    }

    /// Runs an extract configuration.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn extract_run(&self, extract_id: &str) -> Result<RunAccepted, ClientError> {
        self.answer(self.request(Method::POST, &["api", "extracts", extract_id, "run"])?).await
    }

    /// Cancels the active run of an extract configuration.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server (404 where none is active), or no answer.
    pub async fn extract_cancel(&self, extract_id: &str) -> Result<RunCancelled, ClientError> {
        self.answer(self.request(Method::POST, &["api", "extracts", extract_id, "cancel"])?).await
    }

    /// The record of an extract's run, for watching it.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn extract_run_record(&self, run_id: &str) -> Result<ExtractRunRecord, ClientError> {
        self.answer(self.request(Method::GET, &["api", "data", "extract_runs", run_id])?).await
    }

    /// The entries of the archive that a run made, in the order of their names.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn artifacts(&self, run_id: &str) -> Result<Vec<ArtifactRecord>, ClientError> {
        let mut found = Vec::new();
        loop {
            let query = [
                ("filter[where][run_id]", run_id.to_owned()),
                ("filter[order]", "artifact_name".to_owned()),
                ("filter[limit]", ARTIFACTS_MAX.to_string()),
                ("filter[offset]", found.len().to_string()),
            ];
            let listed = self.list::<ArtifactRecord>("extract_artifacts", &query).await?;
            let is_last = listed.records.is_empty() || !listed.page.is_some_and(|page| page.has_more);
            found.extend(listed.records);
            if is_last {
                return Ok(found);
            }
        }
    }
}
