//! Passkeys of signed-in users.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    api::{
        Operation,
        shapes::{Empty, Timestamp},
    },
    domain::{
        Error, Result,
        error::AccessTokenFault,
        passkey::{MOST_PASSKEYS, Passkey},
    },
    flows::{
        Cx,
        bearer::{self, Bearer},
        passkeys,
    },
};

/// These operations have no word for a user who is gone or not confirmed.
async fn passkey_bearer(cx: &Cx, access_token: &str) -> Result<Bearer> {
    bearer::present(cx, access_token).await.map_err(|error| match error {
        Error::UserNotConfirmed => Error::AccessToken(AccessTokenFault::Revoked),
        other => other,
    })
}

/// Begins the registration of a passkey: what a browser's `navigator.credentials.create` is to be given.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartWebAuthnRegistration {
    access_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartWebAuthnRegistrationOutput {
    credential_creation_options: Value,
}

impl Operation for StartWebAuthnRegistration {
    type Output = StartWebAuthnRegistrationOutput;

    async fn run(self, cx: Cx) -> Result<StartWebAuthnRegistrationOutput> {
        let bearer = passkey_bearer(&cx, &self.access_token).await?;
        let credential_creation_options = passkeys::start(&cx, (&bearer).into()).await?;
        Ok(StartWebAuthnRegistrationOutput { credential_creation_options })
    }
}

/// Ends it with the browser's answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CompleteWebAuthnRegistration {
    access_token: String,
    credential: Value,
}

impl Operation for CompleteWebAuthnRegistration {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let bearer = passkey_bearer(&cx, &self.access_token).await?;
        passkeys::complete(&cx, (&bearer).into(), &self.credential).await?;
        Ok(Empty {})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListWebAuthnCredentials {
    access_token: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListWebAuthnCredentialsOutput {
    credentials: Vec<WebAuthnCredentialDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WebAuthnCredentialDescription {
    credential_id: String,
    friendly_credential_name: String,
    relying_party_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticator_attachment: Option<String>,
    authenticator_transports: Vec<String>,
    created_at: Timestamp,
}

impl From<Passkey> for WebAuthnCredentialDescription {
    fn from(passkey: Passkey) -> Self {
        Self {
            credential_id: passkey.id,
            friendly_credential_name: passkey.name,
            relying_party_id: passkey.relying_party,
            authenticator_attachment: passkey.attachment,
            authenticator_transports: passkey.transports,
            created_at: passkey.created_at.into(),
        }
    }
}

impl Operation for ListWebAuthnCredentials {
    type Output = ListWebAuthnCredentialsOutput;

    async fn run(self, cx: Cx) -> Result<ListWebAuthnCredentialsOutput> {
        let bearer = passkey_bearer(&cx, &self.access_token).await?;
        // The model allows zero, which would be a page that leads nowhere.
        let limit = self.max_results.filter(|limit| *limit > 0).unwrap_or(MOST_PASSKEYS);
        let page = passkeys::list(&cx, &bearer, limit, self.next_token.as_deref()).await?;
        Ok(ListWebAuthnCredentialsOutput {
            credentials: page.items.into_iter().map(Into::into).collect(),
            next_token: page.next,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteWebAuthnCredential {
    access_token: String,
    credential_id: String,
}

impl Operation for DeleteWebAuthnCredential {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let bearer = passkey_bearer(&cx, &self.access_token).await?;
        passkeys::delete(&cx, &bearer, &self.credential_id).await?;
        Ok(Empty {})
    }
}
