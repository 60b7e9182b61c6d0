//! What a client says of itself when it registers, and the settings that become of it.
//!
//! Members that nobody here knows mean nothing, as RFC 7591 wants it. What is known and cannot be had is refused, never quietly
//! replaced: a client that was given less than it asked for would find out from its users.
//! <https://www.rfc-editor.org/rfc/rfc7591#section-2>

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Client, RelyingParty, is_safe_url};
use crate::domain::{
    Pool,
    pool::{DcrConfiguration, Members},
};

/// As many as a client of an administrator's can have.
const MOST_URLS: usize = 100;

/// Grant types as clients call them, the service's names for them, and the response type that goes with each.
const GRANTS: [(&str, &str, Option<&str>); 3] = [
    ("authorization_code", "code", Some("code")),
    ("implicit", "implicit", Some("token")),
    ("client_credentials", "client_credentials", None),
];
const REFRESH: &str = "refresh_token";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The metadata of a registration request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Metadata {
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    client_name: Option<String>,
    scope: Option<String>,
    backchannel_logout_uri: Option<String>,
    backchannel_logout_session_required: bool,
    dpop_bound_access_tokens: bool,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
}

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    RedirectUri(String),
    Metadata(String),
}

/// A client to be made.
#[derive(Debug)]
pub struct Wanted {
    pub name: Option<String>,
    pub has_secret: bool,
    /// CreateUserPoolClient's.
    pub members: Members,
    pub relying_party: RelyingParty,
}

impl Wanted {
    /// The whole call that would make the client.
    pub fn named(&self, pool_id: &str) -> Members {
        let mut members = self.members.clone();
        members.insert("UserPoolId".into(), pool_id.into());
        members.insert("ClientName".into(), self.name.clone().unwrap_or_else(|| "client".into()).into());
        members
    }
}

fn fault<T>(text: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Metadata(text.into()))
}

impl Metadata {
    /// The client that the pool allows it to be.
    pub fn wanted(self, pool: &Pool, dcr: &DcrConfiguration, is_open: bool) -> Result<Wanted, Fault> {
        let flows = self.flows(pool, dcr, is_open)?;
        self.check_response_types(&flows)?;
        let has_secret = match self.token_endpoint_auth_method.as_deref() {
            None | Some("client_secret_basic" | "client_secret_post") => true,
            Some("none") => false,
            Some("private_key_jwt") if pool.strict_oidc => {
                if self.jwks.is_none() && self.jwks_uri.is_none() {
                    return fault("private_key_jwt needs jwks or jwks_uri");
                }
                false
            }
            Some(_) => return fault("token_endpoint_auth_method is not supported"),
        };
        self.check_urls(&flows)?;
        let scopes = self.scopes(pool, dcr, &flows)?;
        let members = json!({
            // Nobody signs in through the API with a client that made itself.
            "ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"],
            "SupportedIdentityProviders": ["COGNITO"],
            "AllowedOAuthFlowsUserPoolClient": !flows.is_empty(),
            "AllowedOAuthFlows": flows,
            "AllowedOAuthScopes": scopes,
            "CallbackURLs": self.redirect_uris,
            "LogoutURLs": self.post_logout_redirect_uris,
            "PreventUserExistenceErrors": "ENABLED",
        });
        let Value::Object(members) = members else { return fault("no metadata") };
        let relying_party = if pool.strict_oidc { self.relying_party(is_open)? } else { RelyingParty::default() };
        Ok(Wanted { name: self.client_name, has_secret, members, relying_party })
    }

    /// What only strict pools know. A stranger may not make this server call addresses.
    fn relying_party(&self, is_open: bool) -> Result<RelyingParty, Fault> {
        let wanted = RelyingParty {
            backchannel_logout_uri: self.backchannel_logout_uri.clone(),
            backchannel_logout_session_required: self.backchannel_logout_session_required,
            device_grant: self.asks_for(DEVICE),
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
            // Keys of clients that prove themselves otherwise have no use here.
            jwks: self.jwks.clone().filter(|_| self.has_key()),
            jwks_uri: self.jwks_uri.clone().filter(|_| self.has_key()),
        };
        let harmless =
            RelyingParty { dpop_bound_access_tokens: wanted.dpop_bound_access_tokens, ..RelyingParty::default() };
        if is_open && wanted != harmless {
            return fault("backchannel_logout_uri, keys and the device grant need an initial access token");
        }
        Ok(wanted)
    }

    /// The service's names of the grants asked for, each of which must be allowed.
    fn flows(&self, pool: &Pool, dcr: &DcrConfiguration, is_open: bool) -> Result<Vec<&'static str>, Fault> {
        let is_device = pool.strict_oidc && self.asks_for(DEVICE);
        let usual = vec!["authorization_code".to_owned()];
        let asked = self.grant_types.as_ref().unwrap_or(&usual);
        let mut flows = Vec::new();
        for name in asked.iter().filter(|name| *name != REFRESH && !(is_device && *name == DEVICE)) {
            let Some((_, flow, _)) = GRANTS.iter().find(|(own, ..)| own == name) else {
                return fault(format!("the grant type {name} is not supported"));
            };
            if !dcr.allows_flow(flow, is_open) {
                return fault(format!("the grant type {name} is not allowed to clients that register so"));
            }
            if !flows.contains(flow) {
                flows.push(flow);
            }
        }
        if flows.is_empty() && !is_device {
            return fault("grant_types names none that a client can begin with");
        }
        if asked.iter().any(|name| name == REFRESH) && !flows.contains(&"code") && !is_device {
            return fault("refresh_token needs authorization_code");
        }
        Ok(flows)
    }

    fn has_key(&self) -> bool {
        self.token_endpoint_auth_method.as_deref() == Some("private_key_jwt")
    }

    fn asks_for(&self, grant: &str) -> bool {
        self.grant_types.iter().flatten().any(|name| name == grant)
    }

    /// Response types and grant types belong together (RFC 7591, section 2.1).
    fn check_response_types(&self, flows: &[&str]) -> Result<(), Fault> {
        let needs = |name: &String| GRANTS.iter().find(|(_, _, response)| response.is_some_and(|own| own == name));
        for name in self.response_types.iter().flatten() {
            match needs(name) {
                Some((_, flow, _)) if flows.contains(flow) => {}
                Some((grant, ..)) => return fault(format!("the response type {name} needs the grant type {grant}")),
                None => return fault(format!("the response type {name} is not supported")),
            }
        }
        Ok(())
    }

    fn check_urls(&self, flows: &[&str]) -> Result<(), Fault> {
        let is_interactive = flows.iter().any(|flow| *flow != "client_credentials");
        if is_interactive && self.redirect_uris.is_empty() {
            return Err(Fault::RedirectUri("redirect_uris is missing".into()));
        }
        if self.redirect_uris.len() > MOST_URLS {
            return Err(Fault::RedirectUri("redirect_uris names too many".into()));
        }
        if let Some(bad) = self.redirect_uris.iter().find(|uri| !is_safe_url(uri)) {
            return Err(Fault::RedirectUri(format!("{bad} is no address that a browser can be sent to safely")));
        }
        match self.post_logout_redirect_uris.iter().find(|uri| !is_safe_url(uri)) {
            Some(bad) => fault(format!("{bad} is no address that a browser can be sent to safely")),
            None => Ok(()),
        }
    }

    /// The scopes asked for, or all that can be had: a machine has no use for those about users.
    fn scopes(&self, pool: &Pool, dcr: &DcrConfiguration, flows: &[&str]) -> Result<Vec<String>, Fault> {
        let mut allowed = dcr.scopes(pool);
        allowed.retain(|scope| !DcrConfiguration::is_reserved(scope));
        if flows == ["client_credentials"] {
            allowed.retain(|scope| !pool.knows_scope(scope));
        }
        let Some(asked) = self.scope.as_deref().filter(|asked| !asked.trim().is_empty()) else { return Ok(allowed) };
        let asked: Vec<String> = asked.split_whitespace().map(str::to_owned).collect();
        match asked.iter().find(|scope| !allowed.contains(scope)) {
            Some(scope) => fault(format!("the scope {scope} is not allowed to clients that register themselves")),
            None => Ok(asked),
        }
    }
}

/// The client as it is told to itself (RFC 7591, section 3.2.1), but for its secret.
pub fn information(client: &Client) -> Value {
    let settings = &client.settings;
    let has = |flow: &str| settings.allowed_oauth_flows.iter().any(|own| own == flow);
    let mut grants: Vec<&str> = GRANTS.iter().filter(|(_, flow, _)| has(flow)).map(|(name, ..)| *name).collect();
    if settings.relying_party.device_grant {
        grants.push(DEVICE);
    }
    if has("code") || settings.relying_party.device_grant {
        grants.push(REFRESH);
    }
    let responses: Vec<&str> =
        GRANTS.iter().filter(|(_, flow, _)| has(flow)).filter_map(|(_, _, response)| *response).collect();
    let method = match (settings.relying_party.has_keys(), client.is_public()) {
        (true, _) => "private_key_jwt",
        (false, true) => "none",
        (false, false) => "client_secret_basic",
    };
    let mut told = json!({
        "client_id": client.id,
        "client_id_issued_at": client.created_at.seconds(),
        "client_name": client.name,
        "redirect_uris": settings.callback_urls,
        "grant_types": grants,
        "response_types": responses,
        "scope": settings.allowed_oauth_scopes.join(" "),
        "token_endpoint_auth_method": method,
    });
    if !settings.logout_urls.is_empty() {
        told["post_logout_redirect_uris"] = json!(settings.logout_urls);
    }
    if let Value::Object(further) = json!(settings.relying_party)
        && !settings.relying_party.is_empty()
        && let Some(told) = told.as_object_mut()
    {
        told.extend(further);
        // Said among the grant types.
        told.remove("device_grant");
    }
    told
}
