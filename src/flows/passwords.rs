//! Passwords: made into credentials, and checked under the lock that repeated failures bring.

use std::time::Duration;

use super::Cx;
use crate::{
    domain::{
        Asker, Error, Pool, Result, User,
        user::{Credential, SrpVerifier},
    },
    keys::srp,
    kit::{ids::pool_name_of, secret::Secret},
    store,
};

const DAY: Duration = Duration::from_secs(86_400);

/// Makes what is kept of a new password, after the policy and the history agreed to it. Costs a hash and a modular power.
pub async fn credential(
    cx: &Cx,
    pool: &Pool,
    user: &User,
    password: &Secret,
    is_temporary: bool,
    asker: Asker,
) -> Result<Credential> {
    let policy = &pool.settings.policies.password_policy;
    policy.check(password.expose(), asker)?;
    let remembered = policy.password_history_size.unwrap_or(0) as usize;
    let history = history_without(cx, user, password, remembered).await?;
    let password_hash = cx.app.hasher.hash(password.clone()).await?;
    let salt = cx.random().bytes::<16>();
    let (pool_name, username, secret) = (pool_name_of(&pool.id).to_owned(), user.username.clone(), password.clone());
    let verifier = tokio::task::spawn_blocking(move || srp::verifier(&pool_name, &username, &secret, salt))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Credential {
        password_hash: Some(password_hash),
        srp: Some(SrpVerifier { salt: verifier.salt.to_vec(), verifier: verifier.v }),
        temporary_since: is_temporary.then(|| cx.now()),
        history,
    })
}

/// The hashes to remember beside the new one; an error when the password is among those that count.
async fn history_without(cx: &Cx, user: &User, password: &Secret, remembered: usize) -> Result<Vec<String>> {
    if remembered == 0 {
        return Ok(Vec::new());
    }
    let current = user.credential.password_hash.iter();
    let known: Vec<String> = current.chain(&user.credential.history).take(remembered).cloned().collect();
    for hash in &known {
        if cx.app.hasher.verify(password.clone(), hash.clone()).await? {
            return Err(Error::PasswordUsedBefore);
        }
    }
    // The new one is the first of those remembered.
    Ok(known.into_iter().take(remembered - 1).collect())
}

/// Checks a password. Wrong ones are counted, and the lock that they bring is looked at again right before the hash is
/// computed, while only as many hashes run as there are workers: a flood of guesses gets no more tries than a trickle.
pub async fn verify(cx: &Cx, user: &User, password: &Secret) -> Result<()> {
    let Some(hash) = user.credential.password_hash.clone() else {
        cx.app.hasher.decoy(password.clone()).await?;
        return Err(Error::WrongCredentials);
    };
    let permit = cx.app.hasher.permit().await;
    check_lock(cx, user).await?;
    let is_right = permit.verify(password.clone(), hash.clone()).await?;
    settle(cx, user, is_right).await?;
    if cx.app.hasher.needs_rehash(&hash) {
        let renewed = cx.app.hasher.hash(password.clone()).await?;
        let mut tx = cx.begin().await?;
        store::users::rehash(&mut tx, user, &hash, &renewed).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Refuses while the user is locked.
pub async fn check_lock(cx: &Cx, user: &User) -> Result<()> {
    let attempts = store::users::attempts(&mut cx.read().await?, user).await?;
    if attempts.is_locked(cx.now()) { Err(Error::PasswordAttemptsExceeded) } else { Ok(()) }
}

/// Counts a failure, or forgets the ones before a success.
pub async fn settle(cx: &Cx, user: &User, is_right: bool) -> Result<()> {
    if is_right && user.attempts.failures == 0 {
        return Ok(());
    }
    let mut tx = cx.begin().await?;
    if is_right {
        store::users::forget_failures(&mut tx, user).await?;
    } else {
        store::users::count_failure(&mut tx, user, cx.now()).await?;
    }
    tx.commit().await?;
    if is_right { Ok(()) } else { Err(Error::WrongCredentials) }
}

/// A temporary password works for as many days as the pool's policy says.
pub fn check_temporary(cx: &Cx, pool: &Pool, user: &User) -> Result<()> {
    let days = pool.settings.policies.password_policy.temporary_password_validity_days;
    match user.credential.temporary_since {
        Some(since) if cx.now() >= since.plus(DAY * days) && days > 0 => Err(Error::TemporaryPasswordExpired),
        _ => Ok(()),
    }
}
