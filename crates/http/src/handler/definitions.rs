//! The Describe API: models.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use reinstate_describe::Model;
use reinstate_describe::definition::{model_from_json, model_patched, model_to_json};
use reinstate_store::{StoreError, Tenant};

use crate::answer;
use crate::blocking::blocking;
use crate::error::ApiError;
use crate::middleware::SignedIn;
use crate::request::{JsonText, Query, segment};
use crate::state::AppState;

/// The names of the tenant's models in the order in which they were made.
pub(crate) async fn names(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.only(&[])?;
    let names = blocking(move || {
        let catalog = state.store.tenants.open(who.tenant())?.catalog()?;
        Ok::<_, StoreError>(catalog.iter().map(|model| model.name.to_string()).collect::<Vec<_>>())
    });
    Ok(answer::ok(names.await?))
}

/// One model.
pub(crate) async fn get(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let name = segment(&request, "model")?;
    let model = blocking(move || model_of(&state.store.tenants.open(who.tenant())?, &name)).await?;
    Ok(answer::ok(model_to_json(&model)))
}

/// Creates a model, fields included.
pub(crate) async fn create(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    body: JsonText,
) -> Result<HttpResponse, ApiError> {
    let model = model_from_json(&segment(&request, "model")?, &body.tree()?)?;
    let created = blocking(move || {
        state.store.tenants.open(who.tenant())?.model_create(&model)?;
        Ok::<_, StoreError>(model)
    });
    Ok(HttpResponse::Created().json(reinstate_api::Success::new(model_to_json(&created.await?))))
}

/// Changes attributes of a model.
pub(crate) async fn update(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    body: JsonText,
) -> Result<HttpResponse, ApiError> {
    let name = segment(&request, "model")?;
    let patch = body.tree()?;
    let model = blocking(move || {
        let tenant = state.store.tenants.open(who.tenant())?;
        tenant.model_update(&name, |existing| model_patched(existing, &patch))
    });
    Ok(answer::ok(model_to_json(&model.await?)))
}

/// Removes a model for good.
pub(crate) async fn delete(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let name = segment(&request, "model")?;
    let model = blocking(move || state.store.tenants.open(who.tenant())?.model_delete(&name));
    Ok(answer::ok(model_to_json(&model.await?)))
}

/// The model of that name.
pub(super) fn model_of(tenant: &Tenant, name: &str) -> Result<Model, ApiError> {
    tenant.catalog()?.find(name).cloned().ok_or_else(|| ApiError::model_not_found(name))
}
