//! Errors on their way out: one total match turns each kind of the inner rooms into a code and a status.
//!
//! Nothing of the inside leaves with a 5xx: its cause is logged, and the answer names the request id.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, ResponseError};
use reinstate_api::{ErrorCode, Failure, ValidationError, ValidationErrors};
use serde_json::Value as Json;

use reinstate_describe::RecordFault;
use reinstate_describe::definition::DefinitionFault;
use reinstate_jobs::{FieldFault, JobsError};
use reinstate_store::StoreError;

use crate::auth::AuthFault;

/// Seconds after which a client may try again what failed because something was busy: a little more than a
/// writer waits for a locked tenant.
const RETRY_AFTER_S: u64 = 6;

/// An answer that says no.
#[derive(Debug)]
pub struct ApiError {
    code: ErrorCode,
    message: String,
    data: Option<Json>,
    /// A header that says more.
    header: Option<Box<(HeaderName, String)>>,
    /// What happened inside; for the log, never for the answer.
    cause: Option<String>,
}

impl ApiError {
    /// An error that the client may read as it stands.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None, header: None, cause: None }
    }

    /// 400 `BAD_REQUEST`.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// 403 `FORBIDDEN`.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Forbidden, message)
    }

    /// 403 `MODEL_PROTECTED`.
    pub(crate) fn protected(model: &str) -> Self {
        Self::new(
            ErrorCode::ModelProtected,
            format!("Model '{model}' belongs to the platform and cannot be written here"),
        )
    }

    /// 404 `MODEL_NOT_FOUND`.
    pub(crate) fn model_not_found(model: &str) -> Self {
        Self::new(ErrorCode::ModelNotFound, format!("Model '{model}' does not exist"))
    }

    /// 422 `VALIDATION_ERROR` with its list.
    pub(crate) fn validation(errors: Vec<ValidationError>) -> Self {
        let message = match errors.as_slice() {
            [only] => only.message.clone(),
            [first, rest @ ..] => format!("{} (and {} more)", first.message, rest.len()),
            [] => "The values break the rules of their model".to_owned(),
        };
        let data = serde_json::to_value(ValidationErrors { errors }).ok();
        Self { data, ..Self::new(ErrorCode::ValidationError, message) }
    }

    /// 405 with the methods that the address knows.
    pub(crate) fn method_not_allowed(method: &str, allow: String) -> Self {
        let message = format!("{method} is not possible here; allowed: {allow}");
        Self {
            header: Some(Box::new((header::ALLOW, allow))),
            ..Self::new(ErrorCode::MethodNotAllowed, message)
        }
    }

    /// 416 with the length of the file that was asked for.
    pub(crate) fn range_not_satisfiable(size_bytes: u64) -> Self {
        let message = format!("The file has {size_bytes} bytes, and the range begins beyond them");
        let header = Some(Box::new((header::CONTENT_RANGE, format!("bytes */{size_bytes}"))));
        Self { header, ..Self::new(ErrorCode::RangeNotSatisfiable, message) }
    }

    /// 503; `cause` goes to the log.
    pub(crate) fn unavailable(cause: impl fmt::Display) -> Self {
        let message = "The data is busy or not reachable at the moment; please try again";
        Self { cause: Some(cause.to_string()), ..Self::new(ErrorCode::ServiceUnavailable, message) }
    }

    /// 503 where archives can be neither kept nor read; `cause` goes to the log.
    pub(crate) fn storage_unavailable(cause: impl fmt::Display) -> Self {
        let message = "The storage of archives cannot be used at the moment; please try again";
        Self { cause: Some(cause.to_string()), ..Self::new(ErrorCode::ServiceUnavailable, message) }
    }

    /// 503 of the readiness address, which names the part and its cause: it answers operators, not clients.
    pub(crate) fn not_ready(part: &str, cause: &dyn std::error::Error) -> Self {
        let mut message = format!("The {part} is not ready: {cause}");
        let mut cause = cause.source();
        while let Some(inner) = cause {
            message.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        Self { cause: Some(message.clone()), ..Self::new(ErrorCode::ServiceUnavailable, message) }
    }

    /// 503 of the readiness address from the wish to stop on.
    pub(crate) fn stopping() -> Self {
        Self::new(ErrorCode::ServiceUnavailable, "The server is shutting down")
    }

    /// 500; `cause` goes to the log.
    pub(crate) fn internal(cause: impl fmt::Display) -> Self {
        let message = "Something went wrong inside the server";
        Self { cause: Some(cause.to_string()), ..Self::new(ErrorCode::InternalError, message) }
    }

    /// The error code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// What happened inside, for the log.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The answer; a fault of the server names the request by which its log can be found.
    pub(crate) fn response(&self, request_id: Option<&str>) -> HttpResponse {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        match self.code {
            ErrorCode::AuthTokenRequired | ErrorCode::AuthTokenInvalid | ErrorCode::AuthTokenExpired => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            ErrorCode::ServiceUnavailable | ErrorCode::TooManyRequests => {
                response.insert_header((header::RETRY_AFTER, RETRY_AFTER_S.to_string()));
            }
            _ => {}
        }
        if let Some((name, value)) = self.header.as_deref() {
            response.insert_header((name.clone(), value.as_str()));
        }
        let message = match (self.code, request_id) {
            (ErrorCode::InternalError, Some(id)) => format!("{} (request {id})", self.message),
            _ => self.message.clone(),
        };
        response.json(Failure { data: self.data.clone(), ..Failure::new(self.code, message) })
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        self.response(None)
    }
}

impl From<AuthFault> for ApiError {
    fn from(fault: AuthFault) -> Self {
        match fault {
            AuthFault::Required => Self::new(
                ErrorCode::AuthTokenRequired,
                "This address needs a token: Authorization: Bearer TOKEN",
            ),
            AuthFault::Invalid => Self::new(ErrorCode::AuthTokenInvalid, "The token is not valid"),
            AuthFault::Expired => Self::new(ErrorCode::AuthTokenExpired, "The token has expired"),
        }
    }
}

impl From<Vec<DefinitionFault>> for ApiError {
    fn from(faults: Vec<DefinitionFault>) -> Self {
        let error = |fault: DefinitionFault| ValidationError {
            field: Some(fault.field),
            rule: fault.rule.to_owned(),
            message: fault.message,
            id: None,
            index: None,
        };
        Self::validation(faults.into_iter().map(error).collect())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let message = sentence(&error.to_string());
        match error {
            StoreError::NotFound { .. } => Self::new(ErrorCode::RecordNotFound, message),
            StoreError::ModelNotFound { .. } => Self::new(ErrorCode::ModelNotFound, message),
            StoreError::FieldNotFound { .. } => Self::new(ErrorCode::FieldNotFound, message),
            StoreError::Conflict { .. } => Self::new(ErrorCode::Conflict, message),
            StoreError::ModelProtected { .. } => Self::new(ErrorCode::ModelProtected, message),
            StoreError::Forbidden { .. } => Self::new(ErrorCode::Forbidden, message),
            StoreError::Invalid(faults) => Self::validation(faults.into_iter().map(record_fault).collect()),
            StoreError::DefinitionInvalid(faults) => faults.into(),
            StoreError::Filter(_) => Self::new(ErrorCode::FilterInvalid, message),
            StoreError::Unavailable { message } => Self::unavailable(message),
            StoreError::Database { doing, source } => {
                Self::internal(format!("the database failed while {doing}: {source}"))
            }
        }
    }
}

/// A fault of a record; records of a request are numbered from 1 inside, from 0 outside.
fn record_fault(fault: RecordFault) -> ValidationError {
    ValidationError {
        field: fault.field,
        rule: fault.code.as_str().to_owned(),
        message: fault.message,
        id: fault.record_id,
        index: fault.line.checked_sub(1),
    }
}

/// The text with its first letter in upper case: messages of the inner rooms are parts of sentences. A name like
/// `source_ref` in front keeps its spelling.
fn sentence(text: &str) -> String {
    let first_word = text.split(' ').next().unwrap_or_default();
    if first_word.contains('_') {
        return text.to_owned();
    }
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

impl From<JobsError> for ApiError {
    fn from(error: JobsError) -> Self {
        let (message, chain) = (sentence(&error.to_string()), error.chain());
        match error {
            JobsError::BadRequest { .. } | JobsError::ArchiveRefused(_) => {
                Self::new(ErrorCode::BadRequest, message)
            }
            JobsError::Validation(faults) => Self::validation(faults.into_iter().map(field_fault).collect()),
            JobsError::Forbidden { .. } => Self::new(ErrorCode::Forbidden, message),
            JobsError::Conflict { .. } => Self::new(ErrorCode::Conflict, message),
            JobsError::NotFound { .. } => Self::new(ErrorCode::RecordNotFound, message),
            JobsError::Busy { .. } => Self::new(ErrorCode::ServiceUnavailable, message),
            JobsError::Gone { .. } => Self::new(ErrorCode::Gone, message),
            JobsError::TooLarge { .. } => Self::new(ErrorCode::BodyTooLarge, message),
            JobsError::Store(error) => error.into(),
            JobsError::DataDirBusy { .. } | JobsError::StorageDirBusy { .. } => Self::internal(message),
            JobsError::Storage { .. } => Self::storage_unavailable(chain),
        }
    }
}

fn field_fault(fault: FieldFault) -> ValidationError {
    ValidationError {
        field: Some(fault.field),
        rule: fault.rule.to_owned(),
        message: fault.message,
        id: None,
        index: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_database_show_nothing_of_it() {
        let error = ApiError::from(StoreError::failed("reading a record", "no such table: secrets"));
        assert_eq!(error.code(), ErrorCode::InternalError);
        assert!(!error.to_string().contains("secrets"));
        assert!(error.cause().unwrap().contains("secrets"));
    }

    #[test]
    fn busy_databases_ask_to_come_again() {
        let busy = StoreError::Unavailable { message: "database is locked".to_owned() };
        let response = ApiError::from(busy).response(None);
        assert_eq!(response.status().as_u16(), 503);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}
