//! Domains of pools.

use std::collections::HashMap;

use super::{Doc, Result, Tx, row::row};
use crate::{
    domain::{
        PoolId,
        pool_domain::{DomainSettings, PoolDomain},
    },
    kit::clock::Time,
};

row! {
    struct DomainRow {
        name: String,
        pool_id: String,
        settings: Doc<DomainSettings>,
        modified_at: i64,
    }
}

impl From<DomainRow> for PoolDomain {
    fn from(row: DomainRow) -> Self {
        Self {
            name: row.name,
            pool_id: row.pool_id,
            settings: row.settings.0,
            modified_at: Time::from_millis(row.modified_at),
        }
    }
}

/// False when the name is taken, or the pool has a domain of this kind.
pub async fn insert(tx: &mut Tx, domain: &PoolDomain) -> Result<bool> {
    let inserted = tx
        .sql(
            "INSERT INTO pool_domain (name, pool_id, is_custom, settings, modified_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*domain.name)
        .bind(&*domain.pool_id)
        .bind(domain.is_custom())
        .bind(Doc(&domain.settings))
        .bind(domain.modified_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

pub async fn find(tx: &mut Tx, name: &str) -> Result<Option<PoolDomain>> {
    let row = tx
        .sql("SELECT name, pool_id, settings, modified_at FROM pool_domain WHERE name = $1")
        .bind(name)
        .optional::<DomainRow>()
        .await?;
    Ok(row.map(Into::into))
}

/// The prefix before the custom domain.
pub async fn of_pool(tx: &mut Tx, pool_id: &str) -> Result<Vec<PoolDomain>> {
    let rows = tx
        .sql("SELECT name, pool_id, settings, modified_at FROM pool_domain WHERE pool_id = $1 ORDER BY is_custom")
        .bind(pool_id)
        .all::<DomainRow>()
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Every domain's name and its pool.
pub async fn all(tx: &mut Tx) -> Result<HashMap<String, PoolId>> {
    let rows = tx.sql("SELECT name, pool_id FROM pool_domain").all::<(String, String)>().await?;
    Ok(rows.into_iter().collect())
}

/// False when the pool has no such domain.
pub async fn update(tx: &mut Tx, domain: &PoolDomain) -> Result<bool> {
    let updated = tx
        .sql("UPDATE pool_domain SET settings = $3, modified_at = $4 WHERE name = $1 AND pool_id = $2")
        .bind(&*domain.name)
        .bind(&*domain.pool_id)
        .bind(Doc(&domain.settings))
        .bind(domain.modified_at.millis())
        .run()
        .await?;
    Ok(updated == 1)
}

/// False when the pool has no such domain.
pub async fn delete(tx: &mut Tx, name: &str, pool_id: &str) -> Result<bool> {
    let sql = "DELETE FROM pool_domain WHERE name = $1 AND pool_id = $2";
    Ok(tx.sql(sql).bind(name).bind(pool_id).run().await? == 1)
}
