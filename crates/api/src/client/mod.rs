//! A typed client of the API, for the command line and for other programs.

mod download;
mod error;
mod extract;
mod upload;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Url};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

pub use download::Downloaded;
pub use error::ClientError;
pub use upload::ImportOptions;

use crate::envelope::{Page, Success};
use crate::restore::{LogRecord, RunAccepted, RunCancelled, RunRecord};

/// How long a connection may take to come about. A server that is there answers far sooner.
const CONNECT_TIMEOUT_S: u64 = 10;

/// How long an answer to a small request may take: longer than the server waits for a locked tenant.
const ANSWER_TIMEOUT_S: u64 = 60;

/// A connection to one server, on behalf of one token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token is a secret and stays out.
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    /// The records.
    pub records: Vec<T>,
    /// Which part it is.
    pub page: Option<Page>,
}

impl Client {
    /// A client of the server at `url` (scheme and authority, as `http://localhost:9001`).
    ///
    /// # Errors
    /// [`ClientError::Address`] where `url` is no http or https address.
    pub fn new(url: &str, token: impl Into<String>) -> Result<Self, ClientError> {
        let address = |message: String| ClientError::Address { url: url.to_owned(), message };
        let base = Url::parse(url).map_err(|error| address(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(address("it must begin with http:// or https://".to_owned()));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(CONNECT_TIMEOUT_S))
            .build()
            .map_err(|error| ClientError::from_transport(&base, &error))?;
        Ok(Self { http, base, token: token.into() })
    }

    /// The server's address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// Runs a restore configuration.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn restore_run(&self, restore_id: &str) -> Result<RunAccepted, ClientError> {
        self.answer(self.request(Method::POST, &["api", "restores", restore_id, "run"])?).await
    }

    /// Cancels the active run of a restore configuration.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn cancel(&self, restore_id: &str) -> Result<RunCancelled, ClientError> {
        self.answer(self.request(Method::POST, &["api", "restores", restore_id, "cancel"])?).await
    }

    /// The record of a run.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn run(&self, run_id: &str) -> Result<RunRecord, ClientError> {
        self.answer(self.request(Method::GET, &["api", "data", "restore_runs", run_id])?).await
    }

    /// Lines of a run's log in their order: at most `limit` after the first `offset`.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn logs(
        &self,
        run_id: &str,
        limit: u64,
        offset: u64,
    ) -> Result<Listed<LogRecord>, ClientError> {
        let query = [
            ("filter[where][run_id]", run_id.to_owned()),
            ("limit", limit.to_string()),
            ("offset", offset.to_string()),
        ];
        self.list("restore_logs", &query).await
    }

    /// Records of a model; `query` holds pairs of the Data API's list language.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn list<T: DeserializeOwned>(
        &self,
        model: &str,
        query: &[(&str, String)],
    ) -> Result<Listed<T>, ClientError> {
        let request = self.request(Method::GET, &["api", "data", model])?.query(query);
        let success: Success<Vec<T>> = self.envelope(request).await?;
        Ok(Listed { records: success.data, page: success.page })
    }

    /// How many records a model holds that this token may read.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn count(&self, model: &str) -> Result<u64, ClientError> {
        let query = [("limit", "1".to_owned()), ("count", "true".to_owned())];
        let listed: Listed<Json> = self.list(model, &query).await?;
        Ok(listed.page.and_then(|page| page.total).unwrap_or_default())
    }

    /// The names of the tenant's models.
    ///
    /// # Errors
    /// [`ClientError`]: refused by the server, or no answer.
    pub async fn models(&self) -> Result<Vec<String>, ClientError> {
        self.answer(self.request(Method::GET, &["api", "describe"])?).await
    }

    fn request(&self, method: Method, segments: &[&str]) -> Result<RequestBuilder, ClientError> {
        Ok(self.bare_request(method, segments)?.timeout(Duration::from_secs(ANSWER_TIMEOUT_S)))
    }

    /// A request without a time-out on the whole, for bodies of any size.
    fn bare_request(&self, method: Method, segments: &[&str]) -> Result<RequestBuilder, ClientError> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut path) => {
                path.pop_if_empty().extend(segments);
            }
            Err(()) => {
                return Err(ClientError::Address {
                    url: self.base.to_string(),
                    message: "it cannot have a path".to_owned(),
                });
            }
        }
        Ok(self.http.request(method, url).bearer_auth(&self.token))
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        Ok(self.envelope(request).await?.data)
    }

    async fn envelope<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<Success<T>, ClientError> {
        let transport = |error: &reqwest::Error| ClientError::from_transport(&self.base, error);
        let response = request.send().await.map_err(|error| transport(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| transport(&error))?;
        if status.is_success() {
            serde_json::from_slice(&body).map_err(|error| ClientError::Unreadable {
                status: status.as_u16(),
                message: error.to_string(),
            })
        } else {
            Err(ClientError::from_refusal(status.as_u16(), &body))
        }
    }
}
