//! Passkeys: public keys that a user's authenticators hold the private halves of, and what a pool asks of them.
//!
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html>

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    challenge::FirstFactor,
    client::{Client, ClientId, Flow},
    error::{Error, Result, WebAuthnFault},
    pool::{Pool, PoolId, PoolSettings},
    user::Sub,
};
use crate::kit::clock::Time;

pub const MOST_PASSKEYS: usize = 20;

/// How long a new passkey may take. What the browser is told is a minute; the rest is for networks and slow thumbs.
pub const REGISTRATION_LIFETIME: Duration = Duration::from_secs(300);

/// The name of this factor among those that a pool allows.
const FACTOR: &str = FirstFactor::Passkey.name();

#[derive(Clone, Debug, PartialEq)]
pub struct Passkey {
    pub pool_id: PoolId,
    pub sub: Sub,
    /// The credential id, base64url.
    pub id: String,
    /// For whom it was made; it is of no use for another.
    pub relying_party: String,
    pub name: String,
    /// `platform` or `cross-platform`, when the browser told.
    pub attachment: Option<String>,
    pub transports: Vec<String>,
    /// The public key with what was found out at registration, in a form that `keys::webauthn` reads.
    pub key: String,
    /// The last signature counter that was seen. Zero for authenticators that do not count.
    pub counter: u32,
    pub created_at: Time,
}

/// A registration that was begun. A user has at most one: another takes its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    pub pool_id: PoolId,
    pub sub: Sub,
    /// Unguessable and new each time.
    pub id: String,
    pub client_id: ClientId,
    /// What the answer is checked against, in a form that `keys::webauthn` reads.
    pub state: String,
    pub expires_at: Time,
}

/// `WebAuthnConfigurationType`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WebAuthnConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relying_party_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_verification: Option<UserVerification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor_configuration: Option<FactorConfiguration>,
}

/// Whether an authenticator must recognise its user (by a finger, a face or a PIN) or only should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserVerification {
    Required,
    #[default]
    Preferred,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FactorConfiguration {
    #[default]
    SingleFactor,
    /// A passkey that recognised its user is two factors at once.
    MultiFactorWithUserVerification,
}

impl WebAuthnConfiguration {
    /// Whether a passkey that recognised its user stands for a second factor too.
    pub fn is_multi_factor(&self) -> bool {
        self.factor_configuration == Some(FactorConfiguration::MultiFactorWithUserVerification)
    }

    /// What is asked of authenticators: two factors at once need the recognition.
    pub fn verification(&self) -> UserVerification {
        if self.is_multi_factor() { UserVerification::Required } else { self.user_verification.unwrap_or_default() }
    }

    /// Refuses a relying party that no browser would take: it must be a domain, and not one that everybody shares. Of those
    /// only the ones of a single label are known here.
    pub fn check(&self) -> Result<()> {
        let Some(id) = &self.relying_party_id else { return Ok(()) };
        let is_domain = Url::parse(&format!("https://{id}")).is_ok_and(|url| url.domain() == Some(id));
        if is_domain && (id == "localhost" || id.contains('.')) {
            return Ok(());
        }
        Err(Error::InvalidParameter(format!("{id} is not a domain that passkeys can be made for.")))
    }
}

impl PoolSettings {
    /// What the pool asks of passkeys.
    pub fn web_authn(&self) -> WebAuthnConfiguration {
        let kept = self.kept.get("WebAuthnConfiguration").cloned();
        kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default()
    }

    /// Whether users may sign in with passkeys.
    pub fn allow_passkeys(&self) -> bool {
        self.policies.sign_in_policy.allowed_first_auth_factors.iter().any(|factor| factor == FACTOR)
    }
}

/// Refuses passkeys where the pool does not count them among its first factors, or the client does not let its users choose.
pub fn check_enabled(pool: &Pool, client: &Client) -> Result<()> {
    if pool.settings.allow_passkeys() && client.allows(Flow::Choice) {
        return Ok(());
    }
    Err(Error::WebAuthn(WebAuthnFault::NotEnabled))
}

/// The name of a new passkey. Its user cannot choose one, so it tells what kind of thing to look for.
pub fn friendly_name(attachment: Option<&str>) -> &'static str {
    match attachment {
        Some("platform") => "Device passkey",
        Some("cross-platform") => "Roaming passkey",
        _ => "Passkey",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relying_party_is_a_domain_of_somebody() {
        let check = |id: &str| {
            WebAuthnConfiguration { relying_party_id: Some(id.into()), ..WebAuthnConfiguration::default() }.check()
        };
        for id in ["localhost", "example.com", "login.example.co.uk"] {
            assert!(check(id).is_ok(), "{id}");
        }
        for id in
            ["com", "https://example.com", "example.com:443", "example.com/login", "Example.com", "127.0.0.1", "a b.c"]
        {
            assert!(check(id).is_err(), "{id}");
        }
        assert!(WebAuthnConfiguration::default().check().is_ok());
    }
}
