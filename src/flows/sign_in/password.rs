//! The password itself, in one call or after it was chosen.

use super::{Cx, Door, Outcome, Start, check_state_by_password, meet, missing, proceed, session, session::Opened};
use crate::{
    domain::{
        Error, Result, User,
        challenge::{FirstProof, Progress},
        risk::PasswordUsage,
    },
    flows::{passwords, risk},
    kit::secret::Secret,
};

pub(super) async fn begin(cx: &Cx, door: &Door, start: Start) -> Result<Outcome> {
    let password = start.password.as_ref().filter(|password| !password.expose().is_empty());
    let password: &Secret = password.ok_or_else(|| missing("PASSWORD"))?;
    let user = meet(cx, door, &start).await?;
    if let Some(user) = &user {
        check_state_by_password(door, user)?;
    }
    let (user, progress) = prove(cx, door, start.progress(), user, (&start.username, password)).await?;
    proceed(cx, door, progress, user).await
}

/// PASSWORD, and the password that came with the choice of it. A wrong one leaves the session as it is: the lock of passwords
/// limits the tries.
pub(super) async fn answer(cx: &Cx, door: &Door, opened: Opened, password: &Secret) -> Result<Outcome> {
    let Opened { session, user } = opened;
    if password.expose().is_empty() {
        return Err(missing("PASSWORD"));
    }
    let progress = session.progress.clone();
    let (user, progress) = prove(cx, door, progress, user, (&session.subject.login, password)).await?;
    session::spend_now(cx, &session).await?;
    proceed(cx, door, progress, user).await
}

/// Whose password it is, and how far that takes them. A password for the name of nobody is looked at for as long.
pub(super) async fn prove(
    cx: &Cx,
    door: &Door,
    progress: Progress,
    user: Option<User>,
    (username, password): (&str, &Secret),
) -> Result<(User, Progress)> {
    let Some(user) = user else {
        passwords::verify_nobody(cx, &door.pool, username, password).await?;
        return Err(Error::WrongCredentials);
    };
    passwords::verify(cx, &user, password).await?;
    let is_compromised = risk::is_compromised(cx, &door.pool, &door.client, (PasswordUsage::SignIn, password)).await?;
    Ok((user, Progress { is_compromised, ..progress.proven(FirstProof::Password) }))
}
