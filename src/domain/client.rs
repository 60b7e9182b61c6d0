//! An app client: what an application may do in a pool, and how it proves who it is.

pub mod registration;
mod relying_party;
mod request;
mod urls;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use relying_party::{RelyingParty, is_callable};
pub use urls::is_safe as is_safe_url;

use super::{pool::PoolId, provider::OWN};
use crate::kit::{clock::Time, secret::Secret};

pub type ClientId = String;

/// A client can hold two secrets at once, so that one can be replaced without an outage.
pub const MOST_SECRETS: usize = 2;

/// The flow of clients that get tokens of their own; it stands alone.
const MACHINE_FLOW: &str = "ALLOW_CLIENT_TOKEN_AUTH";

#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    pub id: ClientId,
    pub pool_id: PoolId,
    pub name: String,
    /// Oldest first. Empty for a public client. The store seals them.
    pub secrets: Vec<ClientSecret>,
    pub settings: ClientSettings,
    pub created_at: Time,
    pub modified_at: Time,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientSecret {
    /// `<client id>--<milliseconds>`
    pub id: String,
    pub value: Secret,
    pub created_at: Time,
}

impl Client {
    /// Whether the client can prove nothing: it has neither a secret nor keys.
    pub fn is_public(&self) -> bool {
        self.secrets.is_empty() && !self.settings.relying_party.has_keys()
    }

    /// Whether the client has registered itself.
    pub fn is_registered(&self) -> bool {
        self.settings.client_type == Some(ClientType::Dcr)
    }

    /// Whether sign-in by `flow` is switched on. Without explicit flows the service allows SRP, custom and refresh.
    pub fn allows(&self, flow: Flow) -> bool {
        let Some(flows) = &self.settings.explicit_auth_flows else {
            return matches!(flow, Flow::Srp | Flow::Custom | Flow::Refresh);
        };
        let named = |name: &str| flows.iter().any(|flow| flow == name);
        let legacy = !flows.is_empty() && flows.iter().all(|flow| !flow.starts_with("ALLOW_"));
        match flow {
            Flow::Password => named("ALLOW_USER_PASSWORD_AUTH") || named("USER_PASSWORD_AUTH"),
            Flow::AdminPassword => named("ALLOW_ADMIN_USER_PASSWORD_AUTH") || named("ADMIN_NO_SRP_AUTH"),
            // The legacy names switch single flows on; SRP was always there unless a client was custom-only.
            Flow::Srp => named("ALLOW_USER_SRP_AUTH") || (legacy && !named("CUSTOM_AUTH_FLOW_ONLY")),
            Flow::Custom => named("ALLOW_CUSTOM_AUTH") || named("CUSTOM_AUTH_FLOW_ONLY"),
            Flow::Refresh => named("ALLOW_REFRESH_TOKEN_AUTH") || legacy,
            Flow::Choice => named("ALLOW_USER_AUTH"),
        }
    }

    /// Whether the client may trade tokens for narrower ones.
    pub fn allows_exchange(&self, exchange: Exchange) -> bool {
        self.names_flow(match exchange {
            Exchange::Impersonation => "ALLOW_TOKEN_EXCHANGE_IMPERSONATION",
            Exchange::Delegation => "ALLOW_TOKEN_EXCHANGE_DELEGATION",
        })
    }

    /// Whether the client gets tokens of its own through the API. At the token endpoint it needs the grant.
    pub fn allows_machine_tokens(&self) -> bool {
        !self.is_public() && (self.names_flow(MACHINE_FLOW) || self.allows_grant("client_credentials"))
    }

    fn names_flow(&self, name: &str) -> bool {
        self.settings.explicit_auth_flows.iter().flatten().any(|flow| flow == name)
    }

    pub fn allows_grant(&self, grant: &str) -> bool {
        self.settings.allowed_oauth_flows_user_pool_client.unwrap_or(false)
            && self.settings.allowed_oauth_flows.iter().any(|flow| flow == grant)
    }

    /// Whether users may sign in to this client through the provider of this name; [`OWN`] is the pool itself, which is all that
    /// a client without a list offers.
    pub fn offers(&self, provider: &str) -> bool {
        let offered = &self.settings.supported_identity_providers;
        if offered.is_empty() { provider == OWN } else { offered.iter().any(|name| name == provider) }
    }

    /// Hides whether a user exists, in every flow that an outsider can start.
    pub fn hides_users(&self) -> bool {
        self.settings.prevent_user_existence_errors == Some(ExistenceErrors::Enabled)
    }

    pub fn rotates_refresh_tokens(&self) -> bool {
        self.settings
            .refresh_token_rotation
            .as_ref()
            .is_some_and(|rotation| rotation.feature == RotationFeature::Enabled)
    }

    pub fn can_revoke(&self) -> bool {
        self.settings.enable_token_revocation.unwrap_or(true)
    }

    pub fn access_token_lifetime(&self) -> Duration {
        self.lifetime(
            self.settings.access_token_validity,
            self.settings.token_validity_units.access_token,
            Unit::Hours,
            1,
        )
    }

    pub fn id_token_lifetime(&self) -> Duration {
        self.lifetime(self.settings.id_token_validity, self.settings.token_validity_units.id_token, Unit::Hours, 1)
    }

    pub fn refresh_token_lifetime(&self) -> Duration {
        let amount = self.settings.refresh_token_validity.filter(|amount| *amount > 0);
        self.lifetime(amount, self.settings.token_validity_units.refresh_token, Unit::Days, 30)
    }

    /// How long a challenge may wait for its answer.
    pub fn session_lifetime(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.settings.auth_session_validity.unwrap_or(3)))
    }

    fn lifetime(&self, amount: Option<u32>, unit: Option<Unit>, default_unit: Unit, default_amount: u32) -> Duration {
        match amount {
            Some(amount) => unit.unwrap_or(default_unit).times(amount),
            None => default_unit.times(default_amount),
        }
    }
}

/// The ways of signing in that `ExplicitAuthFlows` switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flow {
    Password,
    AdminPassword,
    Srp,
    Custom,
    Refresh,
    Choice,
}

/// The ways of trading a token for a narrower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The new token says nothing of the client.
    Impersonation,
    /// It says who acts for the user.
    Delegation,
}

/// What CreateUserPoolClient and UpdateUserPoolClient set, by the service's names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ClientSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_validity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_validity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_validity: Option<u32>,
    pub token_validity_units: TokenValidityUnits,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_attributes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_attributes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explicit_auth_flows: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub supported_identity_providers: Vec<String>,
    #[serde(rename = "CallbackURLs", skip_serializing_if = "Vec::is_empty")]
    pub callback_urls: Vec<String>,
    #[serde(rename = "LogoutURLs", skip_serializing_if = "Vec::is_empty")]
    pub logout_urls: Vec<String>,
    #[serde(rename = "DefaultRedirectURI", skip_serializing_if = "Option::is_none")]
    pub default_redirect_uri: Option<String>,
    #[serde(rename = "AllowedOAuthFlows", skip_serializing_if = "Vec::is_empty")]
    pub allowed_oauth_flows: Vec<String>,
    #[serde(rename = "AllowedOAuthScopes", skip_serializing_if = "Vec::is_empty")]
    pub allowed_oauth_scopes: Vec<String>,
    #[serde(rename = "AllowedOAuthFlowsUserPoolClient", skip_serializing_if = "Option::is_none")]
    pub allowed_oauth_flows_user_pool_client: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prevent_user_existence_errors: Option<ExistenceErrors>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_token_revocation: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_propagate_additional_user_context_data: Option<bool>,
    /// Minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_session_validity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_rotation: Option<RefreshTokenRotation>,
    /// Minutes for which a sign-in on the hosted pages lets this client in. Not a member of the calls above; it has operations
    /// of its own.
    #[serde(rename = "SSOMinutes", skip_serializing_if = "Option::is_none")]
    pub sso_minutes: Option<u32>,
    /// What no call sets: see there.
    #[serde(rename = "RelyingParty", skip_serializing_if = "RelyingParty::is_empty")]
    pub relying_party: RelyingParty,
    /// Of a client that has registered itself; no call sets it. The service shows clients of an administrator without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_type: Option<ClientType>,
    /// Every other member of the service's model, kept and returned as it came.
    #[serde(flatten)]
    pub kept: BTreeMap<String, Value>,
}

/// Who has made a client: an administrator, or the client itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ClientType {
    Regular,
    Dcr,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TokenValidityUnits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Unit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Seconds,
    Minutes,
    Hours,
    Days,
}

impl Unit {
    pub fn times(self, amount: u32) -> Duration {
        let seconds = match self {
            Self::Seconds => 1,
            Self::Minutes => 60,
            Self::Hours => 3_600,
            Self::Days => 86_400,
        };
        Duration::from_secs(seconds * u64::from(amount))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExistenceErrors {
    Legacy,
    Enabled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RefreshTokenRotation {
    pub feature: RotationFeature,
    #[serde(default)]
    pub retry_grace_period_seconds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RotationFeature {
    Enabled,
    Disabled,
}
