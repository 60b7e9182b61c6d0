//! Replicas of pools.

use std::collections::BTreeMap;

use super::{Doc, Result, StoreError, Tx, row::row};
use crate::{
    domain::replica::{Replica, ReplicaStatus},
    kit::clock::Time,
};

row! {
    struct ReplicaRow {
        pool_id: String,
        region: String,
        status: String,
        tags: Doc<BTreeMap<String, String>>,
        created_at: i64,
    }
}

impl TryFrom<ReplicaRow> for Replica {
    type Error = StoreError;

    fn try_from(row: ReplicaRow) -> Result<Self> {
        Ok(Self {
            pool_id: row.pool_id,
            region: row.region,
            status: ReplicaStatus::from_name(&row.status).ok_or(StoreError::Corrupt("status of a replica"))?,
            tags: row.tags.0,
            created_at: Time::from_millis(row.created_at),
        })
    }
}

/// False when the pool has a replica in this region.
pub async fn insert(tx: &mut Tx, replica: &Replica) -> Result<bool> {
    let inserted = tx
        .sql(
            "INSERT INTO pool_replica (pool_id, region, status, tags, created_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*replica.pool_id)
        .bind(&*replica.region)
        .bind(replica.status.name())
        .bind(Doc(replica.tags.clone()))
        .bind(replica.created_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

/// By region, from after `cursor`.
pub async fn page(tx: &mut Tx, pool_id: &str, cursor: &str, limit: i64) -> Result<Vec<Replica>> {
    let rows = tx
        .sql(
            "SELECT pool_id, region, status, tags, created_at
             FROM pool_replica
             WHERE pool_id = $1 AND region > $2
             ORDER BY region
             LIMIT $3",
        )
        .bind(pool_id)
        .bind(cursor)
        .bind(limit)
        .all::<ReplicaRow>()
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// False when there is none in this region.
pub async fn set_status(tx: &mut Tx, pool_id: &str, region: &str, status: ReplicaStatus) -> Result<bool> {
    let sql = "UPDATE pool_replica SET status = $3 WHERE pool_id = $1 AND region = $2";
    Ok(tx.sql(sql).bind(pool_id).bind(region).bind(status.name()).run().await? == 1)
}

row! {
    struct StatusRow {
        status: String,
    }
}

/// Deletes a replica that is not active, and says whether there was one.
pub async fn delete_inactive(tx: &mut Tx, pool_id: &str, region: &str) -> Result<bool> {
    let sql = "DELETE FROM pool_replica WHERE pool_id = $1 AND region = $2 AND status <> $3";
    Ok(tx.sql(sql).bind(pool_id).bind(region).bind(ReplicaStatus::Active.name()).run().await? == 1)
}

pub async fn status(tx: &mut Tx, pool_id: &str, region: &str) -> Result<Option<ReplicaStatus>> {
    let row = tx
        .sql("SELECT status FROM pool_replica WHERE pool_id = $1 AND region = $2")
        .bind(pool_id)
        .bind(region)
        .optional::<StatusRow>()
        .await?;
    row.map(|row| ReplicaStatus::from_name(&row.status).ok_or(StoreError::Corrupt("status of a replica"))).transpose()
}
