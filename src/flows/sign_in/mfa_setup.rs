//! MFA_SETUP: a second factor that is required and that the user does not have yet. An authenticator app is verified with
//! AssociateSoftwareToken and VerifySoftwareToken, which take the session; an e-mail address comes with the answer.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa-totp.html>

use super::{
    Cx, Door, Outcome, code, proceed,
    session::{self, Draft, Opened},
};
use crate::{
    domain::{
        Result,
        assurance::Method,
        attribute::{self, Write},
        challenge::{Awaits, CodePurpose, Session, Subject},
        code::Medium,
        mfa::Factor,
    },
    flows::software_tokens,
};

pub(super) async fn answer(cx: &Cx, door: &Door, opened: Opened, email: Option<String>) -> Result<Outcome> {
    let Opened { session, user } = opened;
    let mut user = user.ok_or_else(session::invalid)?;
    match (&session.awaits, email) {
        (Awaits::FactorReady, _) => {
            session::spend_now(cx, &session).await?;
            proceed(cx, door, session.progress.proven_second(Method::Totp), user).await
        }
        (Awaits::FactorSetup(among), Some(email)) if among.contains(&Factor::Email) => {
            let given = [("email".to_owned(), email)].into();
            user.attributes.extend(attribute::check_values(&door.pool, &given, Write::Creation)?);
            session::spend_now(cx, &session).await?;
            let route = code::Route { medium: Medium::Email, purpose: CodePurpose::SetUp };
            Outcome::asks(code::begin(cx, door, route, (&user, &session.progress)).await?)
        }
        _ => Err(session::invalid()),
    }
}

/// A new secret for somebody in the middle of signing in, and the session to verify it with.
pub async fn associate(cx: &Cx, text: &str) -> Result<(String, String)> {
    let (door, session, user) = session::reopen(cx, text).await?;
    check_awaits_totp(&session)?;
    session::spend_now(cx, &session).await?;
    let secret = software_tokens::associate(cx, &door.pool, &user).await?;
    let awaits = session.awaits.clone();
    let next = Draft { subject: &Subject::of(&user), awaits, progress: &session.progress }.seal(cx, &door)?;
    Ok((secret, next))
}

/// The first code of that app. From then on it is asked for, even if this sign-in goes no further. Returns the session that
/// answers MFA_SETUP; after a wrong code the old one is still good.
pub async fn verify(cx: &Cx, text: &str, (code, name): (&str, Option<&str>)) -> Result<String> {
    let (door, session, user) = session::reopen(cx, text).await?;
    check_awaits_totp(&session)?;
    let mut tx = software_tokens::verify(cx, &door.pool, &user, (code, name)).await?;
    software_tokens::enable(&mut tx, &user).await?;
    session::spend(&mut tx, &session).await?;
    tx.commit().await?;
    let awaits = Awaits::FactorReady;
    Draft { subject: &Subject::of(&user), awaits, progress: &session.progress }.seal(cx, &door)
}

fn check_awaits_totp(session: &Session) -> Result<()> {
    match &session.awaits {
        Awaits::FactorSetup(among) if among.contains(&Factor::Totp) => Ok(()),
        _ => Err(session::invalid()),
    }
}
