//! JSON bodies as text: records are handed on as the client wrote them, so that no digit of a number is lost.

use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{BytesMut, Data};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use reinstate_api::ErrorCode;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::state::AppState;

/// A body that was declared as JSON, read whole within the size limit, and is UTF-8. Whether it is JSON shows
/// when it is parsed.
pub(crate) struct JsonText(String);

/// One object, or an array; each element as its raw text.
pub(crate) enum Shape<'a> {
    /// The body is one value.
    One(&'a str),
    /// The body is an array.
    Many(Vec<&'a str>),
}

impl JsonText {
    /// Parses the body as a tree, for small things that are no records.
    pub(crate) fn tree(&self) -> Result<serde_json::Value, ApiError> {
        tree_of(&self.0)
    }

    /// Takes the outermost level apart and checks the syntax of the whole.
    pub(crate) fn shape(&self) -> Result<Shape<'_>, ApiError> {
        let is_array = self.0.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('[');
        if is_array {
            let items: Vec<&RawValue> = serde_json::from_str(&self.0).map_err(|error| parse_error(&error))?;
            Ok(Shape::Many(items.into_iter().map(RawValue::get).collect()))
        } else {
            let item: &RawValue = serde_json::from_str(&self.0).map_err(|error| parse_error(&error))?;
            Ok(Shape::One(item.get()))
        }
    }
}

/// Parses a JSON text as a tree.
pub(crate) fn tree_of(text: &str) -> Result<serde_json::Value, ApiError> {
    serde_json::from_str(text).map_err(|error| parse_error(&error))
}

/// What is wrong with a JSON text, and where.
fn parse_error(error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    ApiError::new(
        ErrorCode::JsonParseError,
        format!("The body is not valid JSON: {what} at line {}, column {}", error.line(), error.column()),
    )
}

fn encoding_error(bytes: &[u8], valid_up_to: usize) -> ApiError {
    let before = bytes.get(..valid_up_to).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    ApiError::new(
        ErrorCode::JsonParseError,
        format!("The body is not valid UTF-8 at line {line}, column {column}"),
    )
}

impl FromRequest for JsonText {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            check_content_type(&request)?;
            let state = request
                .app_data::<Data<AppState>>()
                .ok_or_else(|| ApiError::internal("the application's state is not registered"))?;
            let limit = state.settings.json_body_bytes_max;
            let wait = Duration::from_secs(state.settings.body_timeout_s);
            let bytes = tokio::time::timeout(wait, read_body(&request, payload, limit))
                .await
                .map_err(|_| ApiError::bad_request("The body did not arrive in time"))??;
            String::from_utf8(bytes)
                .map(Self)
                .map_err(|error| encoding_error(error.as_bytes(), error.utf8_error().valid_up_to()))
        })
    }
}

fn check_content_type(request: &HttpRequest) -> Result<(), ApiError> {
    let declared = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = declared.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_json = essence.eq_ignore_ascii_case("application/json")
        || (essence.to_ascii_lowercase().starts_with("application/")
            && essence.to_ascii_lowercase().ends_with("+json"));
    check_encoding(request)?;
    if is_json {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, "Content-Type must be application/json"))
}

/// Refuses packed bodies: a small one could unpack to a huge one.
pub(crate) fn check_encoding(request: &HttpRequest) -> Result<(), ApiError> {
    match request.headers().get(header::CONTENT_ENCODING) {
        None => Ok(()),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"identity") => Ok(()),
        Some(_) => Err(ApiError::new(
            ErrorCode::UnsupportedMediaType,
            "The body must come as it is, without Content-Encoding",
        )),
    }
}

async fn read_body(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<Vec<u8>, ApiError> {
    let too_large =
        || ApiError::new(ErrorCode::BodyTooLarge, format!("The body is larger than {limit} bytes"));
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(|text| text.parse::<usize>().ok()).unwrap_or_default();
    if declared > limit {
        return Err(too_large());
    }
    let mut body = BytesMut::with_capacity(declared);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::bad_request("The body broke off"))?;
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.to_vec())
}
