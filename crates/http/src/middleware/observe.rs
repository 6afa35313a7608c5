//! The outermost layer: request ids, one tracing span a request, latencies, and the last word on errors.

use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use reinstate_api::ErrorCode;
use tracing::{Instrument, Span, field};

use crate::error::ApiError;
use crate::request::check_path;
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id that is taken over from a client; it goes into every log line.
const REQUEST_ID_CHARS_MAX: usize = 128;

/// The route of a request that no route took.
const NO_ROUTE: &str = "none";

/// Gives the request its id and span, and the answer its headers.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(&request);
    let span = tracing::info_span!(
        "request",
        request_id = id,
        method = %request.method(),
        tenant = field::Empty,
        route = field::Empty,
        status = field::Empty,
    );
    let answered = answer(request, next).instrument(span.clone()).await?;
    let response = span.in_scope(|| finished(answered, &id));
    record(&response, &span, started);
    Ok(response)
}

async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match check_path(request.uri().path()) {
        Ok(()) => Ok(next.call(request).await?.map_into_boxed_body()),
        Err(error) => Ok(request.error_response(error)),
    }
}

/// The client's own id where it is harmless in logs and headers, else a new one.
fn request_id(request: &ServiceRequest) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_harmless = |id: &&str| {
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    given.filter(is_harmless).map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned)
}

/// Puts the request id on, and writes errors anew where they need it.
fn finished(response: ServiceResponse<BoxBody>, id: &str) -> ServiceResponse<BoxBody> {
    let mut response = match response.response().error() {
        None => response,
        Some(error) => {
            let replacement = match error.as_error::<ApiError>() {
                Some(known) => {
                    log_cause(known);
                    known.response(Some(id))
                }
                None => foreign(error).response(Some(id)),
            };
            response.into_response(replacement)
        }
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn log_cause(error: &ApiError) {
    let Some(cause) = error.cause() else { return };
    if error.code() == ErrorCode::InternalError {
        tracing::error!(cause, "the request failed");
    } else {
        tracing::warn!(cause, "the request was refused");
    }
}

/// An error that the framework raised by itself.
fn foreign(error: &Error) -> ApiError {
    let status = error.as_response_error().status_code();
    let known = ErrorCode::ALL.into_iter().find(|code| code.status() == status.as_u16());
    match known {
        Some(code) if status.is_client_error() => ApiError::new(code, error.to_string()),
        _ if status.is_client_error() => ApiError::bad_request(error.to_string()),
        _ => {
            let internal = ApiError::internal(error);
            log_cause(&internal);
            internal
        }
    }
}

fn record(response: &ServiceResponse<BoxBody>, span: &Span, started: Instant) {
    let request = response.request();
    let route = request.match_pattern();
    let route = route.as_deref().unwrap_or(NO_ROUTE);
    let status = response.status().as_u16();
    span.record("route", route);
    span.record("status", status);
    if let Some(state) = request.app_data::<Data<AppState>>() {
        state.metrics.observe(request.method(), route, status, started.elapsed());
    }
    span.in_scope(|| tracing::debug!(duration_ms = started.elapsed().as_millis(), "answered"));
}
