//! Where a provider is spoken to: as its details say, or as it describes itself.
//! <https://openid.net/specs/openid-connect-discovery-1_0.html>

use std::time::Duration;

use serde_json::Value;

use super::Fault;
use crate::{
    domain::{Provider, provider::Kind},
    flows::Cx,
};

/// How long a provider's description of itself counts.
const DESCRIPTION_AGE: Duration = Duration::from_secs(300);

pub(super) struct Endpoints {
    /// The `iss` of its tokens. None for providers that have no ID tokens.
    pub issuer: Option<String>,
    pub authorize: String,
    pub token: String,
    /// Where more is told of users, if that is anywhere.
    pub user_info: Option<String>,
    pub jwks: Option<String>,
    /// It says with each answer who it is (RFC 9207).
    pub names_itself: bool,
}

impl Endpoints {
    pub async fn of(cx: &Cx, provider: &Provider) -> Result<Self, Fault> {
        let detail = |key: &str| provider.details.get(key).filter(|value| !value.is_empty()).cloned();
        let missing = |key: &str| Fault::Provider(format!("The identity provider has no {key}"));
        let issuer = detail("oidc_issuer");
        let given = Self {
            authorize: detail("authorize_url").unwrap_or_default(),
            token: detail("token_url").unwrap_or_default(),
            user_info: detail("attributes_url").filter(|_| provider.kind != Kind::Google),
            jwks: detail("jwks_uri"),
            issuer: issuer.clone(),
            names_itself: false,
        };
        let Some(issuer) = issuer else { return Ok(given) };
        let is_complete = !given.authorize.is_empty()
            && !given.token.is_empty()
            && given.jwks.is_some()
            && (given.user_info.is_some() || provider.kind != Kind::Oidc);
        if is_complete {
            return Ok(given);
        }
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document = cx.app.outside.document(&url, (cx.now(), DESCRIPTION_AGE)).await.map_err(|error| {
            tracing::warn!(provider = provider.name, url, %error, "a provider could not be asked for its endpoints");
            Fault::Provider("Error occurred in calling the identity provider's discovery endpoint".to_owned())
        })?;
        let member = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        // Otherwise one issuer could speak for another. A slash at the end is the one liberty that people take.
        let named = member("issuer").filter(|named| named.trim_end_matches('/') == issuer.trim_end_matches('/'));
        let named = named.ok_or_else(|| {
            Fault::Provider("The discovery document of the identity provider names another issuer".to_owned())
        })?;
        let or_described = |given: String, name: &str| {
            if given.is_empty() { member(name).ok_or_else(|| missing(name)) } else { Ok(given) }
        };
        let user_info = match provider.kind {
            Kind::Oidc => given.user_info.or_else(|| member("userinfo_endpoint")),
            _ => None,
        };
        Ok(Self {
            authorize: or_described(given.authorize, "authorization_endpoint")?,
            token: or_described(given.token, "token_endpoint")?,
            user_info,
            jwks: given.jwks.or_else(|| member("jwks_uri")),
            issuer: Some(named),
            names_itself: document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
        })
    }
}
