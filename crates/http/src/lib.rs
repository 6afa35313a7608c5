//! The HTTP side: routes, tokens, errors turned into statuses, the Data and Describe API, uploads and
//! downloads.
//!
//! A request meets, in this order: `observe` (request id, span, latency, the last word on errors),
//! `authenticate` (who asks, for which tenant), `guard` (the level that the route table asks for), its handler.
//! Rules live in the inner rooms; handlers only translate.

mod answer;
mod attachment;
pub mod auth;
mod blocking;
pub mod error;
mod handler;
mod metrics;
mod middleware;
pub mod openapi;
mod plane;
mod request;
pub mod route;
pub mod server;
pub mod settings;
pub mod state;

pub use auth::{AuthSettings, AuthSettingsError, Authenticator, Identity};
pub use error::ApiError;
pub use server::serve;
pub use settings::HttpSettings;
pub use state::{AppState, AppStateError};
