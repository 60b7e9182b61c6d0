//! Threat protection from the administrator's side, and the one thing of it that a sign-in meets: addresses that are refused.

use std::sync::Arc;

use super::{Cx, clients, directory, pools::held};
use crate::{
    domain::{
        Client, Error, Pool, Result,
        error::PoolFault,
        risk::{Protection, RiskConfiguration, RiskSettings},
    },
    store,
};

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
    let all = directory::risk(cx, &pool.id).await?;
    let of = |client_id: Option<&str>| all.iter().find(|configuration| configuration.client_id.as_deref() == client_id);
    let configuration = of(Some(&client.id)).or_else(|| of(None));
    Ok(configuration.is_some_and(|configuration| configuration.settings.blocks(address)))
}
