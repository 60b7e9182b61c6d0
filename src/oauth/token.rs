//! `/oauth2/token`: reads the form, lets the client prove itself and hands over to the grant.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html>

use axum::{extract::Request, response::Response};
use http::StatusCode;
use serde::Serialize;

use super::{
    client_auth::{Proven, Submission},
    error::Failure,
    grants, possession, reply,
};
use crate::{domain::token::Tokens, flows::Cx, web::parameters::Parameters};

pub async fn token(cx: Cx, request: Request) -> Response {
    match exchange(&cx, request).await {
        Ok(tokens) => reply::json(&cx, StatusCode::OK, &Body::from(tokens)),
        Err(failure) => failure.respond(&cx),
    }
}

async fn exchange(cx: &Cx, request: Request) -> Result<Tokens, Failure> {
    let sent = Submission::read(request).await?;
    let form = &sent.form;
    let kind = form.get("grant_type").ok_or_else(|| Failure::invalid_request("grant_type is missing"))?;
    let grant = Grant::named(kind).ok_or_else(|| Failure::new("unsupported_grant_type"))?;
    let proven = sent.prove(cx).await?;
    let key = possession::key(cx, &sent, &proven).await?;
    grant.run(cx, proven, form, key).await
}

#[derive(Clone, Copy)]
enum Grant {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
    DeviceCode,
    Password,
}

impl Grant {
    fn named(name: &str) -> Option<Self> {
        match name {
            "authorization_code" => Some(Self::AuthorizationCode),
            "refresh_token" => Some(Self::RefreshToken),
            "client_credentials" => Some(Self::ClientCredentials),
            "urn:ietf:params:oauth:grant-type:device_code" => Some(Self::DeviceCode),
            "password" => Some(Self::Password),
            _ => None,
        }
    }

    /// `key` is the thumbprint of the key that the client has shown.
    async fn run(self, cx: &Cx, proven: Proven, form: &Parameters, key: Option<String>) -> Result<Tokens, Failure> {
        match self {
            Self::AuthorizationCode => grants::authorization_code::run(cx, proven, form, key).await,
            Self::RefreshToken => grants::refresh_token::run(cx, proven, form, key).await,
            Self::ClientCredentials => grants::client_credentials::run(cx, proven, form, key).await,
            Self::DeviceCode => grants::device_code::run(cx, proven, form, key).await,
            Self::Password => grants::password::run(cx, proven, form).await,
        }
    }
}

/// The members in the service's order.
#[derive(Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    expires_in: u64,
    token_type: &'static str,
}

impl From<Tokens> for Body {
    fn from(tokens: Tokens) -> Self {
        Self {
            id_token: tokens.id_token,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_in: tokens.expires_in.as_secs(),
            token_type: if tokens.is_bound { "DPoP" } else { "Bearer" },
        }
    }
}
