//! `/oauth2/revoke`: ends the grant of a refresh token, in a strict pool also that of an access token.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/revocation-endpoint.html> <https://www.rfc-editor.org/rfc/rfc7009>

use axum::{extract::Request, response::Response};
use http::StatusCode;

use super::{client_auth::Submission, error::Failure, reply};
use crate::flows::{self, Cx};

pub async fn revoke(cx: Cx, request: Request) -> Response {
    match run(&cx, request).await {
        Ok(()) => reply::nothing(&cx),
        Err(failure) => failure.respond(&cx),
    }
}

async fn run(cx: &Cx, request: Request) -> Result<(), Failure> {
    let sent = Submission::read(request).await?;
    let token = sent.form.filled("token").ok_or_else(|| Failure::invalid_request("token is missing"))?;
    // Here, and only here, the service answers an unproven client with 401.
    let proven = sent.prove(cx).await.map_err(|failure| match failure.code {
        "invalid_client" => failure.with_status(StatusCode::UNAUTHORIZED),
        _ => failure,
    })?;
    Ok(flows::revoke::token(cx, &proven.pool, &proven.client, token).await?)
}
