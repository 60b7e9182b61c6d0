//! A grant: what one sign-in gave one client. Every token of it carries its id as `origin_jti`.
//!
//! It is the single row that a sign-in writes. Refresh, revocation, global sign-out and the operations that take an access
//! token all look at it.

use super::{
    assurance::Assurance,
    client::{Client, ClientId},
    device::DeviceKey,
    origin::Origin,
    pool::PoolId,
    user::Sub,
};
use crate::kit::clock::Time;

#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// `origin_jti`: a UUID.
    pub id: String,
    pub pool_id: PoolId,
    pub client_id: ClientId,
    pub sub: Sub,
    /// The scopes of its access tokens, in the order asked for.
    pub scopes: Vec<String>,
    pub auth_time: Time,
    /// When its refresh tokens end; not sliding.
    pub expires_at: Time,
    /// How often its refresh token was replaced; a token of an earlier generation is a reuse.
    pub generation: u32,
    /// When the present generation replaced the one before; the older token works for a grace period after it.
    pub rotated_at: Option<Time>,
    pub revoked_at: Option<Time>,
    pub source: GrantSource,
    /// The `event_id` of its first tokens.
    pub event_id: String,
    /// The device that it was given to, in pools that track devices. Confirmed or not.
    pub device_key: Option<DeviceKey>,
    /// The sign-in on the hosted pages that it came through, in pools that track sessions.
    pub sso_id: Option<String>,
    /// `aud` of its access tokens, where the client asked for them to be bound to a resource.
    pub audience: Option<String>,
    /// The thumbprint of the key that its refresh tokens are bound to, in the hands of a client that has no other proof
    /// (RFC 9449, section 5).
    pub key: Option<String>,
    /// The methods of the sign-in; none of one before they were kept.
    pub assurance: Assurance,
    pub seen: Seen,
}

/// When and where a grant was made and used last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub created_at: Time,
    /// When it was made or refreshed last.
    pub active_at: Time,
    pub last_ip: Option<String>,
    pub device_type: Option<String>,
}

impl Seen {
    pub fn now(now: Time, origin: &Origin, client: &Client) -> Self {
        Self {
            created_at: now,
            active_at: now,
            last_ip: origin.user_address(Some(client)).map(|address| address.to_string()),
            device_type: origin.device_name(),
        }
    }
}

/// How the user signed in, which decides some claims and the trigger's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantSource {
    /// The user-pools API.
    Api,
    /// The OAuth endpoints.
    OAuth,
}

impl GrantSource {
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::OAuth => "oauth",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Api, Self::OAuth].into_iter().find(|source| source.name() == name)
    }
}
