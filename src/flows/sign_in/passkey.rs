//! WEB_AUTHN: the signature of a passkey in place of a password.
//!
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html>

use super::{
    Cx, Door, Outcome, check_state, proceed,
    session::{self, Draft, Opened},
};
use crate::{
    domain::{
        Error, Result,
        challenge::{Awaits, Challenge, FirstProof, Progress, Prompt, Subject},
        factor,
    },
    flows::passkeys,
    keys::webauthn::{self, Asked, Offer, Presented, Rejection},
    store,
};

/// Asks for a signature.
pub(super) async fn begin(cx: &Cx, door: &Door, subject: &Subject, progress: &Progress) -> Result<Prompt> {
    let asked = ask(cx, door, subject).await?;
    let session = Draft { subject, awaits: Awaits::Passkey { state: asked.state }, progress }.seal(cx, door)?;
    Ok(Prompt::new(Challenge::Passkey { options: asked.options }, subject, session))
}

/// What is to be signed. Somebody who does not exist is asked for one of a key that was made up, and is the same at every call.
pub(super) async fn ask(cx: &Cx, door: &Door, subject: &Subject) -> Result<Asked> {
    let offers = match &subject.sub {
        Some(sub) => passkeys::usable(cx, &door.pool, sub).await?.iter().map(Offer::from).collect(),
        None => vec![webauthn::fake_offer(&cx.app.sealer, &door.pool.id, &subject.login)],
    };
    let relying_party = passkeys::usable_relying_party(cx, &door.pool).await?.ok_or_else(session::invalid)?;
    Ok(relying_party.ask_assertion(&offers)?)
}

/// Nobody guesses a signature, so a wrong one leaves the session as it is.
pub(super) async fn answer(cx: &Cx, door: &Door, opened: Opened, (state, credential): (&str, &str)) -> Result<Outcome> {
    let Opened { session, user } = opened;
    let presented = Presented::parse(credential).map_err(refusal)?;
    let relying_party = passkeys::usable_relying_party(cx, &door.pool).await?.ok_or(Error::WrongCredentials)?;
    // Looked for also when there is no such user.
    let (sub, id) = (session.subject.sub.as_deref().unwrap_or_default(), presented.credential_id());
    let held = store::passkeys::find(&mut cx.read().await?, &door.pool.id, sub, &id).await?;
    let held = held.filter(|passkey| passkey.relying_party == relying_party.id());
    let (Some(user), Some(passkey)) = (user, held) else { return Err(Error::WrongCredentials) };
    let assertion = relying_party.verify(&presented, state, &passkey).map_err(refusal)?;

    let mut tx = cx.begin().await?;
    session::spend(&mut tx, &session).await?;
    let user = store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?;
    let user = user.ok_or_else(session::invalid)?;
    session::check_unchanged(&session, &user)?;
    check_state(&user)?;
    // Of an authenticator and its copy both may have come this far; the counter lets one of them on.
    if !store::passkeys::advance(&mut tx, &passkey, assertion.counter).await? {
        return Err(refusal(Rejection::Counter));
    }
    let preference = store::factors::find(&mut tx, &user).await?.preference;
    tx.commit().await?;
    let is_two_factors = assertion.user_verified && factor::is_two_factors(&door.pool, &preference);
    // Asked for after another proof, to reach a level, it is the second.
    let is_second = session.progress.first.is_some();
    let assurance = session.progress.assurance.clone().with_passkey(assertion.is_shared, assertion.user_verified);
    let progress = session.progress.proven(FirstProof::Passkey);
    proceed(cx, door, Progress { second: is_two_factors || is_second, assurance, ..progress }, user).await
}

fn refusal(rejection: Rejection) -> Error {
    match rejection {
        Rejection::Malformed => return Error::InvalidParameter("Invalid credential.".into()),
        Rejection::Counter => tracing::warn!("a passkey was refused, there may be a copy of it: {rejection}"),
        _ => tracing::debug!("a passkey was refused: {rejection}"),
    }
    Error::WrongCredentials
}
