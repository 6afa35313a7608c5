//! Files going out: archives of extracts and their entries, whole or in parts, as fast as the client takes them.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use actix_web::{body::SizedStream, http::Method, http::StatusCode, http::header};
use futures_util::{StreamExt, stream};
use reinstate_jobs::{ByteStream, ExtractFile, JobsError};

use crate::attachment;
use crate::blocking::blocking;
use crate::error::ApiError;
use crate::middleware::SignedIn;
use crate::request::{Part, Query, asked_part, is_unchanged, segment};
use crate::state::AppState;

/// The SHA-256 of the whole file, whichever part of it is sent.
const CHECKSUM: &str = "x-checksum-sha256";

/// Hands out the archive of a run.
pub(crate) async fn archive(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.only(&[])?;
    let run_id = segment(&request, "run_id")?;
    let jobs = state.jobs.clone();
    let file = blocking(move || jobs.extract_download(who.tenant(), &who.0.caller, &run_id)).await?;
    Ok(Download::begin(&request, &state, &file).await?.response)
}

/// Hands out one entry of an archive.
pub(crate) async fn artifact(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.only(&[])?;
    let id = segment(&request, "artifact_id")?;
    let (jobs, tenant) = (state.jobs.clone(), who.tenant().clone());
    let asked = id.clone();
    let file = blocking(move || jobs.artifact_download(who.tenant(), &who.0.caller, &asked)).await?;
    let download = Download::begin(&request, &state, &file).await?;
    if download.is_from_start {
        let jobs = state.jobs.clone();
        // The file is on its way, whether that is counted or not.
        if let Err(error) = blocking(move || jobs.artifact_count_download(&tenant, &id)).await {
            tracing::warn!(%error, "a download was not counted");
        }
    }
    Ok(download.response)
}

/// An answer that hands a file out.
struct Download {
    response: HttpResponse,
    /// The first byte is on its way: a download that is taken up again does not count anew.
    is_from_start: bool,
}

impl Download {
    async fn begin(request: &HttpRequest, state: &AppState, file: &ExtractFile) -> Result<Self, ApiError> {
        if is_unchanged(request, &file.etag) {
            let mut response = HttpResponse::NotModified();
            response.insert_header((header::ETAG, file.etag.as_str()));
            return Ok(Self { response: response.finish(), is_from_start: false });
        }
        let whole = 0..file.size_bytes;
        let asked =
            if file.has_parts { asked_part(request, &file.etag, file.size_bytes) } else { Part::Whole };
        let (status, range) = match asked {
            Part::Whole => (StatusCode::OK, whole),
            Part::Bytes(range) => (StatusCode::PARTIAL_CONTENT, range),
            Part::Beyond => return Err(ApiError::range_not_satisfiable(file.size_bytes)),
        };
        let mut response = HttpResponse::build(status);
        response
            .content_type(file.content_type.as_str())
            .insert_header((header::CONTENT_DISPOSITION, attachment::disposition(&file.filename)))
            .insert_header((header::ETAG, file.etag.as_str()))
            .insert_header((header::ACCEPT_RANGES, if file.has_parts { "bytes" } else { "none" }))
            .insert_header((CHECKSUM, file.checksum.as_str()));
        if status == StatusCode::PARTIAL_CONTENT {
            let last = range.end.saturating_sub(1);
            let content_range = format!("bytes {}-{last}/{}", range.start, file.size_bytes);
            response.insert_header((header::CONTENT_RANGE, content_range));
        }
        let is_wanted = request.method() != Method::HEAD;
        let (length, is_from_start) = (range.end.saturating_sub(range.start), is_wanted && range.start == 0);
        let bytes = if is_wanted && length > 0 {
            state.jobs.extract_bytes(file, range).await?
        } else {
            Box::pin(stream::empty()) as ByteStream
        };
        let response = response.body(SizedStream::new(length, bytes.map(|piece| piece.map_err(broken))));
        Ok(Self { response, is_from_start })
    }
}

/// A failure when the head of the answer is gone already: the connection ends before its length is reached, and the
/// client sees that something is missing.
fn broken(error: JobsError) -> std::io::Error {
    let error = ApiError::from(error);
    tracing::error!(cause = error.cause(), %error, "a download broke off");
    std::io::Error::other(error)
}
