//! `/oauth2/par`: a client pushes its authorization request. Strict pools only.
//! <https://www.rfc-editor.org/rfc/rfc9126#section-2>

use axum::{extract::Request, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::{client_auth::Submission, error::Failure, possession, reply};
use crate::{
    domain::Error,
    flows::{Cx, pushed},
    web::{
        authorization::{self, DPOP_JKT},
        limits::MOST_QUERY_BYTES,
        paths::{self, Place},
    },
};

/// How the client proves itself is no part of what it asks.
const PROOFS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

pub async fn push(cx: Cx, request: Request) -> Response {
    match run(&cx, request).await {
        Ok(pushed) => reply::json(&cx, StatusCode::CREATED, &pushed),
        Err(failure) => failure.respond(&cx),
    }
}

async fn run(cx: &Cx, request: Request) -> Result<Value, Failure> {
    let sent = Submission::read(request).await?;
    let form = &sent.form;
    let proven = sent.prove(cx).await?;
    if !proven.pool.takes_pushed_requests() {
        return Err(Failure::invalid_request("requests are not pushed here"));
    }
    if form.get("request_uri").is_some() {
        return Err(Failure::invalid_request("request_uri cannot be pushed"));
    }
    // Whoever shows a key here binds the code to it (RFC 9449, section 10.1).
    let key = possession::shown(cx, (&sent.method, &sent.headers), Place::Par, None).await?;
    if let (Some(named), Some(key)) = (form.filled(DPOP_JKT), &key)
        && named != key
    {
        return Err(Error::Possession("the proof is of another key than dpop_jkt names").into());
    }
    let kept = form.behind("").filter(|(name, _)| *name != "client_id" && !PROOFS.contains(name));
    let bound = key.as_deref().filter(|_| form.filled(DPOP_JKT).is_none()).map(|key| (DPOP_JKT, key));
    let kept = kept.filter(|(name, _)| bound.is_none() || *name != DPOP_JKT);
    let pairs: Vec<(&str, &str)> =
        std::iter::once(("client_id", &*proven.client.id)).chain(kept).chain(bound).collect();
    let query = paths::encode(&pairs);
    if query.len() > MOST_QUERY_BYTES {
        return Err(Failure::invalid_request("the request is too long"));
    }
    if form.get("response_type") == Some(authorization::DEVICE) {
        return Err(Failure::invalid_request("response_type must be code or token"));
    }
    if let Err(refusal) = authorization::read(cx, &query).await {
        let (code, description) = refusal.words();
        return Err(Failure::new(code).describe(description));
    }
    let uri = pushed::push(cx, &proven.client, &query).await?;
    Ok(json!({"request_uri": uri.to_string(), "expires_in": pushed::LIFETIME.as_secs()}))
}
