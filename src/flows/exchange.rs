//! Token exchange: a client trades a user's token for one that is narrower, and may say who acts for the user.
//!
//! The subject's token must be ours and count in full: of this pool, not expired, not revoked, of a user who may still come in.
//! What is given for it ends with it, has no refresh token, and has no scope that it lacked. A token that was delegated before
//! says so ever after: the actors stand inside each other, the newest outermost.
//! <https://www.rfc-editor.org/rfc/rfc8693>
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-token-exchange.html>

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Cx,
    bearer::{self, Verified},
    client_proof, directory,
    issue::{self, Bound, Derivation, Derived, Issue},
};
use crate::{
    domain::{
        Client, Error, Pool, Result, User,
        client::Exchange as Mode,
        error::AccessTokenFault,
        grant::GrantSource,
        resource_server::{ADMIN_SCOPE, is_standard},
        token::AccessClaims,
    },
    hooks::TokenSource,
    kit::clock::Time,
};

/// What a client asks for.
pub struct Exchange<'a> {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub secret: Option<&'a str>,
    pub subject: Presented<'a>,
    pub actor: Option<Presented<'a>>,
    /// None: those of the subject's token.
    pub scopes: Option<&'a [String]>,
    pub target: Option<Target<'a>>,
    pub wants_id_token: bool,
}

pub struct Presented<'a> {
    pub token: &'a str,
    pub is_id_token: bool,
}

/// Where the new token will be used.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    Audience(&'a str),
    /// A resource server of the pool.
    Resource(&'a str),
}

pub async fn exchange(cx: &Cx, asked: Exchange<'_>) -> Result<Derived> {
    client_proof::check_secret(&asked.client, asked.secret)?;
    let mode = if asked.actor.is_some() { Mode::Delegation } else { Mode::Impersonation };
    if !asked.client.allows_exchange(mode) {
        return Err(Error::InvalidParameter("Auth flow not enabled for this client".into()));
    }
    let subject = Subject::of(cx, &asked).await?;
    let act = act(cx, &asked, &subject).await?;
    let scopes = scopes(cx, &asked, &subject).await?;
    let audience = audience(cx, &asked).await?;
    if asked.wants_id_token && !subject.tells_identity(asked.subject.is_id_token) {
        return Err(Error::InvalidParameter("The scopes of the subject token do not allow an ID token.".into()));
    }
    let derivation = Derivation {
        issue: Issue {
            pool: asked.pool,
            client: asked.client,
            user: subject.user,
            scopes,
            source: GrantSource::Api,
            trigger: TokenSource::Authentication,
            nonce: None,
            client_metadata: None,
            event_id: None,
            bound: Bound::default(),
        },
        auth_time: subject.auth_time,
        told: asked.subject.is_id_token.then_some(&subject.raw),
        subject: &subject.claims,
        act,
        audience,
        is_id_token: asked.wants_id_token,
    };
    issue::derive(cx, derivation).await
}

fn invalid() -> Error {
    Error::AccessToken(AccessTokenFault::Invalid)
}

/// On whose behalf.
struct Subject {
    user: User,
    claims: AccessClaims,
    raw: Map<String, Value>,
    auth_time: Time,
}

impl Subject {
    async fn of(cx: &Cx, asked: &Exchange<'_>) -> Result<Self> {
        let (claims, raw) = verified(cx, &asked.pool, &asked.subject).await?;
        let user = bearer::living_user(cx, &asked.pool, &claims).await.map_err(|error| match error {
            // The operation declares no exception for these states.
            Error::UserNotConfirmed | Error::PasswordResetRequired => Error::AccessToken(AccessTokenFault::Revoked),
            other => other,
        })?;
        let auth_time = raw.get("auth_time").and_then(Value::as_i64).map(Time::from_seconds).ok_or_else(invalid)?;
        Ok(Self { user, claims, raw, auth_time })
    }

    /// Whether the subject's token lets its bearer know who the user is.
    fn tells_identity(&self, is_id_token: bool) -> bool {
        is_id_token || self.claims.has_scope("openid") || self.claims.has_scope(ADMIN_SCOPE)
    }
}

/// A token of this pool that is what it was said to be. Whether its user may still come in is not looked at.
async fn verified(cx: &Cx, pool: &Pool, presented: &Presented<'_>) -> Result<(AccessClaims, Map<String, Value>)> {
    let names_client = if presented.is_id_token { "aud" } else { "client_id" };
    let Verified { pool: own, claims: raw, .. } = bearer::verified(cx, presented.token, names_client).await?;
    if own.id != pool.id {
        return Err(invalid());
    }
    let claims = if presented.is_id_token { AccessClaims::read_identity(&raw)? } else { AccessClaims::read(&raw)? };
    if cx.now() >= claims.expires_at {
        return Err(Error::AccessToken(AccessTokenFault::Expired));
    }
    // Nobody shows a key here.
    if pool.binds_tokens_to_keys() && claims.key.is_some() {
        return Err(invalid());
    }
    Ok((claims, raw))
}

/// Who acts, and for whom they act in turn. An actor is a user who may still come in, or a machine.
async fn act(cx: &Cx, asked: &Exchange<'_>, subject: &Subject) -> Result<Option<Value>> {
    let before = subject.raw.get("act").cloned();
    let Some(presented) = &asked.actor else { return Ok(before) };
    let (claims, _) = verified(cx, &asked.pool, presented).await?;
    let is_machine = claims.sub == claims.client_id;
    if !is_machine {
        bearer::living_user(cx, &asked.pool, &claims).await.map_err(|_| invalid())?;
    }
    let mut act = json!({"sub": claims.sub});
    if let Some(before) = before {
        act["act"] = before;
    }
    Ok(Some(act))
}

/// What is left of the subject's scopes: those asked for that the client may have and that still exist.
async fn scopes(cx: &Cx, asked: &Exchange<'_>, subject: &Subject) -> Result<Vec<String>> {
    let held = &subject.claims.scopes;
    let Some(wanted) = asked.scopes.filter(|wanted| !wanted.is_empty()) else { return Ok(held.clone()) };
    let servers = directory::resource_servers(cx, &asked.pool.id).await?;
    let exists = |scope: &String| is_standard(scope) || servers.iter().any(|server| server.has_scope(scope));
    let allowed = &asked.client.settings.allowed_oauth_scopes;
    let left: Vec<String> = held
        .iter()
        .filter(|scope| wanted.contains(scope) && allowed.contains(scope) && exists(scope))
        .cloned()
        .collect();
    if left.is_empty() {
        return Err(Error::InvalidParameter("None of the requested scopes can be granted.".into()));
    }
    Ok(left)
}

/// Whom the new token is for. Another application of the pool would take an ID token for a sign-in of its own.
async fn audience<'a>(cx: &Cx, asked: &Exchange<'a>) -> Result<Option<&'a str>> {
    match asked.target {
        None => Ok(None),
        Some(Target::Resource(identifier)) => {
            let servers = directory::resource_servers(cx, &asked.pool.id).await?;
            let is_known = servers.iter().any(|server| server.identifier == identifier);
            if is_known { Ok(Some(identifier)) } else { Err(Error::NoSuchResourceServer(identifier.to_owned())) }
        }
        Some(Target::Audience(audience)) => {
            let is_foreign = asked.wants_id_token
                && audience != asked.client.id
                && directory::find_client(cx, audience).await?.is_some();
            if is_foreign {
                let text = "An ID token cannot be issued for another app client.";
                return Err(Error::InvalidParameter(text.into()));
            }
            Ok(Some(audience))
        }
    }
}
