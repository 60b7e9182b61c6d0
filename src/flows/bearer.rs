//! Access tokens that come back to us: GetUser and its like, and userInfo.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Cx, directory, key_ring};
use crate::{
    domain::{
        Client, Error, Pool, Result, User, error::AccessTokenFault, resource_server::ADMIN_SCOPE, token::AccessClaims,
        user::Status,
    },
    keys::jwt::Token,
    store,
};

/// Whom a token speaks for.
pub struct Bearer {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub user: User,
    pub claims: AccessClaims,
}

impl Bearer {
    /// Whether the token is good only together with a proof. Where no tokens are bound, the claim is a trigger's own.
    pub fn is_bound(&self) -> bool {
        self.pool.binds_tokens_to_keys() && self.claims.key.is_some()
    }
}

/// The bearer of an access token that may use the self-service operations of the API.
pub async fn self_service(cx: &Cx, access_token: &str) -> Result<Bearer> {
    let bearer = bearer(cx, access_token).await?;
    if !bearer.claims.has_scope(ADMIN_SCOPE) {
        return Err(Error::AccessToken(AccessTokenFault::MissingScope));
    }
    Ok(bearer)
}

/// The same for operations that have no word for a user who is gone: the token then counts as revoked.
pub async fn present(cx: &Cx, access_token: &str) -> Result<Bearer> {
    self_service(cx, access_token).await.map_err(|error| match error {
        Error::NoSuchUser => Error::AccessToken(AccessTokenFault::Revoked),
        other => other,
    })
}

/// The bearer of any access token of ours that is good for whoever has it: signed by its pool's access key, not expired, not
/// revoked, of a user who may still come in.
pub async fn bearer(cx: &Cx, access_token: &str) -> Result<Bearer> {
    let holder = holder(cx, access_token).await?;
    if holder.is_bound() { Err(Error::AccessToken(AccessTokenFault::Invalid)) } else { Ok(holder) }
}

/// The same, also of a token that is bound to a key (RFC 9449). Who lets its bearer in has to see a proof that they hold it.
pub async fn holder(cx: &Cx, access_token: &str) -> Result<Bearer> {
    // An ID token has no client_id: it fails here, before anything is looked up.
    let Verified { pool, client, claims } = verified(cx, access_token, "client_id").await?;
    let claims = AccessClaims::read(&claims)?;
    if cx.now() >= claims.expires_at {
        return Err(Error::AccessToken(AccessTokenFault::Expired));
    }
    let user = living_user(cx, &pool, &claims).await?;
    Ok(Bearer { pool, client, user, claims })
}

/// A token that was signed here, whatever it is for and however old.
pub struct Verified {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub claims: Map<String, Value>,
}

/// A token of ours: of a client that exists, which the claim `names_client` names, and signed by a key of its pool.
pub async fn verified(cx: &Cx, text: &str, names_client: &str) -> Result<Verified> {
    let fault = |fault| Error::AccessToken(fault);
    let token = Token::parse(text).map_err(|_| fault(AccessTokenFault::Invalid))?;
    let client_id = token.claims().get(names_client).and_then(|id| id.as_str());
    let client_id = client_id.ok_or_else(|| fault(AccessTokenFault::Invalid))?;
    let client = directory::find_client(cx, client_id).await?.ok_or_else(|| fault(AccessTokenFault::Invalid))?;
    let pool = directory::find_pool(&cx.app, &client.pool_id).await?.ok_or_else(|| fault(AccessTokenFault::Invalid))?;
    let issuer = token.claims().get("iss").and_then(|iss| iss.as_str());
    if issuer != Some(&cx.app.setup.issuer_of(&pool)) {
        return Err(fault(AccessTokenFault::Invalid));
    }
    let keys = key_ring::keys_of(cx, &pool.id).await?;
    let key = keys.verifying.get(token.kid()).ok_or_else(|| fault(AccessTokenFault::Invalid))?;
    key.verify(&token).map_err(|_| fault(AccessTokenFault::WrongSignature))?;
    Ok(Verified { pool, client, claims: token.into_claims() })
}

/// The user of a token, who must still be let in by it.
pub async fn living_user(cx: &Cx, pool: &Pool, claims: &AccessClaims) -> Result<User> {
    let mut tx = cx.read().await?;
    let grant_id = claims.origin_jti.as_deref();
    let liveness = store::users::liveness(&mut tx, &pool.id, &claims.sub, grant_id).await?;
    let liveness = liveness.ok_or(Error::NoSuchUser)?;
    let is_revoked = match grant_id {
        Some(_) => !liveness.grant_lives,
        None => liveness.signed_out_at.is_some_and(|at| claims.issued_at.seconds() <= at.seconds()),
    };
    let user = liveness.user;
    if !user.enabled {
        return Err(Error::UserDisabled);
    }
    if is_revoked {
        return Err(Error::AccessToken(AccessTokenFault::Revoked));
    }
    match user.status {
        Status::Unconfirmed => Err(Error::UserNotConfirmed),
        Status::ResetRequired => Err(Error::PasswordResetRequired),
        _ => Ok(user),
    }
}
