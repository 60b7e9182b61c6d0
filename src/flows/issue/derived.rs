//! Tokens that are derived from others: for the same user, never wider, never longer, and void together with them.

use serde_json::{Value, json};

use super::{Changes, Issue, access_claims, id_claims, sign_access};
use crate::{
    domain::{
        Grant, Result,
        assurance::Assurance,
        grant::{GrantSource, Seen},
        token::AccessClaims,
    },
    flows::{Cx, key_ring},
    kit::clock::Time,
};

/// A token to be derived. `issue` holds the client that asks, and the scopes that are left.
pub struct Derivation<'a> {
    pub issue: Issue,
    /// What the token says that it is derived from.
    pub subject: &'a AccessClaims,
    pub auth_time: Time,
    /// Whether the subject's token was an ID token: what it did not tell is not told now.
    pub told: Option<&'a serde_json::Map<String, Value>>,
    /// Who acts for the user.
    pub act: Option<Value>,
    pub audience: Option<&'a str>,
    pub is_id_token: bool,
}

/// A token, its scopes, and when it ends.
pub struct Derived {
    pub token: String,
    pub scopes: Vec<String>,
    pub expires_at: Time,
}

pub async fn derive(cx: &Cx, derivation: Derivation<'_>) -> Result<Derived> {
    let Derivation { mut issue, subject, auth_time, told, act, audience, is_id_token } = derivation;
    let changes = Changes::ask(cx, &issue).await?;
    if let Some(told) = told {
        issue.user.attributes.retain(|name, _| told.contains_key(name));
    }
    let (now, keys) = (cx.now(), key_ring::keys_of(cx, &issue.pool.id).await?);
    let grant = stand_in(cx, &issue, subject, auth_time);
    let mut claims = if is_id_token {
        id_claims(cx, &issue, &grant, &changes, now, "")
    } else {
        access_claims(cx, &issue, &grant, &changes, now)
    };
    // What ends the sign-in ends this token, and a token that names no grant lives as long as such tokens do.
    match &subject.origin_jti {
        Some(origin) => claims.insert("origin_jti".into(), json!(origin)),
        None => claims.remove("origin_jti"),
    };
    let own_end =
        now.plus(if is_id_token { issue.client.id_token_lifetime() } else { issue.client.access_token_lifetime() });
    let expires_at = own_end.min(subject.expires_at);
    claims.insert("exp".into(), json!(expires_at.seconds()));
    if let Some(audience) = audience {
        claims.insert("aud".into(), json!(audience));
    }
    if let Some(act) = act {
        claims.insert("act".into(), act);
    }
    let scope = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
    let scopes: Vec<String> = scope.split_whitespace().map(str::to_owned).collect();
    if scopes.is_empty() {
        claims.remove("scope");
    }
    let token = if is_id_token { keys.id.sign(&claims)? } else { sign_access(&issue.pool, &keys, &claims)? };
    Ok(Derived { token, scopes, expires_at })
}

/// A grant as the claims are made from one. It is written nowhere.
fn stand_in(cx: &Cx, issue: &Issue, subject: &AccessClaims, auth_time: Time) -> Grant {
    Grant {
        id: subject.origin_jti.clone().unwrap_or_default(),
        pool_id: issue.pool.id.clone(),
        client_id: issue.client.id.clone(),
        sub: issue.user.sub.clone(),
        scopes: issue.scopes.clone(),
        auth_time,
        expires_at: subject.expires_at,
        generation: 0,
        rotated_at: None,
        revoked_at: None,
        // An ID token has no `at_hash` without an access token beside it.
        source: GrantSource::Api,
        event_id: cx.random().uuid(),
        device_key: None,
        sso_id: None,
        audience: None,
        key: None,
        assurance: Assurance::default(),
        seen: Seen::now(cx.now(), &cx.origin, &issue.client),
    }
}
