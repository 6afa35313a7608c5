//! Addresses for those who run the server; none needs a token.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::Data;
use reinstate_api::{Health, Readiness, Welcome};

use crate::blocking::blocking;
use crate::error::ApiError;
use crate::openapi;
use crate::state::AppState;

/// What is where.
pub(crate) async fn welcome() -> HttpResponse {
    let links = [
        ("api", "/api"),
        ("health", "/healthz"),
        ("metrics", "/metrics"),
        ("openapi", "/openapi.json"),
        ("readiness", "/readyz"),
    ];
    HttpResponse::Ok().json(Welcome {
        name: "reinstate".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        links: links.into_iter().map(|(name, path)| (name.to_owned(), path.to_owned())).collect(),
    })
}

/// The process lives.
pub(crate) async fn health() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Whether what requests stand on is there. The database brings itself to its newest form before the server
/// listens, so one that answers is migrated.
pub(crate) async fn ready(state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    if state.is_stopping() {
        return Err(ApiError::stopping());
    }
    blocking(move || {
        state.store.ping().map_err(|error| ApiError::not_ready("database", &error))?;
        state.objects.ping().map_err(|error| ApiError::not_ready("storage", &error))
    })
    .await?;
    let ok = || "ok".to_owned();
    Ok(HttpResponse::Ok().json(Readiness { status: "ready".to_owned(), database: ok(), storage: ok() }))
}

/// The figures.
pub(crate) async fn metrics(state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    let text = blocking(move || {
        let snapshot = state.snapshot()?;
        state.metrics.text(&snapshot).map_err(ApiError::internal)
    });
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text.await?))
}

/// The OpenAPI document.
pub(crate) async fn openapi() -> Result<HttpResponse, ApiError> {
    let document = openapi::document_json().map_err(ApiError::internal)?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(document))
}
