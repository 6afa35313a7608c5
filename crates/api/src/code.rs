//! The error codes of the API, each with its one status.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request was not done, for programs. Each code has exactly one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// Something about the request is missing or malformed.
    BadRequest,
    /// The body is no JSON; the message says where.
    JsonParseError,
    /// A list query names an unknown field or operator, or a value that does not fit.
    FilterInvalid,
    /// No token came with the request.
    AuthTokenRequired,
    /// The token is not one that this server accepts.
    AuthTokenInvalid,
    /// The token was good once.
    AuthTokenExpired,
    /// The caller may not do this.
    Forbidden,
    /// The model belongs to the platform or is frozen.
    ModelProtected,
    /// No record of that id, for this caller.
    RecordNotFound,
    /// No model of that name.
    ModelNotFound,
    /// No field of that name.
    FieldNotFound,
    /// No such address.
    NotFound,
    /// The address knows other methods; `Allow` lists them.
    MethodNotAllowed,
    /// The state of things does not allow it now: disabled, already running, a taken id or unique value.
    Conflict,
    /// It was there and has expired.
    Gone,
    /// The body is larger than the server takes.
    BodyTooLarge,
    /// The body is of another kind than the address takes.
    UnsupportedMediaType,
    /// The part that was asked for lies beyond the end of the file; `Content-Range` says how long that is.
    RangeNotSatisfiable,
    /// Values break the rules of their model; `data.errors` lists them.
    ValidationError,
    /// Too many requests; `Retry-After` says when to come again.
    TooManyRequests,
    /// A part that the server stands on does not answer; `Retry-After` says when to come again.
    ServiceUnavailable,
    /// A fault of the server; the message names the request id and nothing else.
    InternalError,
}

impl ErrorCode {
    /// Every code, in the order of their statuses.
    pub const ALL: [Self; 22] = [
        Self::BadRequest,
        Self::JsonParseError,
        Self::FilterInvalid,
        Self::AuthTokenRequired,
        Self::AuthTokenInvalid,
        Self::AuthTokenExpired,
        Self::Forbidden,
        Self::ModelProtected,
        Self::RecordNotFound,
        Self::ModelNotFound,
        Self::FieldNotFound,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::Gone,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::RangeNotSatisfiable,
        Self::ValidationError,
        Self::TooManyRequests,
        Self::ServiceUnavailable,
        Self::InternalError,
    ];

    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::JsonParseError | Self::FilterInvalid => 400,
            Self::AuthTokenRequired | Self::AuthTokenInvalid | Self::AuthTokenExpired => 401,
            Self::Forbidden | Self::ModelProtected => 403,
            Self::RecordNotFound | Self::ModelNotFound | Self::FieldNotFound | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::BodyTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RangeNotSatisfiable => 416,
            Self::ValidationError => 422,
            Self::TooManyRequests => 429,
            Self::InternalError => 500,
            Self::ServiceUnavailable => 503,
        }
    }

    /// The spelling on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::JsonParseError => "JSON_PARSE_ERROR",
            Self::FilterInvalid => "FILTER_INVALID",
            Self::AuthTokenRequired => "AUTH_TOKEN_REQUIRED",
            Self::AuthTokenInvalid => "AUTH_TOKEN_INVALID",
            Self::AuthTokenExpired => "AUTH_TOKEN_EXPIRED",
            Self::Forbidden => "FORBIDDEN",
            Self::ModelProtected => "MODEL_PROTECTED",
            Self::RecordNotFound => "RECORD_NOT_FOUND",
            Self::ModelNotFound => "MODEL_NOT_FOUND",
            Self::FieldNotFound => "FIELD_NOT_FOUND",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::Conflict => "CONFLICT",
            Self::Gone => "GONE",
            Self::BodyTooLarge => "BODY_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::RangeNotSatisfiable => "RANGE_NOT_SATISFIABLE",
            Self::ValidationError => "VALIDATION_ERROR",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::ServiceUnavailable => "SERVICE_UNAVAILABLE",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_is_the_same_for_people_and_for_serde() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("\"{code}\""));
        }
    }

    #[test]
    fn codes_are_listed_by_status() {
        let statuses: Vec<u16> = ErrorCode::ALL.into_iter().take(20).map(ErrorCode::status).collect();
        assert!(statuses.is_sorted());
    }
}
