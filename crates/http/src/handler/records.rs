//! The Data API: records of the tenant's models, and the platform's own models beside them.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use reinstate_api::Page;
use reinstate_describe::{Trashed, filter};
use reinstate_store::RecordPage;
use serde_json::Value as Json;

use crate::answer;
use crate::blocking::blocking;
use crate::error::ApiError;
use crate::middleware::SignedIn;
use crate::plane::{Plane, Writable};
use crate::request::{JsonText, Query, Shape, segment, tree_of};
use crate::state::AppState;

/// Records of one request at most: what one transaction can hold without keeping others waiting for long.
const RECORDS_MAX: usize = 10_000;

/// A part of a model's records.
pub(crate) async fn list(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let plane = Plane::of(&segment(&request, "model")?);
    let pairs = Query::of(&request)?.into_pairs();
    let page = blocking(move || {
        let query = |layout: &_| filter::parse_list_query(&pairs, layout);
        match plane {
            Plane::Tenant(model) => {
                state.store.tenants.open(who.tenant())?.records_list(&who.0.caller, &model, query)
            }
            Plane::Control(model) => {
                state.store.control.system_list(who.tenant(), &who.0.caller, &model, query)
            }
        }
    });
    let page = page.await?;
    Ok(answer::raw_list(StatusCode::OK, &page.records, Some(page_of(&page))))
}

/// One record.
pub(crate) async fn get(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let plane = Plane::of(&segment(&request, "model")?);
    let id = segment(&request, "id")?;
    let trashed = trashed(&Query::of(&request)?)?;
    let record = blocking(move || match plane {
        Plane::Tenant(model) => {
            state.store.tenants.open(who.tenant())?.record_get(&who.0.caller, &model, &id, trashed)
        }
        Plane::Control(model) => {
            state.store.control.system_get(who.tenant(), &who.0.caller, &model, &id, trashed)
        }
    });
    Ok(answer::raw(StatusCode::OK, &record.await?))
}

/// Creates one record or several.
pub(crate) async fn create(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    body: JsonText,
) -> Result<HttpResponse, ApiError> {
    let home = Plane::of(&segment(&request, "model")?).writable(&who)?;
    let query = Query::of(&request)?;
    query.only(&["upsert"])?;
    let upsert = query.flag("upsert")?;
    let (is_array, records) = blocking(move || {
        let (is_array, bodies) = bodies(&body)?;
        let (tenant, caller) = (who.tenant(), &who.0.caller);
        let records = match home {
            Writable::Restores | Writable::Extracts if upsert => {
                let message = "Configurations cannot be upserted: create or change them";
                return Err(ApiError::bad_request(message));
            }
            Writable::Restores => state.jobs.restores_create(tenant, caller, &trees(&bodies)?)?,
            Writable::Extracts => state.jobs.extracts_create(tenant, caller, &trees(&bodies)?)?,
            Writable::Model(model) => {
                let now = state.clock.now_micros();
                let tenant = state.store.tenants.open(tenant)?;
                tenant.records_create(caller, &model, &bodies, upsert, now, &*state.ids)?
            }
        };
        Ok((is_array, records))
    })
    .await?;
    Ok(one_or_many(StatusCode::CREATED, is_array, &records))
}

/// Changes the record that the path names.
pub(crate) async fn update(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    body: JsonText,
) -> Result<HttpResponse, ApiError> {
    let home = Plane::of(&segment(&request, "model")?).writable(&who)?;
    let id = segment(&request, "id")?;
    Query::of(&request)?.only(&[])?;
    let records = blocking(move || {
        let Shape::One(patch) = body.shape()? else {
            return Err(ApiError::bad_request("The body must be one object"));
        };
        change(&state, &who, home, &[(Some(&id), patch)])
    });
    Ok(one_or_many(StatusCode::OK, false, &records.await?))
}

/// Changes the records that the body names.
pub(crate) async fn update_many(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    body: JsonText,
) -> Result<HttpResponse, ApiError> {
    let home = Plane::of(&segment(&request, "model")?).writable(&who)?;
    Query::of(&request)?.only(&[])?;
    let records = blocking(move || {
        let (true, bodies) = bodies(&body)? else {
            return Err(ApiError::bad_request("The body must be an array of objects, each with its id"));
        };
        let patches: Vec<(Option<&str>, &str)> = bodies.into_iter().map(|body| (None, body)).collect();
        change(&state, &who, home, &patches)
    });
    Ok(one_or_many(StatusCode::OK, true, &records.await?))
}

fn change(
    state: &AppState,
    who: &SignedIn,
    home: Writable,
    patches: &[(Option<&str>, &str)],
) -> Result<Vec<String>, ApiError> {
    let (tenant, caller) = (who.tenant(), &who.0.caller);
    Ok(match home {
        Writable::Restores | Writable::Extracts => {
            let trees = trees(&patches.iter().map(|(_, patch)| *patch).collect::<Vec<_>>())?;
            let patches: Vec<_> = patches.iter().map(|(id, _)| *id).zip(&trees).collect();
            if home == Writable::Restores {
                state.jobs.restores_update(tenant, caller, &patches)?
            } else {
                state.jobs.extracts_update(tenant, caller, &patches)?
            }
        }
        Writable::Model(model) => {
            let now = state.clock.now_micros();
            state.store.tenants.open(tenant)?.records_update(caller, &model, patches, now)?
        }
    })
}

/// Trashes or removes the record that the path names.
pub(crate) async fn delete(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    let home = Plane::of(&segment(&request, "model")?).writable(&who)?;
    let ids = vec![segment(&request, "id")?];
    let permanent = permanent(&request)?;
    let records = remove(state, who, home, ids, permanent).await?;
    Ok(one_or_many(StatusCode::OK, false, &records))
}

/// Trashes or removes the records that the body names.
pub(crate) async fn delete_many(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    body: JsonText,
) -> Result<HttpResponse, ApiError> {
    let home = Plane::of(&segment(&request, "model")?).writable(&who)?;
    let permanent = permanent(&request)?;
    let ids = ids(&body.tree()?)?;
    let records = remove(state, who, home, ids, permanent).await?;
    Ok(one_or_many(StatusCode::OK, true, &records))
}

async fn remove(
    state: Data<AppState>,
    who: SignedIn,
    home: Writable,
    ids: Vec<String>,
    permanent: bool,
) -> Result<Vec<String>, ApiError> {
    blocking(move || {
        let (tenant, caller) = (who.tenant(), &who.0.caller);
        Ok::<_, ApiError>(match home {
            Writable::Restores => state.jobs.restores_delete(tenant, caller, &ids, permanent)?,
            Writable::Extracts => state.jobs.extracts_delete(tenant, caller, &ids, permanent)?,
            Writable::Model(model) => {
                let now = state.clock.now_micros();
                state.store.tenants.open(tenant)?.records_delete(caller, &model, &ids, permanent, now)?
            }
        })
    })
    .await
}

fn permanent(request: &HttpRequest) -> Result<bool, ApiError> {
    let query = Query::of(request)?;
    query.only(&["permanent"])?;
    query.flag("permanent")
}

fn trashed(query: &Query) -> Result<Trashed, ApiError> {
    query.only(&["trashed"])?;
    match query.last("trashed") {
        None => Ok(Trashed::Exclude),
        Some("include") => Ok(Trashed::Include),
        Some("only") => Ok(Trashed::Only),
        Some(other) => {
            Err(ApiError::bad_request(format!("'trashed' must be include or only, not '{other}'")))
        }
    }
}

/// The records of a body, and whether they came as an array.
fn bodies(body: &JsonText) -> Result<(bool, Vec<&str>), ApiError> {
    match body.shape()? {
        Shape::One(record) => Ok((false, vec![record])),
        Shape::Many(records) if records.len() > RECORDS_MAX => Err(too_many(records.len())),
        Shape::Many(records) => Ok((true, records)),
    }
}

fn too_many(count: usize) -> ApiError {
    ApiError::bad_request(format!("One request takes at most {RECORDS_MAX} records, this one has {count}"))
}

fn trees(bodies: &[&str]) -> Result<Vec<Json>, ApiError> {
    bodies.iter().map(|body| tree_of(body)).collect()
}

/// The ids of a body: texts, or objects that hold one as `id`.
fn ids(body: &Json) -> Result<Vec<String>, ApiError> {
    let malformed = || ApiError::bad_request("The body must be an array of ids, or of objects with an id");
    let items = body.as_array().ok_or_else(malformed)?;
    if items.len() > RECORDS_MAX {
        return Err(too_many(items.len()));
    }
    let id = |item: &Json| item.as_str().or_else(|| item.get("id")?.as_str()).map(str::to_owned);
    items.iter().map(|item| id(item).ok_or_else(malformed)).collect()
}

/// An array for an array, a record for a record.
fn one_or_many(status: StatusCode, is_array: bool, records: &[String]) -> HttpResponse {
    match records.first() {
        Some(only) if !is_array => answer::raw(status, only),
        _ => answer::raw_list(status, records, None),
    }
}

fn page_of(page: &RecordPage) -> Page {
    Page { limit: page.limit.into(), offset: page.offset, has_more: page.has_more, total: page.total }
}
