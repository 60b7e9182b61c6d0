//! `/oauth2/revoke`: ends the grant of a refresh token, in a strict pool also that of an access token.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/revocation-endpoint.html> <https://www.rfc-editor.org/rfc/rfc7009>

use axum::{extract::Request, response::Response};
use http::StatusCode;

use super::{client_auth, error::Failure, reply};
use crate::{
    flows::{self, Cx},
    web::limits,
};

pub async fn revoke(cx: Cx, request: Request) -> Response {
    match run(&cx, request).await {
        Ok(()) => reply::nothing(&cx),
        Err(failure) => failure.respond(&cx),
    }
}

async fn run(cx: &Cx, request: Request) -> Result<(), Failure> {
    let headers = request.headers().clone();
    let form = limits::form(request).await?;
    if form.has_repeated() {
        return Err(Failure::invalid_request("a parameter is repeated"));
    }
    let token = form.filled("token").ok_or_else(|| Failure::invalid_request("token is missing"))?;
    // Here, and only here, the service answers an unproven client with 401.
    let proven = client_auth::prove(cx, &headers, &form).await.map_err(|failure| match failure.code {
        "invalid_client" => failure.with_status(StatusCode::UNAUTHORIZED),
        _ => failure,
    })?;
    Ok(flows::revoke::token(cx, &proven.pool, &proven.client, token).await?)
}
