//! `/oauth2/device_authorization`: a device asks for a code to show. Strict pools only, and clients that say they are devices.
//! <https://www.rfc-editor.org/rfc/rfc8628#section-3.1>

use axum::{extract::Request, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::{client_auth::Submission, error::Failure, reply};
use crate::{
    flows::{Cx, device_grant},
    web::paths::{self, Place},
};

pub async fn authorize(cx: Cx, request: Request) -> Response {
    match run(&cx, request).await {
        Ok(started) => reply::json(&cx, StatusCode::OK, &started),
        Err(failure) => failure.respond(&cx),
    }
}

async fn run(cx: &Cx, request: Request) -> Result<Value, Failure> {
    let sent = Submission::read(request).await?;
    let proven = sent.prove(cx).await?;
    if !proven.pool.allows_devices(&proven.client) {
        return Err(Failure::unauthorized_client());
    }
    let started = device_grant::begin(cx, &proven.pool, &proven.client, sent.form.get("scope")).await?;
    let page = paths::full(&cx.app.setup, Place::Device);
    let code = started.user_code.to_string();
    Ok(json!({
        "device_code": started.device_code,
        "user_code": code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={code}"),
        "expires_in": started.expires_in.as_secs(),
        "interval": started.interval.as_secs(),
    }))
}
