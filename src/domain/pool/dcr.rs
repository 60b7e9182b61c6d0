//! Whether, and how far, clients register themselves in a pool.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-dynamic-client-registration.html>

use serde::{Deserialize, Serialize};

use super::Pool;
use crate::domain::resource_server;

/// Kept and returned as it came: what is left out stays out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DcrConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_dcr_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticated_grant_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_dcr_grant_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_scopes: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Status {
    Enabled,
    Disabled,
}

impl DcrConfiguration {
    pub fn is_enabled(&self) -> bool {
        self.enable_status == Some(Status::Enabled)
    }

    /// Whether clients register without a token.
    pub fn is_open(&self) -> bool {
        self.open_dcr_enabled == Some(true)
    }

    /// Whether a client that came with a token, or without one, may have this flow. Where nothing is said it is the code's.
    pub fn allows_flow(&self, flow: &str, is_open: bool) -> bool {
        let named = if is_open { &self.open_dcr_grant_types } else { &self.authenticated_grant_types };
        match named {
            Some(named) => named.iter().any(|own| own == flow),
            None => flow == "code",
        }
    }

    /// The scopes that a client may have: those of OpenID Connect, and the ones that are named besides.
    pub fn scopes(&self, pool: &Pool) -> Vec<String> {
        let own = pool.published_scopes().into_iter().map(str::to_owned);
        own.chain(self.allowed_scopes.iter().flatten().cloned()).collect()
    }

    /// Whether one that registers itself would be able to register others, or to act as its users.
    pub fn is_reserved(scope: &str) -> bool {
        scope == resource_server::REGISTER_SCOPE
    }
}

impl Pool {
    /// None where no client registers itself.
    pub fn registration(&self) -> Option<&DcrConfiguration> {
        self.settings.dcr_configuration.as_ref().filter(|dcr| dcr.is_enabled())
    }
}
