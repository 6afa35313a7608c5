//! Every address of the server as data: what it is, who may use it, what goes in and out. Registration, levels,
//! `Allow` headers, the OpenAPI document and the tests' tables all come from here.

mod table;

use actix_web::guard;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use reinstate_api::ErrorCode;
use reinstate_describe::AccessLevel;

use crate::error::ApiError;
use crate::middleware;

pub use table::ROUTES;

/// A method as routes use them. `Get` answers `HEAD` too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// GET and HEAD
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

/// What a route takes as its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// No body.
    Nothing,
    /// A record, or an array of records.
    Records,
    /// A record.
    Record,
    /// An array of records with their ids.
    RecordList,
    /// An array of ids, or of objects with an id.
    Ids,
    /// A model's definition.
    Model,
    /// A field's definition.
    Field,
    /// A field's definition, or an array of them.
    Fields,
    /// An array of definitions of fields.
    FieldList,
    /// An archive and the options of its restore, as a form.
    ImportForm,
    /// An archive, as a form.
    UploadForm,
}

/// What a route answers with when it did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// A record.
    Record,
    /// A part of a list of records.
    RecordPage,
    /// A record, or an array of records.
    Records,
    /// A list of names.
    Names,
    /// A model's definition.
    Model,
    /// A field's definition.
    Field,
    /// Definitions of fields.
    Fields,
    /// A run was queued.
    RunAccepted,
    /// A run was cancelled.
    RunCancelled,
    /// An archive was taken in and its run was queued.
    ImportAccepted,
    /// An archive was taken in.
    UploadAccepted,
    /// A file: an archive.
    Archive,
    /// A file: one entry of an archive.
    Artifact,
    /// The process lives.
    Health,
    /// The server can serve.
    Readiness,
    /// What is where.
    Welcome,
    /// Metrics as Prometheus reads them.
    Metrics,
    /// The OpenAPI document.
    Document,
}

/// One method at one address.
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The address with its variable segments in braces.
    pub pattern: &'static str,
    /// The least level that gets in; `None`: open to everybody, without a token. Some handlers ask for more,
    /// depending on what the request is about.
    pub least: Option<AccessLevel>,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The body.
    pub input: Input,
    /// The answer.
    pub output: Output,
    /// The status of the answer.
    pub status: u16,
    /// Query parameters: name and meaning.
    pub parameters: &'static [(&'static str, &'static str)],
    /// Errors of its own, besides those that follow from its level and its body, and those that any route has.
    pub errors: &'static [ErrorCode],
    handler: fn() -> actix_web::Route,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb.as_str(), self.pattern)
    }
}

impl Verb {
    /// The method's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn of(method: &Method) -> Option<Self> {
        match method.as_str() {
            "GET" | "HEAD" => Some(Self::Get),
            "POST" => Some(Self::Post),
            "PUT" => Some(Self::Put),
            "PATCH" => Some(Self::Patch),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }

    fn bound(self, route: actix_web::Route) -> actix_web::Route {
        match self {
            Self::Get => route.guard(guard::Any(guard::Get()).or(guard::Head())),
            Self::Post => route.guard(guard::Post()),
            Self::Put => route.guard(guard::Put()),
            Self::Patch => route.guard(guard::Patch()),
            Self::Delete => route.guard(guard::Delete()),
        }
    }
}

/// The route of a method at a pattern.
pub(crate) fn find(method: &Method, pattern: &str) -> Option<&'static Route> {
    let verb = Verb::of(method)?;
    ROUTES.iter().find(|route| route.verb == verb && route.pattern == pattern)
}

/// Registers every route of the table, and what answers where none fits.
pub fn configure(config: &mut ServiceConfig) {
    let mut patterns: Vec<&'static str> = Vec::new();
    for route in ROUTES {
        if !patterns.contains(&route.pattern) {
            patterns.push(route.pattern);
        }
    }
    for pattern in patterns {
        let resource = ROUTES
            .iter()
            .filter(|route| route.pattern == pattern)
            .fold(web::resource(pattern), |resource, route| {
                resource.route(route.verb.bound((route.handler)()))
            })
            .default_service(web::to(method_not_allowed))
            .wrap(from_fn(middleware::guard));
        config.service(resource);
    }
    config.default_service(web::to(not_found));
}

async fn method_not_allowed(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let pattern = request.match_pattern().unwrap_or_default();
    let mut allowed: Vec<&str> = Vec::new();
    for route in ROUTES.iter().filter(|route| route.pattern == pattern) {
        allowed.push(route.verb.as_str());
        if route.verb == Verb::Get {
            allowed.push("HEAD");
        }
    }
    Err(ApiError::method_not_allowed(request.method().as_str(), allowed.join(", ")))
}

async fn not_found(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let path: String = request.path().chars().take(200).collect();
    Err(ApiError::new(ErrorCode::NotFound, format!("There is nothing at {path}")))
}
