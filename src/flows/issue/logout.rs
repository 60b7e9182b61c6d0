//! Logout tokens. <https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken>

use std::time::Duration;

use serde_json::{Map, json};

use crate::{
    domain::{Client, Pool, Result, message::Farewell},
    flows::{Cx, key_ring},
};

/// As short as the specification recommends: the token is made right before it leaves.
const LIFETIME: Duration = Duration::from_secs(120);
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Tells `client` that a session, or all of a user's, has ended. It never has a nonce, so that nobody takes it for an ID token.
pub async fn logout_token(cx: &Cx, pool: &Pool, client: &Client, farewell: &Farewell) -> Result<String> {
    let (now, expires_at) = cx.from_now(LIFETIME);
    let mut claims = Map::new();
    claims.insert("iss".into(), json!(cx.app.setup.issuer_of(pool)));
    claims.insert("aud".into(), json!(client.id));
    claims.insert("iat".into(), json!(now.seconds()));
    claims.insert("exp".into(), json!(expires_at.seconds()));
    claims.insert("jti".into(), json!(cx.random().uuid()));
    claims.insert("events".into(), json!({ EVENT: {} }));
    claims.insert("sub".into(), json!(farewell.sub));
    if let Some(session) = &farewell.session {
        claims.insert("sid".into(), json!(session));
    }
    let keys = key_ring::keys_of(cx, &pool.id).await?;
    Ok(keys.id.sign_logout_token(&claims)?)
}
