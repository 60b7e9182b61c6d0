//! A client proves itself with a token that it has signed (`private_key_jwt`): its keys are known, or published at its address.
//!
//! The token is for us alone and for a short time, and works once. Its audience must be the issuer and nothing else: a client
//! that can be led to sign for another server's token endpoint would otherwise sign for us.
//! <https://www.rfc-editor.org/rfc/rfc7523#section-3> <https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication>

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;
use serde_json::Value;

use super::Cx;
use crate::{
    domain::{Client, Error, Pool, Result},
    keys::jwt::{IssuerKeys, JwtError, Token, check_times, verify_published},
    kit::clock::Time,
    store,
};

/// How long before its end an assertion may be made.
const LONGEST_LIFE: Duration = Duration::from_secs(3_600);
const SKEW: Duration = Duration::from_secs(30);
const LONGEST_JTI: usize = 256;

/// Published keys are believed for so long.
const KEYS_STAY: Duration = Duration::from_secs(300);
/// Whoever names a key that is not among them has them fetched again, no sooner than after this.
const KEYS_REST: Duration = Duration::from_secs(30);
const MOST_KEY_SETS: u64 = 1_000;

/// The keys that clients publish, by address. Fetched when they are needed.
pub struct ClientKeys(Cache<String, Arc<Fetched>>);

impl Default for ClientKeys {
    fn default() -> Self {
        Self(Cache::new(MOST_KEY_SETS))
    }
}

struct Fetched {
    /// A JWKS, or nothing that holds a key.
    keys: Value,
    at: Time,
}

/// Checks an assertion of this client. A refusal says no more than that it is one; the reason is for the log.
pub async fn check(cx: &Cx, pool: &Pool, client: &Client, assertion: &str) -> Result<()> {
    let refuse = |reason: &'static str| {
        tracing::info!(request_id = &*cx.request_id, client = client.id, reason, "a client's assertion was refused");
        Error::ClientSecretWrong(client.id.clone())
    };
    let token = Token::parse(assertion).map_err(|_| refuse("it is no signed token that names its key"))?;
    let claims = token.claims();
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(&client.id) || text("sub") != Some(&client.id) {
        return Err(refuse("iss and sub are not the client"));
    }
    if !is_for(claims.get("aud"), &cx.app.setup.issuer_of(pool)) {
        return Err(refuse("aud is not the issuer alone"));
    }
    let now = cx.now();
    check_times(claims, now, SKEW, true).map_err(|_| refuse("its times do not hold"))?;
    let latest = now.plus(LONGEST_LIFE + SKEW);
    if claims.get("exp").and_then(Value::as_i64).is_none_or(|exp| exp > latest.seconds()) {
        return Err(refuse("it lives for too long"));
    }
    let jti = text("jti").filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI);
    let jti = jti.ok_or_else(|| refuse("it has no jti"))?.to_owned();
    verified(cx, client, assertion).await?.map_err(|error| match error {
        JwtError::UnknownKid => refuse("its key is unknown"),
        _ => refuse("its signature is wrong"),
    })?;
    let mut tx = cx.single().await?;
    let is_first = store::grants::spend(&mut tx, &format!("assertion:{}:{jti}", client.id), latest.plus(SKEW)).await?;
    tx.commit().await?;
    if is_first { Ok(()) } else { Err(refuse("it was used before")) }
}

/// Whether `aud` is this one text, alone or as the only one of a list.
fn is_for(aud: Option<&Value>, issuer: &str) -> bool {
    match aud {
        Some(Value::String(aud)) => aud == issuer,
        Some(Value::Array(all)) => matches!(&all[..], [Value::String(aud)] if aud == issuer),
        _ => false,
    }
}

/// Whether one of the client's keys has signed the assertion. There is no secret that both know: HMAC is no proof here.
async fn verified(cx: &Cx, client: &Client, assertion: &str) -> Result<std::result::Result<(), JwtError>> {
    let by = |jwks: &Value| verify_published(assertion, &IssuerKeys { jwks, secret: None }).map(drop);
    let own = &client.settings.relying_party;
    if let Some(set) = &own.jwks {
        return Ok(by(set));
    }
    let Some(uri) = &own.jwks_uri else { return Ok(Err(JwtError::UnknownKid)) };
    let now = cx.now();
    if let Some(known) = cx.app.client_keys.0.get(uri) {
        let age = now.since(known.at);
        let outcome = by(&known.keys);
        if age < KEYS_REST || (age < KEYS_STAY && outcome != Err(JwtError::UnknownKid)) {
            return Ok(outcome);
        }
    }
    // Also nothing is remembered for a while: nobody makes us call again and again.
    let keys = match cx.app.post.get_document(uri).await {
        Ok(body) => serde_json::from_slice::<Value>(&body).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(client = client.id, %error, "a client's keys cannot be had");
            Value::Null
        }
    };
    let outcome = by(&keys);
    cx.app.client_keys.0.insert(uri.clone(), Arc::new(Fetched { keys, at: now }));
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_assertion_is_for_the_issuer_alone() {
        let issuer = "https://id.example/r_p";
        assert!(is_for(Some(&json!(issuer)), issuer) && is_for(Some(&json!([issuer])), issuer));
        for aud in [
            json!(null),
            json!([]),
            json!([issuer, "https://other.example"]),
            json!([[issuer]]),
            json!(format!("{issuer}/")),
        ] {
            assert!(!is_for(Some(&aud), issuer), "{aud}");
        }
        assert!(!is_for(None, issuer));
    }
}
