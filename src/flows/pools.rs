//! Pools from the administrator's side: made, changed, described, tagged, deleted, and applied from a configuration file.
//!
//! What a pool's settings may be is decided in [`PoolSettings`]; here they meet the pool that exists.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    Applied, Cx,
    cursor::{self, Page},
    directory, key_ring,
};
use crate::{
    domain::{
        Error, Pool, PoolId, Result,
        attribute::{self, SchemaAttribute},
        error::PoolFault,
        pool::{DeletionProtection, Members, MfaConfig, PoolSettings, check_tags},
        session::PoolSessions,
    },
    kit::ids,
    model::MODEL,
    store::{self, Tx},
};

/// A tag that gives a new pool its id, so that scripts need not look for it. With or without the region in front.
const CUSTOM_ID: &str = "_custom_id_";
const LONGEST_ID: usize = 55;
const LIST: &str = "pools";

/// Makes a pool. Its keys are made in the background.
pub async fn create(cx: &Cx, members: Members) -> Result<Pool> {
    let mut members = MODEL.pruned("CreateUserPoolRequest", members);
    let name = take_name(&mut members).unwrap_or_default();
    let settings = PoolSettings::requested(members)?;
    let id = match settings.user_pool_tags.get(CUSTOM_ID) {
        Some(wanted) => custom_id(&cx.region, wanted)?,
        None => ids::pool_id(cx.random(), &cx.region),
    };
    let now = cx.now();
    insert(cx, Pool { id, name, strict_oidc: false, settings, created_at: now, modified_at: now }).await
}

async fn insert(cx: &Cx, pool: Pool) -> Result<Pool> {
    let mut tx = cx.begin().await?;
    if !store::pools::insert(&mut tx, &pool).await? {
        return Err(Error::InvalidParameter(format!("User pool {} already exists.", pool.id)));
    }
    tx.commit().await?;
    cx.app.directory.forget_pool(&pool.id);
    key_ring::prepare(cx, &pool.id);
    Ok(pool)
}

fn take_name(members: &mut Members) -> Option<String> {
    match members.remove("PoolName") {
        Some(Value::String(name)) => Some(name),
        _ => None,
    }
}

/// Clients split an id at its only underscore.
fn custom_id(region: &str, wanted: &str) -> Result<PoolId> {
    let id = if wanted.contains('_') { wanted.to_owned() } else { format!("{region}_{wanted}") };
    let is_region = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    match id.split_once('_') {
        Some((region, name)) if is_region(region) && is_name(name) && id.len() <= LONGEST_ID => Ok(id),
        _ => Err(Error::InvalidParameter(format!(
            "{CUSTOM_ID} {wanted} is no user pool id: letters and digits, with or without a region and an underscore in front"
        ))),
    }
}

/// Replaces the settings; what the call does not name falls back to its default.
pub async fn update(cx: &Cx, pool_id: &str, members: Members) -> Result<()> {
    let mut members = MODEL.pruned("UpdateUserPoolRequest", members);
    members.remove("UserPoolId");
    change_at_rest(cx, pool_id, |pool| {
        if let Some(name) = take_name(&mut members) {
            pool.name = name;
        }
        pool.settings = pool.settings.replaced(std::mem::take(&mut members))?;
        Ok(())
    })
    .await
    .map(|_| ())
}

/// Says what is asked for after the first factor; what the call does not name stays as it is. Returns the whole.
pub async fn set_second_factors(cx: &Cx, pool_id: &str, members: Members) -> Result<Members> {
    let mut members = MODEL.pruned("SetUserPoolMfaConfigRequest", members);
    members.remove("UserPoolId");
    let wanted = MfaConfig::requested(members)?;
    let set = |pool: &mut Pool| {
        pool.settings = pool.settings.with_second_factors(wanted)?;
        Ok(())
    };
    Ok(change(cx, pool_id, set).await?.settings.second_factors())
}

/// Changes the pool while nobody else does.
async fn change(cx: &Cx, pool_id: &str, how: impl FnOnce(&mut Pool) -> Result<()>) -> Result<Pool> {
    change_in(cx, cx.begin().await?, pool_id, how).await
}

/// The same, refused while users are imported into the pool.
async fn change_at_rest(cx: &Cx, pool_id: &str, how: impl FnOnce(&mut Pool) -> Result<()>) -> Result<Pool> {
    let mut tx = cx.begin().await?;
    held(&mut tx, pool_id).await?;
    refuse_during_import(&mut tx, pool_id).await?;
    change_in(cx, tx, pool_id, how).await
}

/// An import reads the settings when it begins. The caller holds the pool, so that none begins now.
async fn refuse_during_import(tx: &mut Tx, pool_id: &str) -> Result<()> {
    if store::import_jobs::is_running(tx, pool_id).await? {
        return Err(Error::PoolState(PoolFault::ImportInProgress));
    }
    Ok(())
}

async fn change_in(cx: &Cx, mut tx: Tx, pool_id: &str, how: impl FnOnce(&mut Pool) -> Result<()>) -> Result<Pool> {
    let mut pool = held(&mut tx, pool_id).await?;
    how(&mut pool)?;
    pool.modified_at = cx.now();
    store::pools::update(&mut tx, &pool).await?;
    tx.commit().await?;
    cx.app.directory.forget_pool(pool_id);
    Ok(pool)
}

/// The pool, held until the transaction ends.
pub(super) async fn held(tx: &mut Tx, pool_id: &str) -> Result<Pool> {
    store::pools::find_for_update(tx, pool_id).await?.ok_or_else(|| Error::NoSuchPool(pool_id.to_owned()))
}

/// Deletes the pool with everything in it, unless it is protected or has a domain.
pub async fn delete(cx: &Cx, pool_id: &str) -> Result<()> {
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, pool_id).await?;
    if pool.settings.deletion_protection == Some(DeletionProtection::Active) {
        return Err(Error::InvalidParameter(
            "The user pool cannot be deleted because deletion protection is activated. \
             Deletion protection must be inactivated first."
                .into(),
        ));
    }
    refuse_during_import(&mut tx, pool_id).await?;
    if !store::domains::of_pool(&mut tx, pool_id).await?.is_empty() {
        return Err(Error::InvalidParameter(
            "User pool cannot be deleted. It has a domain configured that should be deleted first.".into(),
        ));
    }
    let clients = store::clients::ids(&mut tx, pool_id).await?;
    store::pools::delete(&mut tx, pool_id).await?;
    tx.commit().await?;
    cx.app.directory.forget_pool(pool_id);
    cx.app.key_ring.forget(pool_id);
    cx.app.population.forget(pool_id);
    for client in clients {
        cx.app.directory.forget_client(&client);
    }
    Ok(())
}

/// A page of the pools of the call's region.
pub async fn list(cx: &Cx, limit: usize, cursor: Option<&str>) -> Result<Page<Pool>> {
    let list = format!("{LIST}:{}", cx.region);
    let mut after = cursor::open(cx, &list, cursor)?;
    let wanted = limit + 1;
    let mut found = Vec::new();
    let mut tx = cx.read().await?;
    while found.len() < wanted {
        let batch = store::pools::page(&mut tx, &after, i64::try_from(wanted).unwrap_or(i64::MAX)).await?;
        let Some(last) = batch.last() else { break };
        after.clone_from(&last.id);
        found.extend(batch.into_iter().filter(|pool| !ids::is_abroad(&pool.id, &cx.region)));
    }
    found.truncate(wanted);
    drop(tx);
    cursor::page(cx, &list, found, limit, |pool| pool.id.clone())
}

/// Of every pool.
pub async fn all_ids(cx: &Cx) -> Result<Vec<PoolId>> {
    Ok(store::pools::ids(&mut cx.read().await?).await?)
}

/// Sets what the pool does about sessions.
pub(super) async fn set_sessions(cx: &Cx, pool_id: &str, sessions: PoolSessions) -> Result<()> {
    let set = |pool: &mut Pool| {
        pool.settings.sessions = Some(sessions);
        Ok(())
    };
    change(cx, pool_id, set).await.map(|_| ())
}

/// Adds attributes to the schema. Nothing takes them away again.
pub async fn add_custom_attributes(cx: &Cx, pool_id: &str, attributes: Vec<SchemaAttribute>) -> Result<()> {
    let add = |pool: &mut Pool| {
        attributes.into_iter().try_for_each(|attribute| attribute::add_custom(&mut pool.settings.schema, attribute))
    };
    change_at_rest(cx, pool_id, add).await.map(|_| ())
}

/// The pool that an ARN names, in this account.
async fn by_arn(cx: &Cx, arn: &str) -> Result<Arc<Pool>> {
    let id = arn.rsplit_once(":userpool/").map(|(_, id)| id).filter(|_| arn.contains(":cognito-idp:"));
    let Some(id) = id else {
        return Err(Error::InvalidParameter(format!("{arn} is not the ARN of a user pool.")));
    };
    let pool = directory::pool(cx, id).await?;
    if pool.arn(&cx.app.setup.account_id) != arn {
        return Err(Error::NoSuchPool(id.to_owned()));
    }
    Ok(pool)
}

pub async fn tags(cx: &Cx, arn: &str) -> Result<BTreeMap<String, String>> {
    Ok(by_arn(cx, arn).await?.settings.user_pool_tags.clone())
}

/// Adds tags; a tag of the same key is replaced.
pub async fn tag(cx: &Cx, arn: &str, tags: BTreeMap<String, String>) -> Result<()> {
    let pool = by_arn(cx, arn).await?;
    change_tags(cx, &pool.id, |present| present.extend(tags)).await
}

/// Keys without a tag are passed over.
pub async fn untag(cx: &Cx, arn: &str, keys: &[String]) -> Result<()> {
    let pool = by_arn(cx, arn).await?;
    change_tags(cx, &pool.id, |present| present.retain(|key, _| !keys.contains(key))).await
}

async fn change_tags(cx: &Cx, pool_id: &str, how: impl FnOnce(&mut BTreeMap<String, String>)) -> Result<()> {
    let retag = |pool: &mut Pool| {
        how(&mut pool.settings.user_pool_tags);
        check_tags(&pool.settings.user_pool_tags)
    };
    change(cx, pool_id, retag).await.map(|_| ())
}

/// A pool as a configuration file wants it.
#[derive(Clone, Debug)]
pub struct DesiredPool {
    pub id: PoolId,
    pub name: String,
    /// `oidc = "strict"`.
    pub strict_oidc: bool,
    /// CreateUserPool's members. They fit its shape.
    pub settings: Members,
    /// SetUserPoolMfaConfig's members. Without them second factors stay as they are.
    pub second_factors: Option<Members>,
}

impl DesiredPool {
    /// The settings that a pool with `current` ones is to have.
    fn settings_over(&self, current: Option<&PoolSettings>) -> Result<PoolSettings> {
        let mut members = MODEL.pruned("CreateUserPoolRequest", self.settings.clone());
        members.remove("PoolName");
        let settings = match current {
            Some(current) => current.applied(members)?,
            None => PoolSettings::requested(members)?,
        };
        match &self.second_factors {
            Some(factors) => {
                settings.with_only_second_factors(MODEL.pruned("SetUserPoolMfaConfigRequest", factors.clone()))
            }
            None => Ok(settings),
        }
    }
}

/// Makes the pool what the file says, and nothing else. Members that can never change must be as they are; new custom attributes
/// of `Schema` are added.
pub async fn apply(cx: &Cx, desired: DesiredPool) -> Result<Applied> {
    let id = desired.id.clone();
    let Some(current) = store::pools::find(&mut cx.read().await?, &id).await? else {
        let settings = desired.settings_over(None)?;
        let (now, strict_oidc) = (cx.now(), desired.strict_oidc);
        insert(cx, Pool { id, name: desired.name, strict_oidc, settings, created_at: now, modified_at: now }).await?;
        return Ok(Applied::Created);
    };
    let is_named_so = current.name == desired.name && current.strict_oidc == desired.strict_oidc;
    if is_named_so && desired.settings_over(Some(&current.settings))? == current.settings {
        return Ok(Applied::Unchanged);
    }
    let make = |pool: &mut Pool| {
        pool.settings = desired.settings_over(Some(&pool.settings))?;
        pool.name = desired.name;
        pool.strict_oidc = desired.strict_oidc;
        Ok(())
    };
    change(cx, &id, make).await?;
    Ok(Applied::Changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_id_gets_its_region_once() {
        assert_eq!(custom_id("us-east-1", "Mine").unwrap(), "us-east-1_Mine");
        assert_eq!(custom_id("us-east-1", "eu-west-1_Mine").unwrap(), "eu-west-1_Mine");
        for wanted in ["", "a_b_c", "_a", "a_", "ä", "a b", &"a".repeat(60)] {
            assert!(custom_id("us-east-1", wanted).is_err(), "{wanted}");
        }
    }
}
