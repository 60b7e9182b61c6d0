//! `grant_type=client_credentials`: a token for a machine. Nothing is read from the database once client, pool, resource servers
//! and keys are in memory, and nothing is written. A trigger of version 3 may change the token.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>

use crate::{
    domain::token::Tokens,
    flows::{
        Cx,
        authorize::{self, Resource},
        issue::{self, Machine},
    },
    hooks::ClientMetadata,
    oauth::{client_auth::Proven, error::Failure},
    web::parameters::Parameters,
};

pub async fn run(cx: &Cx, proven: Proven, form: &Parameters, key: Option<String>) -> Result<Tokens, Failure> {
    let client = proven.client;
    if client.is_public() || !client.allows_grant("client_credentials") {
        return Err(Failure::unauthorized_client());
    }
    let resource = form.filled("resource");
    if resource.is_some_and(|uri| !proven.pool.profiles_access_tokens() || Resource::of(&proven.pool, uri).is_none()) {
        return Err(Failure::new("invalid_target").describe("machines' tokens are not bound to such a resource".into()));
    }
    let scopes = authorize::machine_scopes(cx, &proven.pool, &client, form.get("scope")).await?;
    let machine = Machine {
        pool: proven.pool,
        client,
        scopes,
        metadata: metadata(form)?,
        resource: resource.map(str::to_owned),
        key,
    };
    Ok(issue::for_machine(cx, &machine).await?)
}

/// `aws_client_metadata`: a JSON object of texts for the trigger. Not for any other grant.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html>
fn metadata(form: &Parameters) -> Result<Option<ClientMetadata>, Failure> {
    let Some(given) = form.filled("aws_client_metadata") else { return Ok(None) };
    let object = serde_json::from_str(given);
    object.map(Some).map_err(|_| Failure::invalid_request("aws_client_metadata must be a JSON object of strings"))
}
