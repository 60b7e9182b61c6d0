//! Signing in, and what becomes of its tokens.
//!
//! The public operations and the administrator's twins share the flow; they differ in how the client is found and in the
//! names of flows that they take.

mod answers;
mod output;

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use crate::{
    api::{Operation, shapes::Empty},
    domain::{
        Client, Error, Pool, Result,
        client::Flow,
        error::{FactorFault, RefreshTokenFault},
    },
    flows::{
        Cx, client_proof, directory,
        refresh::{self, Proof, Refresh},
        revoke,
        sign_in::{self, Door, Goal, Reply, Start, step_up},
    },
    kit::secret::Secret,
};

pub use output::AuthOutput;

type Parameters = BTreeMap<String, String>;

/// Begins a sign-in, or refreshes one, through a client that anybody may name.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InitiateAuth {
    auth_flow: String,
    client_id: String,
    /// Of a sign-up that was confirmed.
    session: Option<String>,
    #[serde(default)]
    auth_parameters: Parameters,
    client_metadata: Option<Parameters>,
}

impl Operation for InitiateAuth {
    type Output = AuthOutput;

    async fn run(self, cx: Cx) -> Result<AuthOutput> {
        let (pool, client) = directory::client(&cx, &self.client_id).await?;
        let flow = match self.auth_flow.as_str() {
            "USER_PASSWORD_AUTH" => Flow::Password,
            "ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH" => return Err(unsupported_method()),
            other => shared_flow(other)?,
        };
        initiate(&cx, (pool, client), flow, self).await.map_err(|error| match error {
            // This operation alone of the four declares no exception of that name.
            Error::SecondFactor(FactorFault::Missing) => {
                Error::InvalidParameter("No MFA mechanism configured for the user".into())
            }
            other => other,
        })
    }
}

/// The same on an administrator's word, with flows of its own.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminInitiateAuth {
    user_pool_id: String,
    #[serde(flatten)]
    call: InitiateAuth,
}

impl Operation for AdminInitiateAuth {
    type Output = AuthOutput;

    async fn run(self, cx: Cx) -> Result<AuthOutput> {
        let call = self.call;
        let (pool, client) = directory::client_of(&cx, &self.user_pool_id, &call.client_id).await?;
        let flow = match call.auth_flow.as_str() {
            "ADMIN_USER_PASSWORD_AUTH" | "ADMIN_NO_SRP_AUTH" => Flow::AdminPassword,
            "USER_PASSWORD_AUTH" => return Err(unsupported_method()),
            other => shared_flow(other)?,
        };
        initiate(&cx, (pool, client), flow, call).await
    }
}

/// The answer to a challenge.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RespondToAuthChallenge {
    client_id: String,
    challenge_name: String,
    session: Option<String>,
    #[serde(default)]
    challenge_responses: Parameters,
    client_metadata: Option<Parameters>,
}

impl Operation for RespondToAuthChallenge {
    type Output = AuthOutput;

    async fn run(self, cx: Cx) -> Result<AuthOutput> {
        let (pool, client) = directory::client(&cx, &self.client_id).await?;
        respond(&cx, pool, client, self).await
    }
}

/// The same on an administrator's word.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminRespondToAuthChallenge {
    user_pool_id: String,
    #[serde(flatten)]
    call: RespondToAuthChallenge,
}

impl Operation for AdminRespondToAuthChallenge {
    type Output = AuthOutput;

    async fn run(self, cx: Cx) -> Result<AuthOutput> {
        let (pool, client) = directory::client_of(&cx, &self.user_pool_id, &self.call.client_id).await?;
        respond(&cx, pool, client, self.call).await
    }
}

/// Refreshes with or without rotation; the newer way of REFRESH_TOKEN_AUTH.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTokensFromRefreshToken {
    refresh_token: String,
    client_id: String,
    client_secret: Option<String>,
    device_key: Option<String>,
    client_metadata: Option<Parameters>,
}

impl Operation for GetTokensFromRefreshToken {
    type Output = AuthOutput;

    async fn run(self, cx: Cx) -> Result<AuthOutput> {
        let (pool, client) = directory::client(&cx, &self.client_id).await?;
        if !client.allows(Flow::Refresh) && !client.rotates_refresh_tokens() {
            return Err(Error::InvalidParameter("Auth flow not enabled for this client".into()));
        }
        let request = Refresh {
            pool,
            client,
            token: &self.refresh_token,
            proof: Proof::Secret(self.client_secret.as_deref()),
            device_key: self.device_key.as_deref(),
            resource: None,
            key: None,
            metadata: self.client_metadata,
        };
        let tokens = refresh::refresh(&cx, request).await.map_err(|error| match error {
            // This operation ends the sentence with a period, the older flow does not.
            Error::RefreshToken(RefreshTokenFault::Invalid) => Error::RefreshToken(RefreshTokenFault::InvalidSentence),
            // It declares no exception for these states.
            Error::UserNotConfirmed | Error::PasswordResetRequired => Error::RefreshToken(RefreshTokenFault::Revoked),
            other => other,
        })?;
        Ok(AuthOutput::of_refresh(tokens))
    }
}

/// Ends the sign-in that a refresh token belongs to, and with it every access token of that sign-in.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RevokeToken {
    token: String,
    client_id: String,
    client_secret: Option<String>,
}

impl Operation for RevokeToken {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let client = directory::find_client(&cx, &self.client_id).await?.ok_or(Error::UnauthorizedClient)?;
        client_proof::check_secret(&client, self.client_secret.as_deref()).map_err(|_| Error::UnauthorizedClient)?;
        revoke::refresh_token(&cx, &client, &self.token).await?;
        Ok(Empty {})
    }
}

fn unsupported_method() -> Error {
    Error::InvalidParameter("Initiate Auth method not supported".into())
}

fn shared_flow(name: &str) -> Result<Flow> {
    match name {
        "USER_SRP_AUTH" => Ok(Flow::Srp),
        "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN" => Ok(Flow::Refresh),
        "CUSTOM_AUTH" => Ok(Flow::Custom),
        "USER_AUTH" => Ok(Flow::Choice),
        _ => Err(unsupported_method()),
    }
}

async fn initiate(
    cx: &Cx,
    (pool, client): (Arc<Pool>, Arc<Client>),
    flow: Flow,
    call: InitiateAuth,
) -> Result<AuthOutput> {
    let InitiateAuth { auth_parameters: mut parameters, session, client_metadata: metadata, .. } = call;
    // The flow asks for what is missing after it has looked at the client; an empty text is as good as none.
    let mut take = |name: &str| parameters.remove(name).filter(|value| !value.is_empty());
    let secret_hash = take("SECRET_HASH");
    if flow == Flow::Refresh {
        let (token, device_key) = (take("REFRESH_TOKEN").unwrap_or_default(), take("DEVICE_KEY"));
        let request = Refresh {
            pool,
            client,
            token: &token,
            proof: Proof::SecretHash(secret_hash.as_deref()),
            device_key: device_key.as_deref(),
            resource: None,
            key: None,
            metadata: None,
        };
        return refresh_with(cx, request).await;
    }
    let start = Start {
        flow,
        username: take("USERNAME").unwrap_or_default(),
        secret_hash,
        device_key: take("DEVICE_KEY"),
        password: take("PASSWORD").map(Secret::from),
        srp_a: take("SRP_A"),
        challenge: take("CHALLENGE_NAME"),
        validation_data: metadata,
        event_id: None,
        preferred: take("PREFERRED_CHALLENGE"),
        session,
        step_up: step_up::Asked {
            targets: take("TARGET_ACR_VALUES"),
            access_token: take("ACCESS_TOKEN"),
            max_age: take("MAX_AGE"),
        },
        levels: Vec::new(),
    };
    let door = Door { pool, client, goal: Goal::Tokens, metadata: None };
    sign_in::begin(cx, &door, start).await.map(AuthOutput::of_step)
}

/// REFRESH_TOKEN_AUTH. Its `ClientMetadata` reaches no trigger.
async fn refresh_with(cx: &Cx, request: Refresh<'_>) -> Result<AuthOutput> {
    let client = &request.client;
    if !client.is_public() && matches!(request.proof, Proof::SecretHash(None)) {
        return Err(Error::SecretHashMissing(client.id.clone()));
    }
    if !client.allows(Flow::Refresh) {
        return Err(Error::InvalidParameter("Auth flow not enabled for this client".into()));
    }
    if request.token.is_empty() {
        return Err(sign_in::missing("REFRESH_TOKEN"));
    }
    refresh::refresh(cx, request).await.map(AuthOutput::of_tokens)
}

async fn respond(cx: &Cx, pool: Arc<Pool>, client: Arc<Client>, call: RespondToAuthChallenge) -> Result<AuthOutput> {
    let RespondToAuthChallenge { challenge_name, session, mut challenge_responses, client_metadata, .. } = call;
    let door = Door { pool, client, goal: Goal::Tokens, metadata: client_metadata };
    let username = challenge_responses.remove("USERNAME").unwrap_or_default();
    let secret_hash = challenge_responses.remove("SECRET_HASH");
    client_proof::check_secret_hash(&door.client, &username, secret_hash.as_deref())?;
    if username.is_empty() {
        return Err(sign_in::missing("USERNAME"));
    }
    let device_key = challenge_responses.remove("DEVICE_KEY");
    let answer = answers::read(&challenge_name, challenge_responses)?;
    let reply = Reply { username, session, device_key, answer };
    sign_in::answer(cx, &door, reply).await.map(AuthOutput::of_step)
}
