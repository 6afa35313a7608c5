//! Answers of the addresses for those who run the server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The process lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`
    pub status: String,
    /// The program's version.
    pub version: String,
}

/// Whether requests can be served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// `ready`
    pub status: String,
    /// `ok` where the databases answer and their migrations are applied.
    pub database: String,
    /// `ok` where uploads can be kept.
    pub storage: String,
}

/// What answers at the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Welcome {
    /// The program's name.
    pub name: String,
    /// The program's version.
    pub version: String,
    /// Where to go from here: what it is, and its path.
    pub links: std::collections::BTreeMap<String, String>,
}
