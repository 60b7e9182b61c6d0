//! Revocation: of one grant by its refresh token, or of all that a user has.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/token-revocation.html>

use super::{Cx, back_channel, bearer, issue::RefreshClaims, refresh};
use crate::{
    domain::{Client, Error, Pool, Result, User, error::RefreshTokenFault, token::AccessClaims},
    keys::jwt::Token,
    kit::clock::Time,
    store::{self, Tx},
};

/// Revokes the grant of a token. In a strict pool it may be an access token; one that names no grant ends by itself.
pub async fn token(cx: &Cx, pool: &Pool, client: &Client, token: &str) -> Result<()> {
    if !pool.revokes_access_tokens() || Token::parse(token).is_err() {
        return refresh_token(cx, client, token).await;
    }
    let verified = match bearer::verified(cx, token, "client_id").await {
        Ok(verified) => verified,
        Err(Error::AccessToken(_)) => return Ok(()),
        Err(other) => return Err(other),
    };
    let claims = AccessClaims::read(&verified.claims)?;
    if let Some(grant) = claims.origin_jti.filter(|_| claims.client_id == client.id) {
        let mut tx = cx.single().await?;
        store::grants::revoke_of_client(&mut tx, &grant, &client.id, cx.now()).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Revokes the grant of a refresh token. A token that is unknown, or another client's, is no error, and nothing happens.
/// The client has proven itself before.
pub async fn refresh_token(cx: &Cx, client: &Client, token: &str) -> Result<()> {
    if Token::parse(token).is_ok() {
        return Err(Error::UnsupportedTokenType);
    }
    if !client.can_revoke() {
        return Err(Error::RevocationOff);
    }
    let claims: RefreshClaims = match refresh::open(cx, client, token).await {
        Ok((_, claims)) => claims,
        Err(Error::RefreshToken(
            RefreshTokenFault::Invalid
            | RefreshTokenFault::InvalidSentence
            | RefreshTokenFault::Expired
            | RefreshTokenFault::Revoked
            | RefreshTokenFault::Reused,
        )) => return Ok(()),
        Err(other) => return Err(other),
    };
    let mut tx = cx.begin().await?;
    store::grants::revoke(&mut tx, &claims.grant_id, cx.now()).await?;
    Ok(tx.commit().await?)
}

/// Global sign-out: every grant of the user ends.
pub async fn everything_of(cx: &Cx, user: &User) -> Result<()> {
    let mut tx = cx.begin().await?;
    back_channel::user_ends(&mut tx, cx, user).await?;
    store::grants::revoke_all(&mut tx, &user.pool_id, &user.sub, cx.now()).await?;
    Ok(tx.commit().await?)
}

/// What a new password takes along, in pools where it takes anything: every session of the user but `own`, the grant of whoever
/// changes the password. Whoever knew the old one is out.
pub async fn with_password(cx: &Cx, tx: &mut Tx, pool: &Pool, user: &User, own: Option<&str>, now: Time) -> Result<()> {
    if pool.ends_sessions_with_password() {
        match own {
            None => back_channel::user_ends(tx, cx, user).await?,
            Some(own) => back_channel::others_end(tx, cx, user, own).await?,
        }
        store::grants::revoke_others(tx, &user.pool_id, &user.sub, own, now).await?;
    }
    Ok(())
}
