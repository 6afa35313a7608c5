//! Extracts: starting and stopping their runs.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use reinstate_api::{RunAccepted, RunCancelled};

use crate::answer;
use crate::blocking::blocking;
use crate::error::ApiError;
use crate::middleware::SignedIn;
use crate::request::{Query, segment};
use crate::state::AppState;

/// Queues a run of an extract.
pub(crate) async fn run(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.only(&[])?;
    let id = segment(&request, "id")?;
    let run_id = blocking(move || state.jobs.extract_run(who.tenant(), &who.0.caller, &id)).await?;
    Ok(answer::ok(RunAccepted::extract(run_id)))
}

/// Cancels the active run of an extract.
pub(crate) async fn cancel(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.only(&[])?;
    let id = segment(&request, "id")?;
    let run_id = blocking(move || state.jobs.extract_cancel(who.tenant(), &who.0.caller, &id)).await?;
    Ok(answer::ok(RunCancelled::extract(run_id)))
}
