//! Archives coming in: forms whose file goes to the storage while it arrives.

use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::http::header;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{Stream, StreamExt};
use reinstate_api::{ErrorCode, ImportAccepted, ImportConfig, RunAccepted, UploadAccepted};
use reinstate_jobs::{CheckedUpload, ImportForm, ImportOptions};

use crate::answer;
use crate::blocking::blocking;
use crate::error::ApiError;
use crate::middleware::SignedIn;
use crate::request::{Query, check_encoding};
use crate::state::AppState;

/// The form field that holds the archive.
const FILE: &str = "file";

/// The options of an import.
const OPTIONS: [&str; 4] = ["conflict_strategy", "include", "models", "create_models"];

/// Longest option: room for a list of some thousand model names.
const OPTION_BYTES_MAX: usize = 128 * 1024;

/// Takes an archive in and queues its restore.
pub(crate) async fn import(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.only(&[])?;
    let form = Form { state: &state, who: &who, allowed: &OPTIONS }.read(&request, payload).await?;
    let options = form.options.parse()?;
    let config = config_of(&options);
    let imported = blocking(move || state.jobs.restore_import(&who.0.caller, form.file, &options)).await?;
    let accepted = RunAccepted::new(imported.run_id);
    Ok(answer::ok(ImportAccepted {
        run_id: accepted.run_id,
        message: accepted.message,
        status_url: accepted.status_url,
        restore_id: imported.restore_id,
        filename: imported.filename,
        size: imported.size_bytes,
        config,
    }))
}

/// Takes an archive in, for a configuration to name.
pub(crate) async fn upload(
    request: HttpRequest,
    state: Data<AppState>,
    who: SignedIn,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    Query::of(&request)?.only(&[])?;
    let form = Form { state: &state, who: &who, allowed: &[] }.read(&request, payload).await?;
    let stored = blocking(move || state.jobs.upload_keep(form.file)).await?;
    Ok(answer::ok(UploadAccepted {
        source_ref: stored.source_ref,
        filename: stored.filename,
        size: stored.size_bytes,
    }))
}

fn config_of(options: &ImportOptions) -> ImportConfig {
    let mut include = Vec::new();
    if options.include.describe {
        include.push("describe".to_owned());
    }
    if options.include.data {
        include.push("data".to_owned());
    }
    ImportConfig {
        conflict_strategy: options.strategy.to_string(),
        include,
        models: options.models.clone(),
        create_models: options.create_models,
    }
}

/// Reads a form with one file; fields may come in any order.
struct Form<'a> {
    state: &'a AppState,
    who: &'a SignedIn,
    allowed: &'a [&'static str],
}

/// A form that was read; dropping it removes the file.
struct FilledForm {
    file: CheckedUpload,
    options: ImportForm,
}

impl Form<'_> {
    async fn read(&self, request: &HttpRequest, payload: Payload) -> Result<FilledForm, ApiError> {
        check_content_type(request)?;
        let mut parts = Multipart::new(request.headers(), payload);
        let (mut file, mut options) = (None, ImportForm::default());
        while let Some(part) = self.next(&mut parts).await? {
            let part = part.map_err(malformed)?;
            let name = part.name().unwrap_or_default().to_owned();
            if name == FILE {
                if file.is_some() {
                    return Err(ApiError::bad_request("The form holds more than one field 'file'"));
                }
                // What came before the file is checked before the file is on its way.
                options.parse()?;
                file = Some(self.file(part).await?);
            } else if self.allowed.contains(&name.as_str()) {
                let text = self.text(part, &name).await?;
                if option(&mut options, &name).and_then(|option| option.replace(text)).is_some() {
                    return Err(ApiError::bad_request(format!("The form holds '{name}' more than once")));
                }
            } else {
                return Err(self.unknown(&name));
            }
        }
        let file =
            file.ok_or_else(|| ApiError::bad_request("The form needs a field 'file' with the archive"))?;
        Ok(FilledForm { file, options })
    }

    async fn file(&self, mut part: Field) -> Result<CheckedUpload, ApiError> {
        let filename = part.content_disposition().and_then(|about| about.get_filename()).map(str::to_owned);
        let (tenant, caller) = (self.who.tenant(), &self.who.0.caller);
        let mut upload = self.state.jobs.upload_begin(tenant, caller, filename.as_deref()).await?;
        while let Some(bytes) = self.next(&mut part).await? {
            upload.write(bytes.map_err(malformed)?).await?;
        }
        Ok(upload.finish().await?)
    }

    async fn text(&self, mut part: Field, name: &str) -> Result<String, ApiError> {
        let mut text: Vec<u8> = Vec::new();
        while let Some(bytes) = self.next(&mut part).await? {
            let bytes: Bytes = bytes.map_err(malformed)?;
            if text.len() + bytes.len() > OPTION_BYTES_MAX {
                return Err(ApiError::bad_request(format!(
                    "'{name}' is longer than {OPTION_BYTES_MAX} bytes"
                )));
            }
            text.extend_from_slice(&bytes);
        }
        String::from_utf8(text).map_err(|_| ApiError::bad_request(format!("'{name}' is not UTF-8")))
    }

    /// The next piece; a client that stalls is let go.
    async fn next<S: Stream + Unpin>(&self, stream: &mut S) -> Result<Option<S::Item>, ApiError> {
        let wait = Duration::from_secs(self.state.settings.upload_idle_timeout_s);
        tokio::time::timeout(wait, stream.next())
            .await
            .map_err(|_| ApiError::bad_request("The upload stalled and was given up"))
    }

    fn unknown(&self, name: &str) -> ApiError {
        let allowed: Vec<&str> = std::iter::once(FILE).chain(self.allowed.iter().copied()).collect();
        let name: String = name.chars().take(80).collect();
        ApiError::bad_request(format!("Unknown form field '{name}'; allowed: {}", allowed.join(", ")))
    }
}

fn option<'a>(options: &'a mut ImportForm, name: &str) -> Option<&'a mut Option<String>> {
    match name {
        "conflict_strategy" => Some(&mut options.conflict_strategy),
        "include" => Some(&mut options.include),
        "models" => Some(&mut options.models),
        "create_models" => Some(&mut options.create_models),
        _ => None,
    }
}

fn check_content_type(request: &HttpRequest) -> Result<(), ApiError> {
    check_encoding(request)?;
    let declared = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = declared.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("multipart/form-data") {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, "Content-Type must be multipart/form-data"))
}

fn malformed(error: actix_multipart::MultipartError) -> ApiError {
    ApiError::bad_request(format!("The form cannot be read: {error}"))
}
