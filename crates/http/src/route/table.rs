//! The table of routes.

use actix_web::web;
use reinstate_api::ErrorCode as E;
use reinstate_describe::AccessLevel as L;

use super::{Input, Output, Route, Verb};
use crate::handler::{definitions, downloads, extracts, fields, imports, operations, records, restores};

const LIST_PARAMETERS: &[(&str, &str)] = &[
    ("where", "Condition as JSON; `filter[where][field][$op]=value` says the same"),
    ("order", "Columns with `asc` or `desc`, comma-separated; `filter[order]` says the same"),
    ("limit", "At most this many records, 1000 if absent, 10000 at most; `filter[limit]` says the same"),
    ("offset", "Pass over this many records; `filter[offset]` says the same"),
    ("select", "Columns to answer with, comma-separated; `filter[select]` says the same"),
    ("trashed", "`include` or `only`: records in the trash too, or nothing else"),
    ("count", "`true`: count all records that the condition lets through"),
];
const TRASHED: &[(&str, &str)] = &[("trashed", "`include`: find the record in the trash too")];
const UPSERT: &[(&str, &str)] = &[("upsert", "`true`: update the records whose id is there already")];
const PERMANENT: &[(&str, &str)] = &[("permanent", "`true`: remove for good instead of into the trash")];

const OPEN: Route = Route {
    verb: Verb::Get,
    pattern: "",
    least: None,
    summary: "",
    input: Input::Nothing,
    output: Output::Record,
    status: 200,
    parameters: &[],
    errors: &[],
    handler: || web::to(operations::health),
};
const READ: Route = Route { least: Some(L::Read), ..OPEN };
const EDIT: Route = Route { least: Some(L::Edit), ..OPEN };
const FULL: Route = Route { least: Some(L::Full), ..OPEN };

/// Every route of the server.
pub static ROUTES: &[Route] = &[
    // Operations
    Route {
        pattern: "/",
        summary: "What is where",
        output: Output::Welcome,
        handler: || web::to(operations::welcome),
        ..OPEN
    },
    Route {
        pattern: "/healthz",
        summary: "Whether the process lives",
        output: Output::Health,
        handler: || web::to(operations::health),
        ..OPEN
    },
    Route {
        pattern: "/readyz",
        summary: "Whether the databases and the storage answer",
        output: Output::Readiness,
        handler: || web::to(operations::ready),
        ..OPEN
    },
    Route {
        pattern: "/metrics",
        summary: "Figures for Prometheus",
        output: Output::Metrics,
        handler: || web::to(operations::metrics),
        ..OPEN
    },
    Route {
        pattern: "/openapi.json",
        summary: "This API's OpenAPI document",
        output: Output::Document,
        handler: || web::to(operations::openapi),
        ..OPEN
    },
    // Restores
    Route {
        verb: Verb::Post,
        pattern: "/api/restores/import",
        summary: "Upload an archive and restore it",
        input: Input::ImportForm,
        output: Output::ImportAccepted,
        handler: || web::to(imports::import),
        ..EDIT
    },
    Route {
        verb: Verb::Post,
        pattern: "/api/restores/uploads",
        summary: "Upload an archive for a restore configuration to name",
        input: Input::UploadForm,
        output: Output::UploadAccepted,
        handler: || web::to(imports::upload),
        ..EDIT
    },
    Route {
        verb: Verb::Post,
        pattern: "/api/restores/{id}/run",
        summary: "Run a restore",
        output: Output::RunAccepted,
        errors: &[E::RecordNotFound, E::Conflict],
        handler: || web::to(restores::run),
        ..EDIT
    },
    Route {
        verb: Verb::Post,
        pattern: "/api/restores/{id}/cancel",
        summary: "Cancel the active run of a restore",
        output: Output::RunCancelled,
        errors: &[E::RecordNotFound, E::Conflict],
        handler: || web::to(restores::cancel),
        ..EDIT
    },
    // Extracts
    Route {
        verb: Verb::Post,
        pattern: "/api/extracts/{id}/run",
        summary: "Run an extract",
        output: Output::RunAccepted,
        errors: &[E::RecordNotFound, E::Conflict],
        handler: || web::to(extracts::run),
        ..EDIT
    },
    Route {
        verb: Verb::Post,
        pattern: "/api/extracts/{id}/cancel",
        summary: "Cancel the active run of an extract",
        output: Output::RunCancelled,
        errors: &[E::RecordNotFound],
        handler: || web::to(extracts::cancel),
        ..EDIT
    },
    Route {
        pattern: "/api/extracts/runs/{run_id}/download",
        summary: "Download the archive that a run made, whole or in part (`Range`)",
        output: Output::Archive,
        errors: &[E::RecordNotFound, E::Conflict, E::Gone, E::RangeNotSatisfiable],
        handler: || web::to(downloads::archive),
        ..READ
    },
    Route {
        pattern: "/api/extracts/artifacts/{artifact_id}/download",
        summary: "Download one entry of an archive, whole",
        output: Output::Artifact,
        errors: &[E::RecordNotFound, E::Conflict, E::Gone],
        handler: || web::to(downloads::artifact),
        ..READ
    },
    // Data API
    Route {
        pattern: "/api/data/{model}",
        summary: "List records",
        output: Output::RecordPage,
        parameters: LIST_PARAMETERS,
        errors: &[E::FilterInvalid, E::ModelNotFound],
        handler: || web::to(records::list),
        ..READ
    },
    Route {
        verb: Verb::Post,
        pattern: "/api/data/{model}",
        summary: "Create records, one or an array in one transaction",
        input: Input::Records,
        output: Output::Records,
        status: 201,
        parameters: UPSERT,
        errors: &[E::ModelProtected, E::ModelNotFound, E::Conflict, E::ValidationError],
        handler: || web::to(records::create),
        ..EDIT
    },
    Route {
        verb: Verb::Put,
        pattern: "/api/data/{model}",
        summary: "Change several records in one transaction",
        input: Input::RecordList,
        output: Output::Records,
        errors: &[E::ModelProtected, E::RecordNotFound, E::Conflict, E::ValidationError],
        handler: || web::to(records::update_many),
        ..EDIT
    },
    Route {
        verb: Verb::Delete,
        pattern: "/api/data/{model}",
        summary: "Trash or remove several records in one transaction",
        input: Input::Ids,
        output: Output::Records,
        parameters: PERMANENT,
        errors: &[E::ModelProtected, E::RecordNotFound, E::Conflict],
        handler: || web::to(records::delete_many),
        ..FULL
    },
    Route {
        pattern: "/api/data/{model}/{id}",
        summary: "Read a record",
        parameters: TRASHED,
        errors: &[E::RecordNotFound, E::ModelNotFound],
        handler: || web::to(records::get),
        ..READ
    },
    Route {
        verb: Verb::Put,
        pattern: "/api/data/{model}/{id}",
        summary: "Change fields of a record",
        input: Input::Record,
        errors: &[E::ModelProtected, E::RecordNotFound, E::Conflict, E::ValidationError],
        handler: || web::to(records::update),
        ..EDIT
    },
    Route {
        verb: Verb::Patch,
        pattern: "/api/data/{model}/{id}",
        summary: "Change fields of a record",
        input: Input::Record,
        errors: &[E::ModelProtected, E::RecordNotFound, E::Conflict, E::ValidationError],
        handler: || web::to(records::update),
        ..EDIT
    },
    Route {
        verb: Verb::Delete,
        pattern: "/api/data/{model}/{id}",
        summary: "Trash or remove a record",
        parameters: PERMANENT,
        errors: &[E::ModelProtected, E::RecordNotFound, E::Conflict],
        handler: || web::to(records::delete),
        ..FULL
    },
    // Describe API
    Route {
        pattern: "/api/describe",
        summary: "Names of the models",
        output: Output::Names,
        handler: || web::to(definitions::names),
        ..READ
    },
    Route {
        pattern: "/api/describe/{model}",
        summary: "Definition of a model",
        output: Output::Model,
        errors: &[E::ModelNotFound],
        handler: || web::to(definitions::get),
        ..READ
    },
    Route {
        verb: Verb::Post,
        pattern: "/api/describe/{model}",
        summary: "Create a model",
        input: Input::Model,
        output: Output::Model,
        status: 201,
        errors: &[E::Conflict, E::ValidationError],
        handler: || web::to(definitions::create),
        ..FULL
    },
    Route {
        verb: Verb::Put,
        pattern: "/api/describe/{model}",
        summary: "Change attributes of a model",
        input: Input::Model,
        output: Output::Model,
        errors: &[E::ModelProtected, E::ModelNotFound, E::ValidationError],
        handler: || web::to(definitions::update),
        ..FULL
    },
    Route {
        verb: Verb::Delete,
        pattern: "/api/describe/{model}",
        summary: "Remove a model and its records for good",
        output: Output::Model,
        errors: &[E::ModelProtected, E::ModelNotFound],
        handler: || web::to(definitions::delete),
        ..FULL
    },
    Route {
        pattern: "/api/describe/{model}/fields",
        summary: "Definitions of a model's fields",
        output: Output::Fields,
        errors: &[E::ModelNotFound],
        handler: || web::to(fields::list),
        ..READ
    },
    Route {
        verb: Verb::Post,
        pattern: "/api/describe/{model}/fields",
        summary: "Add fields, one or an array",
        input: Input::Fields,
        output: Output::Fields,
        status: 201,
        errors: &[E::ModelProtected, E::ModelNotFound, E::Conflict, E::ValidationError],
        handler: || web::to(fields::create_many),
        ..FULL
    },
    Route {
        verb: Verb::Put,
        pattern: "/api/describe/{model}/fields",
        summary: "Change attributes of several fields",
        input: Input::FieldList,
        output: Output::Fields,
        errors: &[E::ModelProtected, E::FieldNotFound, E::ValidationError],
        handler: || web::to(fields::update_many),
        ..FULL
    },
    Route {
        pattern: "/api/describe/{model}/fields/{field}",
        summary: "Definition of a field",
        output: Output::Field,
        errors: &[E::ModelNotFound, E::FieldNotFound],
        handler: || web::to(fields::get),
        ..READ
    },
    Route {
        verb: Verb::Post,
        pattern: "/api/describe/{model}/fields/{field}",
        summary: "Add a field",
        input: Input::Field,
        output: Output::Field,
        status: 201,
        errors: &[E::ModelProtected, E::ModelNotFound, E::Conflict, E::ValidationError],
        handler: || web::to(fields::create),
        ..FULL
    },
    Route {
        verb: Verb::Put,
        pattern: "/api/describe/{model}/fields/{field}",
        summary: "Change attributes of a field",
        input: Input::Field,
        output: Output::Field,
        errors: &[E::ModelProtected, E::FieldNotFound, E::ValidationError],
        handler: || web::to(fields::update),
        ..FULL
    },
    Route {
        verb: Verb::Delete,
        pattern: "/api/describe/{model}/fields/{field}",
        summary: "Remove a field and its values for good",
        output: Output::Field,
        errors: &[E::ModelProtected, E::FieldNotFound],
        handler: || web::to(fields::delete),
        ..FULL
    },
];
