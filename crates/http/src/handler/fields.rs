//! The Describe API: fields.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use reinstate_describe::definition::{field_from_json, field_patched, field_to_json};
use reinstate_describe::{Field, Model};
use reinstate_store::{StoreError, Tenant};
use serde_json::Value as Json;

use super::definitions::model_of;
use crate::answer;
use crate::blocking::blocking;
use crate::error::ApiError;
use crate::middleware::SignedIn;
use crate::request::{JsonText, segment};
use crate::state::AppState;

/// The fields of a model.
pub(crate) async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let name = segment(&request, "model")?;
    let model = blocking(move || model_of(&state.store.tenants.open(who.tenant())?, &name)).await?;
    Ok(answer::ok(model.fields.values().map(field_to_json).collect::<Vec<_>>()))
}

/// One field.
pub(crate) async fn get(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let (model, field) = (segment(&request, "model")?, segment(&request, "field")?);
    let field = blocking(move || {
        let model = model_of(&state.store.tenants.open(who.tenant())?, &model)?;
        field_of(&model, &field).cloned()
    });
    Ok(answer::ok(field_to_json(&field.await?)))
}

/// Adds the field that the path names.
pub(crate) async fn create(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    body: JsonText,
) -> Result<HttpResponse, ApiError> {
    let model = segment(&request, "model")?;
    let field = field_from_json(Some(&segment(&request, "field")?), &body.tree()?)?;
    let mut created =
        blocking(move || add(&state.store.tenants.open(who.tenant())?, &model, &[field])).await?;
    Ok(HttpResponse::Created().json(reinstate_api::Success::new(created.pop())))
}

/// Adds the field, or the fields, that the body names.
pub(crate) async fn create_many(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    body: JsonText,
) -> Result<HttpResponse, ApiError> {
    let model = segment(&request, "model")?;
    let tree = body.tree()?;
    let is_array = tree.is_array();
    let bodies = if let Json::Array(bodies) = tree { bodies } else { vec![tree] };
    let fields = each(&bodies, |body| field_from_json(None, body).map_err(ApiError::from))?;
    let mut created =
        blocking(move || add(&state.store.tenants.open(who.tenant())?, &model, &fields)).await?;
    let data = if is_array { Json::Array(created) } else { created.pop().unwrap_or_default() };
    Ok(HttpResponse::Created().json(reinstate_api::Success::new(data)))
}

/// Changes attributes of the field that the path names.
pub(crate) async fn update(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    body: JsonText,
) -> Result<HttpResponse, ApiError> {
    let (model, field) = (segment(&request, "model")?, segment(&request, "field")?);
    let patches = vec![(field, body.tree()?)];
    let mut changed =
        blocking(move || change(&state.store.tenants.open(who.tenant())?, &model, &patches)).await?;
    Ok(answer::ok(changed.pop()))
}

/// Changes attributes of the fields that the body names.
pub(crate) async fn update_many(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    body: JsonText,
) -> Result<HttpResponse, ApiError> {
    let model = segment(&request, "model")?;
    let Json::Array(bodies) = body.tree()? else {
        return Err(ApiError::bad_request("The body must be an array of fields, each with its field_name"));
    };
    let patches = each(&bodies, |body| {
        let name = body.get("field_name").and_then(Json::as_str);
        let name =
            name.ok_or_else(|| ApiError::bad_request("Each field of the array needs its field_name"))?;
        Ok((name.to_owned(), body.clone()))
    })?;
    let changed =
        blocking(move || change(&state.store.tenants.open(who.tenant())?, &model, &patches)).await?;
    Ok(answer::ok(changed))
}

/// Removes a field for good.
pub(crate) async fn delete(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let (model, field) = (segment(&request, "model")?, segment(&request, "field")?);
    let removed = blocking(move || state.store.tenants.open(who.tenant())?.field_delete(&model, &field));
    Ok(answer::ok(field_to_json(&removed.await?)))
}

fn each<T>(bodies: &[Json], read: impl Fn(&Json) -> Result<T, ApiError>) -> Result<Vec<T>, ApiError> {
    bodies.iter().map(read).collect()
}

fn field_of<'a>(model: &'a Model, name: &str) -> Result<&'a Field, ApiError> {
    let found = reinstate_describe::Name::new(name).ok().and_then(|name| model.fields.get(&name));
    let missing = || StoreError::FieldNotFound { model: model.name.to_string(), field: name.to_owned() };
    found.ok_or_else(|| missing().into())
}

fn add(tenant: &Tenant, model: &str, fields: &[Field]) -> Result<Vec<Json>, StoreError> {
    tenant.fields_create(model, fields)?;
    Ok(fields.iter().map(field_to_json).collect())
}

fn change(tenant: &Tenant, model: &str, patches: &[(String, Json)]) -> Result<Vec<Json>, StoreError> {
    let (names, patches): (Vec<_>, Vec<_>) =
        patches.iter().map(|(name, patch)| (name.as_str(), patch)).unzip();
    let patched = |place: usize, existing: &Field| match patches.get(place) {
        Some(patch) => field_patched(existing, patch),
        None => Ok(existing.clone()),
    };
    Ok(tenant.fields_update(model, &names, patched)?.iter().map(field_to_json).collect())
}
