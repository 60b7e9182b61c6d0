//! `grant_type=password`: an addition of ours for scripts and tests; the service has this sign-in only in its API.
//!
//! Offered to clients with `ALLOW_USER_PASSWORD_AUTH` in pools that are no strict OpenID Connect; to others the grant does not
//! exist. Scopes are those asked for among the client's, or all of them. A client without any OAuth scope gets what
//! InitiateAuth would give it: all tokens, with the scope of the self-service operations.
//! A challenge cannot be answered here: a user who has to set a new password is refused.

use std::sync::Arc;

use crate::{
    domain::{Error, client::Flow, token::Tokens},
    flows::{
        Cx, authorize,
        issue::{self, Bound, Issue},
        sign_in::{self, Door, Goal, Outcome, Start},
    },
    hooks::TokenSource,
    kit::secret::Secret,
    oauth::{client_auth::Proven, error::Failure},
    web::parameters::Parameters,
};

pub async fn run(cx: &Cx, proven: Proven, form: &Parameters) -> Result<Tokens, Failure> {
    let Proven { pool, client } = proven;
    if pool.strict_oidc || !client.allows(Flow::Password) {
        return Err(Failure::new("unsupported_grant_type"));
    }
    let (Some(username), Some(password)) = (form.filled("username"), form.filled("password")) else {
        return Err(Failure::invalid_request("username or password is missing"));
    };
    let (scopes, source) = authorize::password_scopes(cx, &pool, &client, form.get("scope")).await?;
    let door = Door { pool: Arc::clone(&pool), client: Arc::clone(&client), goal: Goal::Identity, metadata: None };
    let start = Start::password(Flow::Password, username, Secret::from(password));
    let arrival = match sign_in::identify(cx, &door, start).await? {
        Outcome::Done(arrival) => *arrival,
        Outcome::Challenge(prompt) => return Err(challenged(prompt.challenge.name())),
    };
    let issue = Issue {
        pool,
        client,
        user: arrival.user,
        scopes,
        source,
        trigger: TokenSource::Authentication,
        event_id: arrival.progress.event_id,
        nonce: None,
        client_metadata: None,
        bound: Bound::default(),
    };
    Ok(issue::start(cx, issue, cx.now()).await?)
}

fn challenged(name: &str) -> Failure {
    Failure::from(Error::WrongCredentials).describe(format!("{name} must be answered first"))
}
