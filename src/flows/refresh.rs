//! New tokens for a refresh token, with rotation where the client asks for it.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-refresh-token.html>

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Cx, client_proof, issue,
    issue::{Bound, Changes, Issue, RefreshClaims},
};
use crate::{
    domain::{
        Client, Error, Grant, Pool, Result, User, error::RefreshTokenFault, grant::Seen, token::Tokens, user::Status,
    },
    hooks::TokenSource,
    kit::clock::Time,
    store,
};

/// Who refreshes, and how they prove the client.
pub struct Refresh<'a> {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub token: &'a str,
    pub proof: Proof<'a>,
    /// Of the device that the token was given to; it must be right where that device is remembered.
    pub device_key: Option<&'a str>,
    /// The resource that the client wants the tokens for. None is whatever it asked for before.
    pub resource: Option<&'a str>,
    /// The thumbprint of the key that the client has shown.
    pub key: Option<String>,
    pub metadata: Option<BTreeMap<String, String>>,
}

/// The ways in which a client proves itself at a refresh.
pub enum Proof<'a> {
    /// REFRESH_TOKEN_AUTH: over the stored user name.
    SecretHash(Option<&'a str>),
    /// GetTokensFromRefreshToken.
    Secret(Option<&'a str>),
    /// The token endpoint has seen to it.
    Done,
}

pub async fn refresh(cx: &Cx, refresh: Refresh<'_>) -> Result<Tokens> {
    if let Proof::Secret(secret) = refresh.proof {
        client_proof::check_secret(&refresh.client, secret)?;
    }
    let (grant, claims) = open(cx, &refresh.client, refresh.token).await?;
    let user = living_user(cx, &grant).await?;
    if let Proof::SecretHash(hash) = refresh.proof {
        client_proof::check_secret_hash_at_refresh(&refresh.client, &user.username, hash)?;
    }
    check_device(cx, &refresh, &grant, &user).await?;
    if grant.key.is_some() && grant.key != refresh.key {
        return Err(Error::Possession("the refresh token is bound to a key that was not shown"));
    }
    issue::check_possession(&refresh.pool, &refresh.client, refresh.key.as_deref())?;
    if refresh.resource.is_some_and(|resource| grant.audience.as_deref() != Some(resource)) {
        return Err(Error::WrongTarget);
    }
    check_generation(cx, &refresh, &grant, &claims).await?;
    let tracks = refresh.pool.tracks_sessions();
    let rotation_grace = refresh.pool.rotation_grace(&refresh.client);
    let issue = Issue {
        scopes: grant.scopes.clone(),
        source: grant.source,
        pool: refresh.pool,
        client: Arc::clone(&refresh.client),
        user,
        trigger: TokenSource::RefreshTokens,
        event_id: None,
        nonce: None,
        client_metadata: refresh.metadata,
        bound: Bound { key: refresh.key, ..Bound::default() },
    };
    let changes = Changes::ask(cx, &issue).await?;
    let key = issue.bound.key.as_deref().filter(|_| issue.client.is_public());
    let (grant, rotated) = rotate(cx, rotation_grace, grant, &claims, key).await?;
    if tracks {
        let mut tx = cx.single().await?;
        store::grants::touch(&mut tx, &grant.id, &Seen::now(cx.now(), &cx.origin, &refresh.client)).await?;
        tx.commit().await?;
    }
    issue::renew(cx, issue, &changes, &grant, rotated).await
}

/// A token that was given to a device works from there only, once the device is remembered. Whoever names a device must name the
/// right one in any case, and one that has not been forgotten.
async fn check_device(cx: &Cx, refresh: &Refresh<'_>, grant: &Grant, user: &User) -> Result<()> {
    let Some(own) = grant.device_key.as_deref().filter(|_| refresh.pool.device_tracking().is_some()) else {
        return Ok(());
    };
    let device = store::devices::find(&mut cx.read().await?, user, own).await?;
    match (refresh.device_key, device) {
        (Some(given), _) if given != own => Err(Error::RefreshToken(RefreshTokenFault::Invalid)),
        (Some(_), None) => Err(Error::NoSuchDevice),
        (None, Some(device)) if device.is_remembered => Err(Error::RefreshToken(RefreshTokenFault::Invalid)),
        _ => Ok(()),
    }
}

/// Refuses a token that another one has replaced, before anybody is asked anything.
async fn check_generation(cx: &Cx, refresh: &Refresh<'_>, grant: &Grant, claims: &RefreshClaims) -> Result<()> {
    if claims.generation == grant.generation {
        return Ok(());
    }
    let grace = refresh.pool.rotation_grace(&refresh.client);
    // A client that no longer rotates: only the newest token of the time when it did still counts.
    let grace = grace.ok_or(Error::RefreshToken(RefreshTokenFault::Revoked))?;
    if within_grace(grant.clone(), claims, grace, cx.now()).is_some() {
        return Ok(());
    }
    if refresh.pool.punishes_replays() {
        let mut tx = cx.single().await?;
        store::grants::revoke(&mut tx, &grant.id, cx.now()).await?;
        tx.commit().await?;
    }
    Err(Error::RefreshToken(RefreshTokenFault::Reused))
}

/// The grant of a refresh token that was given to this client and still counts.
pub async fn open(cx: &Cx, client: &Client, token: &str) -> Result<(Grant, RefreshClaims)> {
    let fault = |fault| Error::RefreshToken(fault);
    let claims: RefreshClaims = cx.app.sealer.open_jwe(token).ok_or_else(|| fault(RefreshTokenFault::Invalid))?;
    let grant = store::grants::find(&mut cx.read().await?, &claims.grant_id).await?;
    let grant = grant.filter(|grant| grant.client_id == client.id).ok_or_else(|| fault(RefreshTokenFault::Invalid))?;
    if grant.revoked_at.is_some() {
        return Err(fault(RefreshTokenFault::Revoked));
    }
    if cx.now() >= grant.expires_at {
        return Err(fault(RefreshTokenFault::Expired));
    }
    Ok((grant, claims))
}

/// The grant of a refresh token that this client could use now. Nothing is used up by asking.
pub async fn living(cx: &Cx, pool: &Pool, client: &Client, token: &str) -> Result<Grant> {
    let (grant, claims) = open(cx, client, token).await?;
    living_user(cx, &grant).await?;
    let grace = pool.rotation_grace(client).unwrap_or_default();
    let is_newest = claims.generation == grant.generation;
    if !is_newest && within_grace(grant.clone(), &claims, grace, cx.now()).is_none() {
        return Err(Error::RefreshToken(RefreshTokenFault::Reused));
    }
    Ok(grant)
}

async fn living_user(cx: &Cx, grant: &Grant) -> Result<User> {
    let user = store::users::by_sub(&mut cx.read().await?, &grant.pool_id, &grant.sub).await?;
    let user = user.ok_or(Error::RefreshToken(RefreshTokenFault::Invalid))?;
    match (user.enabled, user.status) {
        (false, _) => Err(Error::UserDisabled),
        (true, Status::Unconfirmed) => Err(Error::UserNotConfirmed),
        (true, Status::ResetRequired) => Err(Error::PasswordResetRequired),
        (true, _) => Ok(user),
    }
}

/// Moves a rotating grant on to its next generation, after [`check_generation`]. The token before the present one works for the client's grace period;
/// one that is older, or comes later, has been copied by somebody. The new token stays with `key`.
async fn rotate(
    cx: &Cx,
    grace: Option<u32>,
    grant: Grant,
    claims: &RefreshClaims,
    key: Option<&str>,
) -> Result<(Grant, bool)> {
    let reused = || Error::RefreshToken(RefreshTokenFault::Reused);
    let Some(grace) = grace else { return Ok((grant, false)) };
    let now = cx.now();
    if claims.generation == grant.generation {
        let mut tx = cx.begin().await?;
        let is_first = store::grants::rotate(&mut tx, (&grant.id, grant.generation), key, now).await?;
        tx.commit().await?;
        if is_first {
            let generation = grant.generation + 1;
            return Ok((Grant { generation, rotated_at: Some(now), ..grant }, true));
        }
        // Somebody else refreshed between the reading and now: this token has just become the one before.
        let grant = store::grants::find(&mut cx.read().await?, &grant.id).await?.ok_or_else(reused)?;
        if grant.revoked_at.is_some() {
            return Err(Error::RefreshToken(RefreshTokenFault::Revoked));
        }
        return within_grace(grant, claims, grace, now).ok_or_else(reused);
    }
    within_grace(grant, claims, grace, now).ok_or_else(reused)
}

/// During its grace the token before the present one gets the present generation again: there is never a second chain.
/// `now` may lie before the rotation, if whoever asks read the clock first and lost the race; no grace is none then, too.
fn within_grace(grant: Grant, claims: &RefreshClaims, grace_seconds: u32, now: Time) -> Option<(Grant, bool)> {
    let is_previous = claims.generation.checked_add(1) == Some(grant.generation);
    let rotated_at = grant.rotated_at?;
    let until = rotated_at.plus(Duration::from_secs(u64::from(grace_seconds)));
    (is_previous && now.max(rotated_at) < until).then_some((grant, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{assurance::Assurance, grant::GrantSource};

    #[test]
    fn who_lost_the_race_has_the_grace_that_the_client_gives_and_no_more() {
        let grant = Grant {
            id: "g".into(),
            pool_id: "r_p".into(),
            client_id: "c".into(),
            sub: "s".into(),
            scopes: Vec::new(),
            auth_time: Time::from_seconds(0),
            expires_at: Time::from_seconds(9_000),
            generation: 4,
            rotated_at: Some(Time::from_millis(5_000)),
            revoked_at: None,
            source: GrantSource::Api,
            event_id: "e".into(),
            device_key: None,
            sso_id: None,
            audience: None,
            key: None,
            assurance: Assurance::default(),
            seen: Seen {
                created_at: Time::from_seconds(0),
                active_at: Time::from_seconds(0),
                last_ip: None,
                device_type: None,
            },
        };
        let claims = |generation| RefreshClaims { grant_id: "g".into(), generation };
        let is_within = |generation, grace, now| {
            within_grace(grant.clone(), &claims(generation), grace, Time::from_millis(now)).is_some()
        };
        assert!(!is_within(3, 0, 4_999), "the loser read its clock before the winner did");
        assert!(!is_within(3, 0, 5_000));
        assert!(is_within(3, 2, 4_999));
        assert!(is_within(3, 2, 6_999));
        assert!(!is_within(3, 2, 7_000));
        assert!(!is_within(2, 2, 5_000), "two generations old");
    }
}
