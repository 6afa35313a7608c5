//! Calls that block, off the threads that serve connections.

use actix_web::web;

use crate::error::ApiError;

/// Runs a call on a blocking thread, inside the request's span. A panic in it is a fault of the server.
pub(crate) async fn blocking<T, E>(
    call: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    let span = tracing::Span::current();
    web::block(move || span.in_scope(call))
        .await
        .map_err(|_| ApiError::internal("a blocking call panicked"))?
        .map_err(Into::into)
}
