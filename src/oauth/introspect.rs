//! `/oauth2/introspect`: whether a token still counts, asked by a client with a secret. Strict pools only.
//!
//! A client learns of its own tokens, and of access tokens of its pool: a resource server that is a client asks about what it is
//! presented. Every other token is not active, and nothing says why.
//! <https://www.rfc-editor.org/rfc/rfc7662>

use axum::{extract::Request, response::Response};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    client_auth::{Proven, Submission},
    error::Failure,
    reply,
};
use crate::{
    domain::{Error, token::CONFIRMATION},
    flows::{Cx, bearer, refresh},
    keys::jwt::Token,
};

/// Claims of an access token that say what it is good for. Whatever a trigger has added is the token's own business.
const TOLD: [&str; 11] =
    ["scope", "client_id", "username", "exp", "iat", "sub", "aud", "iss", "jti", "auth_time", CONFIRMATION];

pub async fn introspect(cx: Cx, request: Request) -> Response {
    match run(&cx, request).await {
        Ok(found) => reply::json(&cx, StatusCode::OK, &found),
        Err(failure) => failure.respond(&cx),
    }
}

async fn run(cx: &Cx, request: Request) -> Result<Map<String, Value>, Failure> {
    let sent = Submission::read(request).await?;
    let token = sent.form.filled("token").ok_or_else(|| Failure::invalid_request("token is missing"))?;
    let proven = sent.prove(cx).await?;
    if !proven.pool.introspects_tokens() {
        return Err(Failure::invalid_request("tokens are not introspected here"));
    }
    if proven.client.is_public() {
        return Err(Failure::invalid_client().challenging());
    }
    let found = if Token::parse(token).is_ok() {
        access_token(cx, &proven, token).await
    } else {
        refresh_token(cx, &proven, token).await
    };
    match found {
        Ok(Some(mut claims)) => {
            claims.insert("active".into(), json!(true));
            Ok(claims)
        }
        Ok(None) => Ok(Map::from_iter([("active".to_owned(), json!(false))])),
        Err(error) => Err(error.into()),
    }
}

async fn access_token(cx: &Cx, proven: &Proven, token: &str) -> Result<Option<Map<String, Value>>, Error> {
    let bearer = match bearer::holder(cx, token).await {
        Ok(bearer) => bearer,
        Err(internal @ Error::Internal(_)) => return Err(internal),
        Err(_) => return machine_token(cx, proven, token).await,
    };
    Ok((bearer.pool.id == proven.pool.id).then(|| told(token)).flatten())
}

/// A machine's token names no user.
async fn machine_token(cx: &Cx, proven: &Proven, token: &str) -> Result<Option<Map<String, Value>>, Error> {
    let verified = match bearer::verified(cx, token, "client_id").await {
        Ok(verified) => verified,
        Err(internal @ Error::Internal(_)) => return Err(internal),
        Err(_) => return Ok(None),
    };
    let is_machine = verified.claims.get("sub") == verified.claims.get("client_id");
    let lives = verified.claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| cx.now().seconds() < exp);
    Ok((is_machine && lives && verified.pool.id == proven.pool.id).then(|| told(token)).flatten())
}

fn told(token: &str) -> Option<Map<String, Value>> {
    let mut claims = Token::parse(token).ok()?.into_claims();
    claims.retain(|name, _| TOLD.contains(&name.as_str()));
    let kind = if claims.contains_key(CONFIRMATION) { "DPoP" } else { "Bearer" };
    claims.insert("token_type".into(), json!(kind));
    Some(claims)
}

async fn refresh_token(cx: &Cx, proven: &Proven, token: &str) -> Result<Option<Map<String, Value>>, Error> {
    let grant = match refresh::living(cx, &proven.pool, &proven.client, token).await {
        Ok(grant) => grant,
        Err(internal @ Error::Internal(_)) => return Err(internal),
        Err(_) => return Ok(None),
    };
    let claims = json!({
        "client_id": grant.client_id, "sub": grant.sub, "scope": grant.scopes.join(" "), "exp": grant.expires_at.seconds(),
    });
    Ok(claims.as_object().cloned())
}
