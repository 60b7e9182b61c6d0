//! Tokens that a client gets for itself, or for a token that it holds. The client's id and secret say who calls; a signature is
//! neither needed nor looked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    api::Operation,
    domain::{Error, Result, pool::not_built},
    flows::{
        Cx, directory,
        exchange::{self, Exchange, Presented, Target},
        machine,
    },
};

/// A token for a machine: what `grant_type=client_credentials` gives at the token endpoint.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetClientToken {
    client_id: String,
    secret: String,
    #[serde(default)]
    scopes: Vec<String>,
    client_metadata: Option<BTreeMap<String, String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClientTokenOutput {
    client_authentication_result: ClientAuthenticationResult,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ClientAuthenticationResult {
    access_token: String,
    expires_in: u64,
    token_type: &'static str,
}

impl Operation for GetClientToken {
    type Output = ClientTokenOutput;

    async fn run(self, cx: Cx) -> Result<ClientTokenOutput> {
        let (pool, client) = directory::client(&cx, &self.client_id).await?;
        let tokens = machine::token(&cx, pool, client, (&self.secret, &self.scopes), self.client_metadata).await?;
        Ok(ClientTokenOutput {
            client_authentication_result: ClientAuthenticationResult {
                access_token: tokens.access_token,
                expires_in: tokens.expires_in.as_secs(),
                token_type: "Bearer",
            },
        })
    }
}

/// Trades a user's token for a narrower one (RFC 8693).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetDerivedToken {
    client_id: String,
    client_secret: Option<String>,
    subject_token: String,
    subject_token_type: TokenType,
    subject_token_provider_name: Option<String>,
    actor_token: Option<String>,
    actor_token_type: Option<TokenType>,
    actor_token_provider_name: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    audiences: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    requested_token_type: Option<IssuedTokenType>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
enum TokenType {
    #[serde(rename = "ACCESS_TOKEN")]
    Access,
    #[serde(rename = "ID_TOKEN")]
    Id,
    #[serde(rename = "SAML2")]
    Saml,
}

#[derive(Clone, Copy, Deserialize, Serialize, PartialEq, Eq)]
enum IssuedTokenType {
    #[serde(rename = "ACCESS_TOKEN")]
    Access,
    #[serde(rename = "ID_TOKEN")]
    Id,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DerivedTokenOutput {
    issued_token: String,
    issued_token_type: IssuedTokenType,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
}

/// A token of ours. Those of other issuers, and assertions, are refused by name.
fn presented<'a>(token: &'a str, kind: TokenType, provider: Option<&str>, whose: &str) -> Result<Presented<'a>> {
    if provider.is_some() {
        return not_built(&format!("{whose}TokenProviderName"));
    }
    match kind {
        TokenType::Saml => not_built(&format!("{whose}TokenType SAML2")),
        TokenType::Access | TokenType::Id => Ok(Presented { token, is_id_token: kind == TokenType::Id }),
    }
}

impl GetDerivedToken {
    fn actor(&self) -> Result<Option<Presented<'_>>> {
        let invalid = |text: &str| Err(Error::InvalidParameter(text.into()));
        match (&self.actor_token, self.actor_token_type) {
            (Some(token), Some(kind)) => {
                presented(token, kind, self.actor_token_provider_name.as_deref(), "Actor").map(Some)
            }
            (Some(_), None) => invalid("ActorTokenType is required with an ActorToken."),
            (None, None) if self.actor_token_provider_name.is_none() => Ok(None),
            (None, _) => invalid("ActorTokenType and ActorTokenProviderName need an ActorToken."),
        }
    }

    fn target(&self) -> Result<Option<Target<'_>>> {
        match (self.audiences.first(), self.resources.first()) {
            (Some(_), Some(_)) => {
                Err(Error::InvalidParameter("Audiences and Resources cannot be requested together.".into()))
            }
            (Some(audience), None) => Ok(Some(Target::Audience(audience))),
            (None, Some(resource)) => Ok(Some(Target::Resource(resource))),
            (None, None) => Ok(None),
        }
    }
}

impl Operation for GetDerivedToken {
    type Output = DerivedTokenOutput;

    async fn run(self, cx: Cx) -> Result<DerivedTokenOutput> {
        let (pool, client) = directory::client(&cx, &self.client_id).await?;
        let wanted = self.requested_token_type.unwrap_or(IssuedTokenType::Access);
        let provider = self.subject_token_provider_name.as_deref();
        let asked = Exchange {
            pool,
            client,
            secret: self.client_secret.as_deref(),
            subject: presented(&self.subject_token, self.subject_token_type, provider, "Subject")?,
            actor: self.actor()?,
            scopes: self.scopes.as_deref(),
            target: self.target()?,
            wants_id_token: wanted == IssuedTokenType::Id,
        };
        let derived = exchange::exchange(&cx, asked).await?;
        Ok(DerivedTokenOutput {
            issued_token: derived.token,
            issued_token_type: wanted,
            // RFC 8693, section 2.2.1: what is no access token is not borne.
            token_type: if wanted == IssuedTokenType::Access { "Bearer" } else { "N_A" },
            expires_in: derived.expires_at.seconds() - cx.now().seconds(),
            scopes: derived.scopes,
        })
    }
}
