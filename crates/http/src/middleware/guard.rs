//! The innermost layer, one for each route: the level that the route table asks for, and panics caught.

use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use futures_util::FutureExt;

use crate::error::ApiError;
use crate::middleware::SignedIn;
use crate::route;

/// Lets a request through to its handler where the caller's level is enough.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Err(error) = check_level(&request) {
        return Ok(request.error_response(error));
    }
    let asked = request.request().clone();
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(answered) => Ok(answered?.map_into_boxed_body()),
        Err(panic) => {
            let error = ApiError::internal(format!("a handler panicked: {}", panic_text(&*panic)));
            Ok(ServiceResponse::from_err(error, asked))
        }
    }
}

fn check_level(request: &ServiceRequest) -> Result<(), ApiError> {
    let pattern = request.match_pattern().unwrap_or_default();
    // A method that the table does not know ends in 405, for whoever may come this far.
    let Some(least) = route::find(request.method(), &pattern).and_then(|route| route.least) else {
        return Ok(());
    };
    let signed_in = request.extensions().get::<SignedIn>().cloned();
    signed_in.ok_or_else(|| ApiError::internal("a guarded route was reached without a token"))?.require(least)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, HttpResponse, web};

    use super::*;
    use crate::middleware::observe;

    #[actix_web::test]
    async fn a_panic_becomes_an_error_that_shows_nothing_of_it() {
        async fn panics() -> HttpResponse {
            panic!("the secret inside")
        }
        let resource = web::resource("/panics").to(panics).wrap(from_fn(guard));
        let app = init_service(App::new().service(resource).wrap(from_fn(observe))).await;
        let request = TestRequest::with_uri("/panics").insert_header(("x-request-id", "request-7"));
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status().as_u16(), 500);
        let body = String::from_utf8(read_body(response).await.to_vec()).unwrap();
        assert!(body.contains("INTERNAL_ERROR") && body.contains("request-7"), "{body}");
        assert!(!body.contains("secret"), "{body}");
    }
}
