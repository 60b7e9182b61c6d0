//! `grant_type=client_credentials`: a token for a machine. Nothing is read from the database once client, pool, resource servers
//! and keys are in memory, and nothing is written.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>

use crate::{
    domain::token::Tokens,
    flows::{Cx, authorize, issue},
    oauth::{client_auth::Proven, error::Failure},
    web::parameters::Parameters,
};

pub async fn run(cx: &Cx, proven: Proven, form: &Parameters) -> Result<Tokens, Failure> {
    let client = proven.client;
    if client.is_public() || !client.allows_grant("client_credentials") {
        return Err(Failure::unauthorized_client());
    }
    let scopes = authorize::machine_scopes(cx, &client, form.get("scope")).await?;
    Ok(issue::for_client(cx, &client, &scopes).await?)
}
