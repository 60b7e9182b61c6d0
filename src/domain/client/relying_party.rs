//! What a client of a strict pool is beyond the service's settings, by the names of its registration.
//!
//! The service's API has no members for it: it comes from `poolhouse.toml`, or from the client itself when it registers with a
//! token. Strangers cannot say any of it, because all of it makes this server call addresses.

use serde::{Deserialize, Serialize};
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
}

impl RelyingParty {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
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
