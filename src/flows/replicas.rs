//! Replicas of a pool, as records: see [`replica`] for what they are not.

use std::collections::BTreeMap;

use super::{
    Cx,
    cursor::{self, Page},
    directory,
    pools::held,
};
use crate::{
    domain::{
        Error, Result,
        pool::check_tags,
        replica::{self, Replica, ReplicaStatus},
    },
    store,
};

/// Regions that a pool can have replicas in.
const MOST_REPLICAS: usize = 5;
const PAGE: usize = 60;
const ALL: i64 = 1_000;

pub async fn create(cx: &Cx, pool_id: &str, region: String, tags: BTreeMap<String, String>) -> Result<Replica> {
    let now = cx.now();
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, pool_id).await?;
    replica::check_region(&pool, &region)?;
    check_tags(&tags)?;
    let exists = || Error::InvalidParameter(format!("User pool {pool_id} already has a replica in {region}."));
    let present = store::replicas::page(&mut tx, pool_id, "", ALL).await?;
    if present.iter().any(|replica| replica.region == region) {
        return Err(exists());
    }
    if present.len() >= MOST_REPLICAS {
        return Err(Error::LimitExceeded(format!("A user pool has at most {MOST_REPLICAS} replicas.")));
    }
    let replica = Replica {
        pool_id: pool_id.to_owned(),
        region: region.clone(),
        status: ReplicaStatus::Inactive,
        tags,
        created_at: now,
    };
    if !store::replicas::insert(&mut tx, &replica).await? {
        return Err(exists());
    }
    tx.commit().await?;
    Ok(Replica { status: ReplicaStatus::Creating, ..replica })
}

/// `status` is active or inactive.
pub async fn set_status(cx: &Cx, pool_id: &str, region: &str, status: ReplicaStatus) -> Result<()> {
    directory::pool(cx, pool_id).await?;
    let mut tx = cx.single().await?;
    let is_changed = store::replicas::set_status(&mut tx, pool_id, region, status).await?;
    tx.commit().await?;
    if is_changed { Ok(()) } else { Err(unknown(pool_id, region)) }
}

/// A replica that takes users is made inactive first.
pub async fn delete(cx: &Cx, pool_id: &str, region: &str) -> Result<()> {
    directory::pool(cx, pool_id).await?;
    let mut tx = cx.begin().await?;
    if !store::replicas::delete_inactive(&mut tx, pool_id, region).await? {
        return Err(match store::replicas::status(&mut tx, pool_id, region).await? {
            Some(_) => Error::InvalidParameter(format!("The replica in {region} is active: make it inactive first.")),
            None => unknown(pool_id, region),
        });
    }
    tx.commit().await?;
    Ok(())
}

/// Without the pool itself, by region.
pub async fn list(cx: &Cx, pool_id: &str, cursor: Option<&str>) -> Result<Page<Replica>> {
    directory::pool(cx, pool_id).await?;
    let list = format!("replicas:{pool_id}");
    let after = cursor::open(cx, &list, cursor)?;
    let wanted = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let replicas = store::replicas::page(&mut cx.read().await?, pool_id, &after, wanted).await?;
    cursor::page(cx, &list, replicas, PAGE, |replica| replica.region.clone())
}

fn unknown(pool_id: &str, region: &str) -> Error {
    Error::NotFound(format!("User pool {pool_id} has no replica in {region}."))
}
