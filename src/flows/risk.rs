//! Threat protection: what administrators say of it, and what a sign-in meets of it. That are addresses which are refused, and a
//! judgement by the user's own past.

use std::sync::Arc;

use super::{Cx, clients, directory, pools::held};
use crate::{
    domain::{
        Client, Error, Pool, Result, User,
        error::PoolFault,
        risk::{
            PasswordUsage, Protection, RiskConfiguration, RiskSettings,
            judgement::{Past, Place, RECENT, Verdict},
        },
    },
    kit::secret::Secret,
    store,
};

/// Sign-ins whose places are known. What came before them may have been forgotten by the user as well.
const MOST_KNOWN: i64 = 100;
/// More than are counted, for some are no wrong proofs.
const MOST_FAILURES: i64 = 100;

/// The pool, if its threat protection is on.
pub async fn protected(cx: &Cx, pool_id: &str) -> Result<Arc<Pool>> {
    let pool = directory::pool(cx, pool_id).await?;
    check_protection(&pool)?;
    Ok(pool)
}

fn check_protection(pool: &Pool) -> Result<()> {
    match Protection::of(pool) {
        Protection::Off => Err(Error::PoolState(PoolFault::AddOnOff)),
        Protection::Audit | Protection::Enforced => Ok(()),
    }
}

/// What was set for exactly this; None when nothing was.
pub async fn describe(cx: &Cx, pool_id: &str, client_id: Option<&str>) -> Result<Option<RiskConfiguration>> {
    let pool = directory::pool(cx, pool_id).await?;
    if let Some(client_id) = client_id {
        directory::client_of(cx, pool_id, client_id).await?;
    }
    check_protection(&pool)?;
    let all = directory::risk(cx, pool_id).await?;
    Ok(all.iter().find(|configuration| configuration.client_id.as_deref() == client_id).cloned())
}

/// Replaces what was set. Settings that say nothing take it away: a client then has what its pool has. None when that happened.
pub async fn set(
    cx: &Cx,
    pool_id: &str,
    client_id: Option<&str>,
    settings: RiskSettings,
) -> Result<Option<RiskConfiguration>> {
    let now = cx.now();
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, pool_id).await?;
    if let Some(client_id) = client_id {
        clients::held_of(&mut tx, pool_id, client_id).await?;
    }
    check_protection(&pool)?;
    settings.check()?;
    let configuration = (settings != RiskSettings::default()).then(|| RiskConfiguration {
        pool_id: pool_id.to_owned(),
        client_id: client_id.map(str::to_owned),
        settings,
        modified_at: now,
    });
    match &configuration {
        Some(configuration) => store::risk::put(&mut tx, configuration).await?,
        None => store::risk::delete(&mut tx, pool_id, client_id).await.map(drop)?,
    }
    tx.commit().await?;
    cx.app.directory.forget_pool(pool_id);
    Ok(configuration)
}

/// Whether a sign-in is refused for where it comes from. Asked before anything else is: it tells nothing about anybody. Pools
/// that only watch refuse nobody, and for those that do not even watch nothing is read.
pub async fn is_blocked(cx: &Cx, pool: &Pool, client: &Client) -> Result<bool> {
    if Protection::of(pool) != Protection::Enforced {
        return Ok(false);
    }
    let Some(address) = cx.origin.user_address(Some(client)) else { return Ok(false) };
    Ok(settings_for(cx, client).await?.blocks(address))
}

/// What counts for those who come through `client`: its own settings, else its pool's.
pub async fn settings_for(cx: &Cx, client: &Client) -> Result<RiskSettings> {
    let all = directory::risk(cx, &client.pool_id).await?;
    let of = |client_id: Option<&str>| all.iter().find(|configuration| configuration.client_id.as_deref() == client_id);
    let configuration = of(Some(&client.id)).or_else(|| of(None));
    Ok(configuration.map(|configuration| configuration.settings.clone()).unwrap_or_default())
}

/// Whether a password that was proven or chosen is a stolen one. Where the pool refuses such, that is an error.
pub async fn is_compromised(
    cx: &Cx,
    pool: &Pool,
    client: &Client,
    (usage, password): (PasswordUsage, &Secret),
) -> Result<bool> {
    let protection = Protection::of(pool);
    if protection == Protection::Off || !cx.app.compromised.knows(password).await? {
        return Ok(false);
    }
    if protection == Protection::Audit || !settings_for(cx, client).await?.refuses_compromised(usage) {
        return Ok(true);
    }
    Err(match usage {
        PasswordUsage::SignIn => Error::CompromisedSignIn,
        PasswordUsage::SignUp | PasswordUsage::Change => Error::CompromisedPassword,
    })
}

/// Judges a sign-in through `client` of whoever has just proven to be `user`.
pub async fn judge(
    cx: &Cx,
    protection: Protection,
    client: &Client,
    (user, has_device): (&User, bool),
) -> Result<Verdict> {
    if protection == Protection::Off {
        return Ok(Verdict::default());
    }
    let address = cx.origin.user_address(Some(client));
    let settings = settings_for(cx, client).await?;
    if address.is_some_and(|address| settings.skips(address)) {
        return Ok(Verdict::default());
    }
    let of = (&*user.pool_id, &*user.sub);
    let mut tx = cx.read().await?;
    let known = store::auth_events::sign_ins(&mut tx, of, MOST_KNOWN).await?;
    let failures = store::auth_events::failures(&mut tx, of, cx.now().minus(RECENT), MOST_FAILURES).await?;
    drop(tx);
    let place = Place { address, device_name: cx.origin.device_name(), has_device };
    let level = Past::of(&place, &known, &failures).judge();
    Ok(match protection {
        Protection::Enforced => Verdict::enforced(level, &settings),
        Protection::Audit | Protection::Off => Verdict::watched(level),
    })
}
