//! Passwords: made into credentials, and checked under the lock that repeated failures bring.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use super::Cx;
use crate::{
    domain::{
        Asker, Error, Pool, Result, User,
        user::{Credential, SrpVerifier},
    },
    keys::{seal::Purpose, srp},
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
    let temporary_since = is_temporary.then(|| cx.now());
    Ok(Credential { temporary_since, history, ..unjudged(cx, user, password).await? })
}

/// The same of a password that somebody has had elsewhere: the policy has no say.
pub async fn unjudged(cx: &Cx, user: &User, password: &Secret) -> Result<Credential> {
    kept(cx, user, password, cx.random().bytes()).await
}

/// What is kept of a password, with this salt for Secure Remote Password.
async fn kept(cx: &Cx, user: &User, password: &Secret, salt: [u8; 16]) -> Result<Credential> {
    let password_hash = cx.app.hasher.hash(password.clone()).await?;
    let (pool_name, username, secret) =
        (pool_name_of(&user.pool_id).to_owned(), user.username.clone(), password.clone());
    let verifier = tokio::task::spawn_blocking(move || srp::verifier(&pool_name, &username, &secret, salt))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Credential {
        password_hash: Some(password_hash),
        srp: Some(SrpVerifier { salt: verifier.salt.to_vec(), verifier: verifier.v }),
        ..Credential::default()
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

/// Checks a password under the lock of its user, and returns the hash that is kept of it: a new one where the cost was changed, or
/// where the hash was another system's. See [`Turns`] for what a flood of guesses gets.
pub async fn verify(cx: &Cx, user: &User, password: &Secret) -> Result<String> {
    let Some(hash) = user.credential.password_hash.clone() else {
        under_lock(cx, user, async {
            Box::pin(spend(cx, &user.pool_id, &user.username, password)).await.map(|()| false)
        })
        .await?;
        return Err(Error::WrongCredentials);
    };
    let guarded = async { Ok(cx.app.hasher.verify(password.clone(), hash.clone()).await?) };
    under_lock(cx, user, guarded).await?;
    if user.credential.imported_salt.is_none() && !cx.app.hasher.needs_rehash(&hash) {
        return Ok(hash);
    }
    // On the heap, because it is rare and large.
    Box::pin(renew(cx, user, password, &hash)).await
}

/// What is kept of a password from now on that was just verified against `hash`.
async fn renew(cx: &Cx, user: &User, password: &Secret, hash: &str) -> Result<String> {
    let (renewed, is_kept) = match &user.credential.imported_salt {
        Some(salt) => adopt(cx, user, password, (hash, salt)).await?,
        None => rehash(cx, user, password, hash).await?,
    };
    if is_kept {
        return Ok(renewed);
    }
    // The same was done beside this, or somebody has set another password. That has another salt.
    let current = store::users::by_sub(&mut cx.read().await?, &user.pool_id, &user.sub).await?;
    let current = current.filter(|current| current.credential.salt() == user.credential.salt());
    current.and_then(|current| current.credential.password_hash).ok_or(Error::WrongCredentials)
}

/// The hash of the same password at today's cost, and whether it has taken the place of the old one.
async fn rehash(cx: &Cx, user: &User, password: &Secret, hash: &str) -> Result<(String, bool)> {
    let renewed = cx.app.hasher.hash(password.clone()).await?;
    let mut tx = cx.begin().await?;
    let is_kept = store::users::rehash(&mut tx, user, hash, &renewed).await?;
    tx.commit().await?;
    Ok((renewed, is_kept))
}

/// Makes an imported password one of ours, now that it is known: with a hash at today's cost, and a verifier for Secure Remote
/// Password. The salt stays, so that what hangs on the password does.
async fn adopt(cx: &Cx, user: &User, password: &Secret, (hash, salt): (&str, &[u8])) -> Result<(String, bool)> {
    let salt =
        salt.try_into().map_err(|_| Error::Internal("the salt of an imported password is too short".to_owned()))?;
    let Credential { password_hash, srp, .. } = kept(cx, user, password, salt).await?;
    let mut user = user.clone();
    user.credential = Credential { password_hash, srp, imported_salt: None, ..user.credential };
    let mut tx = cx.begin().await?;
    let is_kept = store::users::adopt(&mut tx, &user, hash).await?;
    tx.commit().await?;
    Ok((user.credential.password_hash.unwrap_or_default(), is_kept))
}

/// Spends the time of a verification for somebody who has no password, or who is nobody. Imported hashes cost what they cost, so
/// this is the cost of a user's whom the name leads to, and always of the same one's: among those whom nobody is called, each cost
/// is as common as among the users, and tells nothing.
async fn spend(cx: &Cx, pool_id: &str, name: &str, password: &Secret) -> Result<()> {
    let place = cx.app.sealer.mac(Purpose::FakeUser, format!("cost\0{pool_id}\0{name}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&place[..16]);
    let place = uuid::Builder::from_random_bytes(bytes).into_uuid().to_string();
    let hash = store::users::hash_near(&mut cx.read().await?, pool_id, &place).await?;
    match hash {
        // Whether it is that user's password is nobody's business here.
        Some(hash) => cx.app.hasher.verify(password.clone(), hash).await.map(drop)?,
        None => cx.app.hasher.decoy(password.clone()).await?,
    }
    Ok(())
}

/// Lets `proof` decide whether the password is known, unless failures have locked the user. A failure counts; a success
/// forgets those before it.
pub async fn under_lock(cx: &Cx, user: &User, proof: impl Future<Output = Result<bool>>) -> Result<()> {
    let _turn = cx.app.turns.take(&user.sub).await;
    let attempts = store::users::attempts(&mut cx.read().await?, user).await?;
    if attempts.is_locked(cx.now()) {
        return Err(Error::PasswordAttemptsExceeded);
    }
    let is_right = proof.await?;
    if is_right && attempts.failures == 0 {
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

/// What a wrong password for somebody who does not exist costs: the same time, and the same lock, so that neither tells.
pub async fn verify_nobody(cx: &Cx, pool: &Pool, username: &str, password: &Secret) -> Result<()> {
    let name = store::users::key(pool, username);
    nobody_under_lock(cx, pool, username, Box::pin(spend(cx, &pool.id, &name, password))).await
}

/// Never succeeds. `work` is what checking a real proof would have cost.
pub async fn nobody_under_lock(
    cx: &Cx,
    pool: &Pool,
    username: &str,
    work: impl Future<Output = Result<()>>,
) -> Result<()> {
    let subject = format!("login:{}:{}", pool.id, store::users::key(pool, username));
    let _turn = cx.app.turns.take(&subject).await;
    let attempts = store::codes::failures_of_nobody(&mut cx.read().await?, &subject).await?;
    if attempts.is_locked(cx.now()) {
        return Err(Error::PasswordAttemptsExceeded);
    }
    work.await?;
    let mut tx = cx.begin().await?;
    store::codes::count_failure_of_nobody(&mut tx, &subject, cx.now()).await?;
    tx.commit().await?;
    Err(Error::WrongCredentials)
}

/// Turns at proving a password: one at a time for each user in this process. So a flood of guesses for one account is counted
/// guess by guess, and no more are looked at than the lock allows, plus one for each further instance.
pub struct Turns {
    stripes: Vec<tokio::sync::Mutex<()>>,
    /// Keyed anew at each start, so that nobody can choose names that share a turn with somebody's.
    hasher: RandomState,
}

impl Turns {
    /// Users share turns by hash; with this many, two that sign in at once seldom meet.
    const STRIPES: usize = 1024;

    pub fn new() -> Self {
        let stripes = (0..Self::STRIPES).map(|_| tokio::sync::Mutex::new(())).collect();
        Self { stripes, hasher: RandomState::new() }
    }

    /// Waits for the turn of whoever `of` names.
    pub async fn take(&self, of: &str) -> tokio::sync::MutexGuard<'_, ()> {
        self.stripes[(self.hasher.hash_one(of) % Self::STRIPES as u64) as usize].lock().await
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self::new()
    }
}

/// A temporary password works for as many days as the pool's policy says.
pub fn check_temporary(cx: &Cx, pool: &Pool, user: &User) -> Result<()> {
    let days = pool.settings.policies.password_policy.temporary_password_validity_days;
    match user.credential.temporary_since {
        Some(since) if cx.now() >= since.plus(DAY * days) && days > 0 => Err(Error::TemporaryPasswordExpired),
        _ => Ok(()),
    }
}
