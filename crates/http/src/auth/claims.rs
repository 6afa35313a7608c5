//! What a token says, and what it must say.

use std::collections::BTreeSet;

use reinstate_describe::{AccessLevel, Caller};
use reinstate_store::TenantId;
use serde::Deserialize;

use super::Identity;

/// The claims that this server reads; others are passed over. `exp` is checked where the signature is.
#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    user_id: Option<String>,
    tenant: String,
    access: String,
    #[serde(default)]
    access_read: Option<Vec<String>>,
    #[serde(default)]
    access_edit: Option<Vec<String>>,
    #[serde(default)]
    access_full: Option<Vec<String>>,
}

impl Claims {
    /// The identity behind the claims; `None` where one is missing or has no allowed value.
    pub(super) fn into_identity(self) -> Option<Identity> {
        let tenant = TenantId::new(&self.tenant).ok()?;
        let level = AccessLevel::parse(&self.access)?;
        let user_id = self.user_id.or(self.sub).filter(|id| !id.is_empty())?;
        let groups = [self.access_read, self.access_edit, self.access_full];
        let mut principals: BTreeSet<String> = groups.into_iter().flatten().flatten().collect();
        principals.insert(user_id.clone());
        Some(Identity { tenant, caller: Caller { level, user_id, principals } })
    }
}
