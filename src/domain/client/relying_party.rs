//! What a client of a strict pool is beyond the service's settings, by the names of its registration.
//!
//! The service's API has no members for it: it comes from `poolhouse.toml`, or from the client itself when it registers with a
//! token. Strangers can say of it only that they want their tokens bound: all else makes this server call addresses, or lets
//! programs in that no browser has come from.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Host, Url};

use super::Client;
use crate::domain::{
    Pool,
    error::{Error, Result},
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RelyingParty {
    /// Where logout tokens go. <https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRegistration>
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether they must name the session.
    pub backchannel_logout_session_required: bool,
    /// Whether its programs run where there is no browser (RFC 8628).
    pub device_grant: bool,
    /// Whether it gets no tokens but those that are bound to a key that it shows (RFC 9449, section 5.2).
    pub dpop_bound_access_tokens: bool,
    /// The keys that the client proves itself with (RFC 7523), and nothing else then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where they are published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
}

impl RelyingParty {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub fn has_keys(&self) -> bool {
        self.jwks.is_some() || self.jwks_uri.is_some()
    }
}

impl Client {
    /// Whether what the client says of itself means something in its pool, and can be acted on.
    pub(super) fn check_relying_party(&self, pool: &Pool) -> Result<()> {
        let own = &self.settings.relying_party;
        let invalid = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
        if !own.is_empty() && !pool.strict_oidc {
            return invalid("Members of a client's registration need a strict pool.");
        }
        self.check_keys()?;
        match &own.backchannel_logout_uri {
            Some(uri) if !is_callable(uri) => {
                invalid("backchannel_logout_uri must be an https URL without a fragment, or http on this machine.")
            }
            None if own.backchannel_logout_session_required => {
                invalid("backchannel_logout_session_required needs backchannel_logout_uri.")
            }
            _ => Ok(()),
        }
    }

    fn check_keys(&self) -> Result<()> {
        let own = &self.settings.relying_party;
        let invalid = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
        if own.has_keys() && !self.secrets.is_empty() {
            return invalid("A client with jwks or jwks_uri cannot have a secret.");
        }
        if own.jwks.is_some() && own.jwks_uri.is_some() {
            return invalid("jwks cannot be given together with jwks_uri.");
        }
        if own.jwks.as_ref().is_some_and(|set| !is_key_set(set)) {
            return invalid("jwks must hold public RSA or EC keys, each with a kid.");
        }
        match &own.jwks_uri {
            Some(uri) if !is_callable(uri) => {
                invalid("jwks_uri must be an https URL without a fragment, or http on this machine.")
            }
            _ => Ok(()),
        }
    }
}

/// Whether these are public keys that can be told apart. Whether one can verify is found out when it is used.
fn is_key_set(set: &Value) -> bool {
    let keys = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_public = |key: &Value| {
        key.get("kty").is_some_and(|kty| kty == "RSA" || kty == "EC")
            && key.get("kid").is_some_and(Value::is_string)
            && ["d", "p", "q", "k"].iter().all(|name| key.get(name).is_none())
    };
    !keys.is_empty() && keys.iter().all(is_public)
}

/// Whether this server would call an address: https, or plain http on this machine.
pub fn is_callable(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    is_plain && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_addresses_are_called() {
        for uri in [
            "https://rp.example/out",
            "https://rp.example/out?a=1",
            "http://localhost:1/",
            "http://127.0.0.1:9/x",
            "http://[::1]/",
        ] {
            assert!(is_callable(uri), "{uri}");
        }
        for uri in
            ["http://rp.example/out", "https://rp.example/#x", "https://u@rp.example/", "ftp://localhost/", "/out", ""]
        {
            assert!(!is_callable(uri), "{uri}");
        }
    }
}
