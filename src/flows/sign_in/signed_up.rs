//! From a sign-up straight to a sign-in: SignUp's session goes to ConfirmSignUp, and that one's to InitiateAuth.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html>

use std::sync::Arc;

use super::{
    Cx, Door, Goal,
    session::{self, Draft},
};
use crate::{
    domain::{
        Client, Pool, Result, User,
        challenge::{Awaits, Progress, Subject},
        client::Flow,
        user::Status,
    },
    flows::{
        client_proof,
        sign_up::{self, Named},
    },
};

/// The session of a new account, for clients that may sign in by choice.
pub fn begin(cx: &Cx, pool: &Arc<Pool>, client: &Arc<Client>, user: &User) -> Result<Option<String>> {
    if !client.allows(Flow::Choice) {
        return Ok(None);
    }
    // Nobody has to confirm an account that a trigger has confirmed.
    let awaits = if user.status == Status::Confirmed { Awaits::SignUp } else { Awaits::Confirmation };
    seal(cx, &door(pool, client), &Subject::of(user), awaits).map(Some)
}

/// Confirms a sign-up. With the session that it began with, whoever confirms it gets one that signs in.
pub async fn confirm(
    cx: &Cx,
    named: Named<'_>,
    (code, force_alias): (&str, bool),
    session: Option<&str>,
) -> Result<Option<String>> {
    client_proof::check_secret_hash(&named.client, named.username, named.secret_hash)?;
    let door = door(&named.pool, &named.client);
    let opened = match session {
        Some(text) => {
            let opened = session::open(cx, &door, Some(text), named.username).await?.session;
            if opened.awaits != Awaits::Confirmation {
                return Err(session::invalid());
            }
            Some(opened)
        }
        None => None,
    };
    sign_up::confirm(cx, named, code, force_alias).await?;
    let Some(opened) = opened else { return Ok(None) };
    session::spend_now(cx, &opened).await?;
    seal(cx, &door, &opened.subject, Awaits::SignUp).map(Some)
}

fn door(pool: &Arc<Pool>, client: &Arc<Client>) -> Door {
    Door { pool: Arc::clone(pool), client: Arc::clone(client), goal: Goal::Tokens, metadata: None }
}

fn seal(cx: &Cx, door: &Door, subject: &Subject, awaits: Awaits) -> Result<String> {
    let progress = Progress::new(Flow::Choice, None);
    Draft { subject, awaits, progress: &progress }.seal(cx, door)
}
