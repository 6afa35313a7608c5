//! What can go wrong between a client and its server, in plain words.

use std::error::Error;

use reqwest::Url;
use serde_json::Value as Json;

/// Why a call did not come back with what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server's address is none.
    #[error("'{url}' is not the address of a server: {message}")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        message: String,
    },
    /// A file of this machine cannot be read.
    #[error("cannot read {path}: {message}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        message: String,
    },
    /// A file of this machine cannot be written.
    #[error("cannot write {path}: {message}")]
    Unwritable {
        /// The file.
        path: String,
        /// What the system said.
        message: String,
    },
    /// What came is not what the server has.
    #[error("what came has the checksum {actual}, and the server's file has {expected}")]
    Damaged {
        /// SHA-256 as the server names it.
        expected: String,
        /// SHA-256 of what came.
        actual: String,
    },
    /// No answer came.
    #[error("{message}")]
    Connection {
        /// One sentence that names the server.
        message: String,
    },
    /// The server understood and said no.
    #[error("{message} ({code})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error code as the server spelled it.
        code: String,
        /// The server's sentence.
        message: String,
        /// The server's detail, where it gave any.
        data: Option<Json>,
    },
    /// Something answered that does not speak this API.
    #[error("the answer (status {status}) is not one of this API: {message}")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What is wrong with it.
        message: String,
    },
}

impl ClientError {
    /// The error code, where the server gave one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Whether the same request may be answered a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connection { .. } => true,
            Self::Refused { status, .. } | Self::Unreadable { status, .. } => {
                matches!(status, 429 | 502 | 503 | 504)
            }
            Self::Address { .. } | Self::File { .. } | Self::Unwritable { .. } | Self::Damaged { .. } => {
                false
            }
        }
    }

    pub(super) fn from_transport(base: &Url, error: &reqwest::Error) -> Self {
        let cause = root_cause(error);
        let message = if error.is_connect() {
            format!("cannot connect to {base}: {cause}; is the server running there?")
        } else if error.is_timeout() {
            format!("{base} did not answer in time")
        } else {
            format!("the connection to {base} broke: {cause}")
        };
        Self::Connection { message }
    }

    pub(super) fn from_refusal(status: u16, body: &[u8]) -> Self {
        let Ok(Json::Object(mut body)) = serde_json::from_slice::<Json>(body) else {
            return Self::Unreadable { status, message: "it holds no JSON object".to_owned() };
        };
        let text = |value: Option<&Json>| value.and_then(Json::as_str).map(str::to_owned);
        match (text(body.get("error_code")), text(body.get("error"))) {
            (Some(code), Some(message)) => Self::Refused { status, code, message, data: body.remove("data") },
            _ => Self::Unreadable { status, message: "it names no error code".to_owned() },
        }
    }
}

/// The innermost cause: what the system said, without the layers above it.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
