//! Tokens for machines through the API: what the token endpoint gives for `client_credentials`.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_GetClientToken.html>

use std::sync::Arc;

use super::{
    Cx, authorize, client_proof,
    issue::{self, Machine},
};
use crate::{
    domain::{Client, Error, Pool, Result, token::Tokens},
    hooks::ClientMetadata,
};

/// A client with its secret, and the scopes that it asks for: none are all that it may have.
pub async fn token(
    cx: &Cx,
    pool: Arc<Pool>,
    client: Arc<Client>,
    (secret, scopes): (&str, &[String]),
    metadata: Option<ClientMetadata>,
) -> Result<Tokens> {
    client_proof::check_secret(&client, Some(secret))?;
    if !client.allows_machine_tokens() {
        return Err(Error::InvalidParameter("Auth flow not enabled for this client".into()));
    }
    let asked = scopes.join(" ");
    // The operation declares no ScopeDoesNotExistException.
    let scopes = authorize::machine_scopes(cx, &pool, &client, Some(&asked)).await.map_err(|error| match error {
        Error::NoSuchScope(scope) => Error::InvalidParameter(format!("Invalid scope requested: {scope}")),
        other => other,
    })?;
    issue::for_machine(cx, &Machine { pool, client, scopes, metadata, resource: None, key: None }).await
}
