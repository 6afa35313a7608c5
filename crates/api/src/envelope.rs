//! What is around every answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::code::ErrorCode;

/// An answer to a request that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Success<T> {
    /// Always true.
    pub success: bool,
    /// What was asked for.
    pub data: T,
    /// Which part of a list `data` is; only lists have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
}

impl<T> Success<T> {
    /// An answer that is no list.
    pub const fn new(data: T) -> Self {
        Self { success: true, data, page: None }
    }

    /// An answer that is a part of a list.
    pub const fn list(data: T, page: Page) -> Self {
        Self { success: true, data, page: Some(page) }
    }
}

/// Which part of a list an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// At most this many records were asked for.
    pub limit: u64,
    /// This many records were passed over.
    pub offset: u64,
    /// Whether more records follow.
    pub has_more: bool,
    /// How many records there are in all; only where the request asked with `count=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

/// An answer to a request that was not done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// Always false.
    pub success: bool,
    /// One sentence for a person.
    pub error: String,
    /// The reason for programs.
    pub error_code: ErrorCode,
    /// More about it, where there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub data: Option<serde_json::Value>,
}

impl Failure {
    /// A failure without further data.
    pub fn new(error_code: ErrorCode, error: impl Into<String>) -> Self {
        Self { success: false, error: error.into(), error_code, data: None }
    }
}

/// `data` of a `VALIDATION_ERROR`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidationErrors {
    /// Every broken rule that was found.
    pub errors: Vec<ValidationError>,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ValidationError {
    /// The field or key that it is about; null where it is about the whole.
    pub field: Option<String>,
    /// The name of the rule, as `required` or `minimum`.
    pub rule: String,
    /// One sentence for a person.
    pub message: String,
    /// The record's id, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The record's place in the request's array, from 0; only in requests with several records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
}
