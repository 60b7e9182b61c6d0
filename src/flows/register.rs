//! Clients that register themselves: with a token of a machine that may register clients, or without one where the pool is open.
//!
//! How many come without one is limited twice: within ten minutes from one address, and at all in one pool.
//! <https://www.rfc-editor.org/rfc/rfc7591>
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-dynamic-client-registration.html>

use std::sync::Arc;

use super::{Cx, bearer, clients, per_address};
use crate::domain::{
    Client, Error, Pool,
    client::registration::{Fault, Metadata},
    resource_server::REGISTER_SCOPE,
    token::AccessClaims,
};

/// Why nobody is registered.
#[derive(Debug)]
pub enum Refusal {
    /// No client registers itself in this pool.
    Off,
    /// Only with a token.
    TokenMissing,
    TokenInvalid,
    /// The token is in order and good for other things.
    ScopeMissing,
    Fault(Fault),
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The pool that a token was made in, for a request that says nothing else of the pool.
pub async fn pool_of(cx: &Cx, token: &str) -> Result<Arc<Pool>, Refusal> {
    Ok(verified(cx, token).await?.pool)
}

async fn verified(cx: &Cx, token: &str) -> Result<bearer::Verified, Refusal> {
    bearer::verified(cx, token, "client_id").await.map_err(|error| match error {
        Error::AccessToken(_) => Refusal::TokenInvalid,
        other => Refusal::Failed(other),
    })
}

pub async fn register(cx: &Cx, pool: &Pool, token: Option<&str>, metadata: Metadata) -> Result<Client, Refusal> {
    let dcr = pool.registration().ok_or(Refusal::Off)?;
    let is_open = token.is_none();
    match token {
        Some(token) => check_token(cx, pool, token).await?,
        None if dcr.is_open() => per_address::count_registration(cx).await?,
        None => return Err(Refusal::TokenMissing),
    }
    let wanted = metadata.wanted(pool, dcr, is_open).map_err(Refusal::Fault)?;
    clients::register(cx, &pool.id, wanted, is_open).await.map_err(|error| match error {
        Error::InvalidParameter(text) | Error::InvalidOAuthFlow(text) => Refusal::Fault(Fault::Metadata(text)),
        Error::NoSuchScope(scope) => Refusal::Fault(Fault::Metadata(format!("the scope {scope} does not exist"))),
        other => Refusal::Failed(other),
    })
}

/// A living token of a machine of this pool that may register clients. A user's token is none, whatever its scopes: a client
/// that could be made with it would outlive the user's stay.
async fn check_token(cx: &Cx, pool: &Pool, token: &str) -> Result<(), Refusal> {
    let verified = verified(cx, token).await?;
    let claims = AccessClaims::read(&verified.claims).map_err(|_| Refusal::TokenInvalid)?;
    let is_machine = claims.sub == verified.client.id;
    let is_bound = pool.binds_tokens_to_keys() && claims.key.is_some();
    if verified.pool.id != pool.id || !is_machine || is_bound || cx.now() >= claims.expires_at {
        return Err(Refusal::TokenInvalid);
    }
    if claims.has_scope(REGISTER_SCOPE) { Ok(()) } else { Err(Refusal::ScopeMissing) }
}
