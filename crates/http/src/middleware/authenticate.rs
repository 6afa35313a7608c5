//! Who asks: everything under `/api` needs a token, unknown addresses included.

use std::future::{Ready, ready};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use reinstate_describe::AccessLevel;
use reinstate_store::TenantId;

use crate::auth::{AuthFault, Identity};
use crate::error::ApiError;
use crate::state::AppState;

/// The identity of the request's token, for handlers.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn(pub(crate) Identity);

impl SignedIn {
    /// The caller's tenant.
    pub(crate) const fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    /// Refuses callers below a level.
    pub(crate) fn require(&self, least: AccessLevel) -> Result<(), ApiError> {
        let level = self.0.caller.level;
        if level >= least {
            return Ok(());
        }
        Err(ApiError::forbidden(format!("This needs access level '{least}', the token has '{level}'")))
    }
}

impl FromRequest for SignedIn {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let identity = request.extensions().get::<Self>().cloned();
        ready(identity.ok_or_else(|| ApiError::internal("a handler asks for an identity on an open route")))
    }
}

/// Verifies the token of requests under `/api` and keeps its identity with the request.
pub(crate) async fn authenticate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // The path as the router reads it: in the raw one an encoded letter would hide the prefix.
    if is_api(request.match_info().as_str()) {
        match identify(&request).await {
            Ok(identity) => {
                tracing::Span::current().record("tenant", identity.tenant.as_str());
                request.extensions_mut().insert(SignedIn(identity));
            }
            Err(error) => return Ok(request.error_response(error)),
        }
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn is_api(path: &str) -> bool {
    path.strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn identify(request: &ServiceRequest) -> Result<Identity, ApiError> {
    let state = request
        .app_data::<Data<AppState>>()
        .ok_or_else(|| ApiError::internal("the application's state is not registered"))?
        .clone();
    let authorization = match request.headers().get(header::AUTHORIZATION).map(|value| value.to_str()) {
        None => None,
        Some(Ok(text)) => Some(text),
        Some(Err(_)) => return Err(AuthFault::Invalid.into()),
    };
    let identity = state.auth.identify(authorization).await?;
    if identity.caller.level == AccessLevel::Deny {
        return Err(ApiError::forbidden("This token is denied all access"));
    }
    Ok(identity)
}
