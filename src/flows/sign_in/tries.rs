//! Guesses at codes: how many a session has, and the lock that repeated failures bring to its user in every session.

use super::{Cx, Door, session};
use crate::{
    domain::{
        Error, Result,
        challenge::{Progress, Session},
        error::FactorFault,
    },
    flows::{codes, per_address},
    store,
};

/// Wrong codes after which a session is dead, and a custom sign-in too.
pub(super) const MOST_IN_A_SESSION: i64 = 5;
/// Messages that the sign-ins of one user bring in an hour.
const MOST_MESSAGES: i64 = 30;

/// Lets `proof` decide, as long as the session has tries left and failures have not locked its user. A guess counts before it is
/// looked at: those that come at the same time count too. Guesses during the lock count for nothing.
pub(super) async fn under_lock(cx: &Cx, session: &Session, proof: impl Future<Output = Result<()>>) -> Result<()> {
    let lock = lock_of(session);
    let _turn = cx.app.turns.take(&lock).await;
    let failures = store::codes::failures_of_nobody(&mut cx.read().await?, &lock).await?;
    if failures.is_locked(cx.now()) {
        return Err(Error::PasswordAttemptsExceeded);
    }
    count(cx, session).await?;
    let outcome = proof.await;
    let mut tx = cx.begin().await?;
    match &outcome {
        Ok(()) if failures.failures == 0 => return outcome,
        Ok(()) => store::codes::forget_attempts(&mut tx, &lock).await?,
        Err(Error::SecondFactor(FactorFault::Code | FactorFault::Totp)) => {
            store::codes::count_failure_of_nobody(&mut tx, &lock, cx.now()).await?
        }
        Err(_) => return outcome,
    }
    tx.commit().await?;
    outcome
}

fn lock_of(session: &Session) -> String {
    let subject = session.subject.sub.as_ref().unwrap_or(&session.subject.login);
    format!("{}-factor:{}:{subject}", stage(&session.progress), session.pool_id)
}

/// A first and a second factor are counted apart: who guesses at the one does not keep the user from the other. Where a custom
/// sign-in asks for a second factor of somebody who has proven nothing else, that is a first one.
fn stage(progress: &Progress) -> &'static str {
    if progress.first.is_none() { "first" } else { "second" }
}

async fn count(cx: &Cx, session: &Session) -> Result<()> {
    let mut tx = cx.begin().await?;
    let subject = format!("session:{}", session.id);
    let count = store::codes::count_attempt(&mut tx, &subject, cx.now(), session.expires_at).await?;
    tx.commit().await?;
    if count > MOST_IN_A_SESSION { Err(session::invalid()) } else { Ok(()) }
}

/// Counts a message that a sign-in of `subject` brings. The service declares no LimitExceededException here.
/// One that comes before anything was proven goes to whoever is named, and counts for the address that names them.
pub(super) async fn count_message(cx: &Cx, door: &Door, subject: &str, progress: &Progress) -> Result<()> {
    if progress.first.is_none() {
        per_address::count_code(cx, Some(&door.client)).await?;
    }
    let subject = format!("send:{}-factor:{}:{subject}", stage(progress), door.pool.id);
    codes::limit(cx, &subject, MOST_MESSAGES).await.map_err(|error| match error {
        Error::AttemptLimitExceeded => Error::TooManyRequests,
        other => other,
    })
}
