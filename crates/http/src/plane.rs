//! Where a model of the Data API lives: with the tenant, or in the platform's own bookkeeping.

use reinstate_describe::AccessLevel;
use reinstate_describe::system::is_reserved_model;

use crate::error::ApiError;
use crate::middleware::SignedIn;

/// The model of restore configurations.
const RESTORES: &str = "restores";

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

    /// The model as one to write to: restores only by those who manage them, the other bookkeeping by nobody.
    pub(crate) fn writable(self, who: &SignedIn) -> Result<Writable, ApiError> {
        match self {
            Self::Tenant(model) => Ok(Writable::Model(model)),
            Self::Control(model) if model == RESTORES => {
                who.require(AccessLevel::Full)?;
                Ok(Writable::Restores)
            }
            Self::Control(model) => Err(ApiError::protected(&model)),
        }
    }
}
