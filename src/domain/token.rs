//! What a token says. How it is signed is `keys`' business; that it is made at all, `flows/issue.rs`'s.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    client::Client,
    error::{AccessTokenFault, Error, Result},
    identity,
};
use crate::kit::clock::Time;

/// The result of a sign-in.
#[derive(Debug)]
pub struct Tokens {
    pub access_token: String,
    pub id_token: Option<String>,
    /// None after a refresh without rotation, and for machines.
    pub refresh_token: Option<String>,
    /// Of the access token.
    pub expires_in: Duration,
    /// Whether they are good only together with a proof that the client holds the key that they are bound to (RFC 9449).
    pub is_bound: bool,
    /// What a client needs to make itself known as a device at its next sign-in.
    pub new_device: Option<NewDevice>,
}

/// A device that a sign-in has named and nobody has confirmed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDevice {
    pub key: String,
    pub group_key: String,
}

/// Claims that a trigger can neither set nor suppress.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html>
pub const PROTECTED_CLAIMS: [&str; 22] = [
    "acr",
    "amr",
    "at_hash",
    "auth_time",
    "azp",
    "aud",
    "client_id",
    "cognito:username",
    "username",
    "device_key",
    "event_id",
    "exp",
    "iat",
    "identities",
    "iss",
    "jti",
    "nbf",
    "nonce",
    "origin_jti",
    "sub",
    "token_use",
    "version",
];

/// The claim that binds a token to a key, and the member that names the key by its thumbprint (RFC 9449, section 6.1).
pub const CONFIRMATION: &str = "cnf";
pub const THUMBPRINT: &str = "jkt";

/// Names of the service's own namespace that a trigger may still suppress or replace.
const OPEN_COGNITO_CLAIMS: [&str; 3] = ["cognito:groups", "cognito:roles", "cognito:preferred_role"];

pub fn is_protected(claim: &str) -> bool {
    PROTECTED_CLAIMS.contains(&claim)
        || claim.starts_with("dev:")
        || (claim.starts_with("cognito:") && !OPEN_COGNITO_CLAIMS.contains(&claim))
}

/// What a verified access token of ours says, as far as we use it.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessClaims {
    pub sub: String,
    pub client_id: String,
    pub username: Option<String>,
    pub scopes: Vec<String>,
    pub origin_jti: Option<String>,
    pub device_key: Option<String>,
    /// The thumbprint of the key that the token is bound to (RFC 9449, section 6.1).
    pub key: Option<String>,
    pub issued_at: Time,
    pub expires_at: Time,
}

impl AccessClaims {
    /// Reads the claims of a token whose signature has been verified. An ID token is no access token.
    pub fn read(claims: &Map<String, Value>) -> Result<Self> {
        Self::read_as(claims, ("access", "client_id", "username"))
    }

    /// The same of an ID token, which has no scopes.
    pub fn read_identity(claims: &Map<String, Value>) -> Result<Self> {
        Self::read_as(claims, ("id", "aud", "cognito:username"))
    }

    fn read_as(claims: &Map<String, Value>, (token_use, client, username): (&str, &str, &str)) -> Result<Self> {
        let invalid = || Error::AccessToken(AccessTokenFault::Invalid);
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let seconds = |name: &str| claims.get(name).and_then(Value::as_i64).map(Time::from_seconds);
        if text("token_use").as_deref() != Some(token_use) {
            return Err(invalid());
        }
        Ok(Self {
            sub: text("sub").ok_or_else(invalid)?,
            client_id: text(client).ok_or_else(invalid)?,
            username: text(username),
            scopes: text("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            origin_jti: text("origin_jti"),
            device_key: text("device_key"),
            key: claims.get(CONFIRMATION).and_then(|cnf| cnf.get(THUMBPRINT)?.as_str()).map(str::to_owned),
            issued_at: seconds("iat").ok_or_else(invalid)?,
            expires_at: seconds("exp").ok_or_else(invalid)?,
        })
    }

    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }
}

/// Whether `client` may see `attribute` in tokens, userInfo and GetUser. Who the user is elsewhere is no choice of the client's.
pub fn is_readable(client: &Client, attribute: &str) -> bool {
    match &client.settings.read_attributes {
        Some(names) => attribute == identity::ATTRIBUTE || names.iter().any(|name| name == attribute),
        None => !attribute.starts_with("dev:"),
    }
}
