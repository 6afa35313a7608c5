//! Where a model of the Data API lives: with the tenant, or in the platform's own bookkeeping.

use reinstate_describe::AccessLevel;
use reinstate_describe::system::is_reserved_model;

use crate::error::ApiError;
use crate::middleware::SignedIn;

/// The model of restore configurations.
const RESTORES: &str = "restores";

/// The model of extract configurations.
const EXTRACTS: &str = "extracts";

/// The home of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plane {
    /// A model of the tenant's own, if there is one of that name.
    Tenant(String),
    /// The platform's own bookkeeping.
    Control(String),
}

/// A model whose records can be written through the Data API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Writable {
    /// A model of the tenant's own, if there is one of that name.
    Model(String),
    /// Restore configurations, which have rules of their own.
    Restores,
    /// Extract configurations, which have rules of their own.
    Extracts,
}

impl Plane {
    /// The home of the model of that name.
    pub(crate) fn of(model: &str) -> Self {
        if is_reserved_model(model) {
            Self::Control(model.to_ascii_lowercase())
        } else {
            Self::Tenant(model.to_owned())
        }
    }

    /// The model as one to write to: configurations only by those who manage them, the other bookkeeping by nobody.
    pub(crate) fn writable(self, who: &SignedIn) -> Result<Writable, ApiError> {
        match self {
            Self::Tenant(model) => Ok(Writable::Model(model)),
            Self::Control(model) => {
                let writable = match model.as_str() {
                    RESTORES => Writable::Restores,
                    EXTRACTS => Writable::Extracts,
                    _ => return Err(ApiError::protected(&model)),
                };
                who.require(AccessLevel::Full)?;
                Ok(writable)
            }
        }
    }
}
