//! The OpenAPI document, made from the route table: what is registered is described, and nothing else.

use reinstate_api::{
    ArtifactRecord, ErrorCode, ExtractBody, ExtractConfiguration, ExtractProgressDetail, ExtractRunRecord,
    Failure, FieldDefinition, Health, ImportAccepted, ImportConfig, LogRecord, ModelDefinition, Page,
    ProgressDetail, Readiness, RestoreBody, RunAccepted, RunCancelled, RunRecord, RunStatus, UploadAccepted,
    ValidationError, ValidationErrors, Welcome,
};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{
    ArrayBuilder, Components, ComponentsBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema,
    SchemaFormat, Type,
};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required};

use crate::route::{Input, Output, ROUTES, Route, Verb};

/// Name of the security scheme.
const TOKEN: &str = "token";

/// Errors of every route that needs a token.
const TOKEN_ERRORS: [ErrorCode; 4] = [
    ErrorCode::AuthTokenRequired,
    ErrorCode::AuthTokenInvalid,
    ErrorCode::AuthTokenExpired,
    ErrorCode::Forbidden,
];

/// Errors that any route may answer with.
const COMMON_ERRORS: [ErrorCode; 3] =
    [ErrorCode::BadRequest, ErrorCode::InternalError, ErrorCode::ServiceUnavailable];

/// Errors of every route that takes JSON.
const JSON_ERRORS: [ErrorCode; 3] =
    [ErrorCode::JsonParseError, ErrorCode::BodyTooLarge, ErrorCode::UnsupportedMediaType];

/// Errors of every route that takes a form.
const FORM_ERRORS: [ErrorCode; 2] = [ErrorCode::BodyTooLarge, ErrorCode::UnsupportedMediaType];

/// The document.
#[must_use]
pub fn document() -> OpenApi {
    let info = InfoBuilder::new()
        .title("reinstate")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Restores extract archives into tenants, extracts tenants into archives, and serves models and records."));
    let paths = ROUTES.iter().fold(PathsBuilder::new(), |paths, route| {
        paths.path(route.pattern, PathItem::new(http_method(route.verb), operation(route)))
    });
    OpenApiBuilder::new().info(info.build()).paths(paths.build()).components(Some(components())).build()
}

/// The document as JSON text.
///
/// # Errors
/// Where the document cannot be written, which would be a fault of the program.
pub fn document_json() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&document())
}

fn components() -> Components {
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    ComponentsBuilder::new()
        .schema_from::<ErrorCode>()
        .schema_from::<Failure>()
        .schema_from::<ValidationError>()
        .schema_from::<ValidationErrors>()
        .schema_from::<Page>()
        .schema_from::<RunAccepted>()
        .schema_from::<RunCancelled>()
        .schema_from::<ImportConfig>()
        .schema_from::<ImportAccepted>()
        .schema_from::<UploadAccepted>()
        .schema_from::<RestoreBody>()
        .schema_from::<RunStatus>()
        .schema_from::<ProgressDetail>()
        .schema_from::<RunRecord>()
        .schema_from::<LogRecord>()
        .schema_from::<ExtractBody>()
        .schema_from::<ExtractConfiguration>()
        .schema_from::<ExtractProgressDetail>()
        .schema_from::<ExtractRunRecord>()
        .schema_from::<ArtifactRecord>()
        .schema_from::<ModelDefinition>()
        .schema_from::<FieldDefinition>()
        .schema_from::<Health>()
        .schema_from::<Readiness>()
        .schema_from::<Welcome>()
        .schema("Record", record())
        .security_scheme(TOKEN, SecurityScheme::Http(token))
        .build()
}

fn record() -> Schema {
    ObjectBuilder::new()
        .property("id", ObjectBuilder::new().schema_type(Type::String))
        .required("id")
        .description(Some("A record: its id, the system columns and the fields of its model"))
        .into()
}

const fn http_method(verb: Verb) -> HttpMethod {
    match verb {
        Verb::Get => HttpMethod::Get,
        Verb::Post => HttpMethod::Post,
        Verb::Put => HttpMethod::Put,
        Verb::Patch => HttpMethod::Patch,
        Verb::Delete => HttpMethod::Delete,
    }
}

fn operation(route: &Route) -> Operation {
    let mut operation = OperationBuilder::new()
        .summary(Some(route.summary))
        .operation_id(Some(operation_id(route)))
        .tag(tag(route.pattern))
        .request_body(request_body(route.input))
        .response(route.status.to_string(), success(route.output));
    for name in variables(route.pattern) {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(text())),
        );
    }
    for (name, meaning) in route.parameters {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(*meaning))
                .schema(Some(text())),
        );
    }
    if let Some(least) = route.least {
        operation = operation
            .description(Some(format!("Needs access level `{least}` or more.")))
            .security(SecurityRequirement::new(TOKEN, Vec::<String>::new()));
    }
    for (status, answer) in file_answers(route.output) {
        operation = operation.response(status.to_string(), answer);
    }
    errors(route)
        .into_iter()
        .fold(operation, |operation, (status, answer)| operation.response(status, answer))
        .build()
}

/// One answer for each status, naming all its codes.
fn errors(route: &Route) -> Vec<(String, Response)> {
    let token = if route.least.is_some() { TOKEN_ERRORS.as_slice() } else { &[] };
    let body = match route.input {
        Input::Nothing => [].as_slice(),
        Input::ImportForm | Input::UploadForm => &FORM_ERRORS,
        _ => &JSON_ERRORS,
    };
    let mut codes: Vec<ErrorCode> = [route.errors, token, body, &COMMON_ERRORS].concat();
    codes.sort_by_key(|code| (code.status(), code.as_str()));
    codes.dedup();
    codes
        .chunk_by(|a, b| a.status() == b.status())
        .map(|group| {
            let names: Vec<&str> = group.iter().map(|code| code.as_str()).collect();
            let status = group.first().map_or(500, |code| code.status());
            let response = ResponseBuilder::new()
                .description(names.join(", "))
                .content("application/json", content(Ref::from_schema_name("Failure")));
            (status.to_string(), response.build())
        })
        .collect()
}

fn operation_id(route: &Route) -> String {
    let words = route.pattern.split(['/', '{', '}', '.']).filter(|word| !word.is_empty() && *word != "api");
    let mut id = route.verb.as_str().to_ascii_lowercase();
    for word in words {
        id.push('_');
        id.push_str(word);
    }
    id
}

fn tag(pattern: &str) -> &'static str {
    match pattern.split('/').nth(2) {
        Some("restores") => "Restores",
        Some("extracts") => "Extracts",
        Some("data") => "Data",
        Some("describe") => "Describe",
        _ => "Operations",
    }
}

fn variables(pattern: &'static str) -> impl Iterator<Item = &'static str> {
    pattern.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn text() -> Schema {
    ObjectBuilder::new().schema_type(Type::String).into()
}

fn content(schema: impl Into<RefOr<Schema>>) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(schema)).build()
}

fn reference(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

fn array_of(items: impl Into<RefOr<Schema>>) -> RefOr<Schema> {
    Schema::from(ArrayBuilder::new().items(items.into())).into()
}

fn one_or_many(name: &str) -> RefOr<Schema> {
    Schema::from(OneOfBuilder::new().item(reference(name)).item(array_of(reference(name)))).into()
}

fn request_body(input: Input) -> Option<RequestBody> {
    let (media_type, schema) = match input {
        Input::Nothing => return None,
        Input::Records => ("application/json", one_or_many("Record")),
        Input::Record => ("application/json", reference("Record")),
        Input::RecordList => ("application/json", array_of(reference("Record"))),
        Input::Ids => {
            let item = OneOfBuilder::new().item(text()).item(reference("Record"));
            ("application/json", array_of(Schema::from(item)))
        }
        Input::Model => ("application/json", reference("ModelDefinition")),
        Input::Field => ("application/json", reference("FieldDefinition")),
        Input::Fields => ("application/json", one_or_many("FieldDefinition")),
        Input::FieldList => ("application/json", array_of(reference("FieldDefinition"))),
        Input::ImportForm => ("multipart/form-data", import_form().into()),
        Input::UploadForm => ("multipart/form-data", file_form().build().into()),
    };
    Some(
        RequestBodyBuilder::new().required(Some(Required::True)).content(media_type, content(schema)).build(),
    )
}

fn file_form() -> ObjectBuilder {
    ObjectBuilder::new().property("file", bytes()).required("file")
}

fn bytes() -> Schema {
    let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
    ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
}

fn import_form() -> Schema {
    let option = |meaning: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(meaning));
    file_form()
        .property(
            "conflict_strategy",
            option("replace, upsert, merge, sync, skip or error; upsert if absent"),
        )
        .property("include", option("describe, data or both, comma-separated; both if absent"))
        .property("models", option("Models to restore, comma-separated; all if absent"))
        .property("create_models", option("true or false; true if absent"))
        .into()
}

/// What is sent of a file in an answer: its headers, by name and meaning.
const FILE_HEADERS: [(&str, &str); 4] = [
    ("Content-Disposition", "The name to save it under"),
    ("ETag", "Names the file as it is; for `If-Range` and `If-None-Match`"),
    ("Accept-Ranges", "`bytes`, or `none` for an entry, which comes whole"),
    ("X-Checksum-SHA256", "SHA-256 of the whole file in hexadecimal"),
];

/// What is sent of a part of a file besides.
const PART_HEADER: (&str, &str) = ("Content-Range", "Which bytes these are");

/// The answers of an address that hands out a file, which differ by what the request says that it has.
fn file_answers(output: Output) -> Vec<(u16, Response)> {
    let (what, media_types): (_, &[&str]) = match output {
        Output::Archive => ("archive", &["application/zip"]),
        Output::Artifact => ("entry", &["application/yaml", "application/x-ndjson", "application/json"]),
        _ => return Vec::new(),
    };
    let answer = |description: String, headers: &[(&str, &str)]| {
        let response = ResponseBuilder::new().description(description);
        let response = headers.iter().fold(response, |response, (name, meaning)| {
            response
                .header(*name, HeaderBuilder::new().schema(Some(text())).description(Some(*meaning)).build())
        });
        media_types
            .iter()
            .fold(response, |response, media| response.content(*media, content(bytes())))
            .build()
    };
    let mut answers = vec![
        (200, answer(format!("The {what}"), &FILE_HEADERS)),
        (304, ResponseBuilder::new().description("The client has it already").build()),
    ];
    if output == Output::Archive {
        let headers = [FILE_HEADERS.as_slice(), &[PART_HEADER]].concat();
        answers.push((206, answer(format!("A part of the {what}, as `Range` asks for it"), &headers)));
    }
    answers
}

fn success(output: Output) -> Response {
    let enveloped = |data: RefOr<Schema>, is_list: bool| {
        let always_true = ObjectBuilder::new().schema_type(Type::Boolean);
        let body = ObjectBuilder::new()
            .property("success", always_true)
            .property("data", data)
            .required("success")
            .required("data");
        let body = if is_list { body.property("page", reference("Page")) } else { body };
        RefOr::from(Schema::from(body))
    };
    let anything = || RefOr::from(Schema::from(ObjectBuilder::new()));
    let (description, media_type, schema) = match output {
        Output::Record => ("The record", "application/json", enveloped(reference("Record"), false)),
        Output::RecordPage => {
            ("The records", "application/json", enveloped(array_of(reference("Record")), true))
        }
        Output::Records => (
            "A record for a record, an array for an array",
            "application/json",
            enveloped(one_or_many("Record"), false),
        ),
        Output::Names => ("The names", "application/json", enveloped(array_of(text()), false)),
        Output::Model => ("The model", "application/json", enveloped(reference("ModelDefinition"), false)),
        Output::Field => ("The field", "application/json", enveloped(reference("FieldDefinition"), false)),
        Output::Fields => {
            ("The fields", "application/json", enveloped(one_or_many("FieldDefinition"), false))
        }
        Output::RunAccepted => ("Queued", "application/json", enveloped(reference("RunAccepted"), false)),
        Output::RunCancelled => {
            ("Cancelled", "application/json", enveloped(reference("RunCancelled"), false))
        }
        Output::ImportAccepted => {
            ("Queued", "application/json", enveloped(reference("ImportAccepted"), false))
        }
        Output::UploadAccepted => ("Kept", "application/json", enveloped(reference("UploadAccepted"), false)),
        Output::Archive | Output::Artifact => ("A file", "application/octet-stream", bytes().into()),
        Output::Health => ("It lives", "application/json", reference("Health")),
        Output::Readiness => ("It can serve", "application/json", reference("Readiness")),
        Output::Welcome => ("What is where", "application/json", reference("Welcome")),
        Output::Metrics => ("The figures", "text/plain", text().into()),
        Output::Document => ("The document", "application/json", anything()),
    };
    ResponseBuilder::new().description(description).content(media_type, content(schema)).build()
}
