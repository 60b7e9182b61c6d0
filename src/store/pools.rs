//! Pools.

use super::{Doc, Result, Tx, row::row};
use crate::{
    domain::pool::{Pool, PoolSettings},
    kit::clock::Time,
};

row! {
    struct PoolRow {
        id: String,
        name: String,
        strict_oidc: bool,
        settings: Doc<PoolSettings>,
        created_at: i64,
        modified_at: i64,
    }
}

impl From<PoolRow> for Pool {
    fn from(row: PoolRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            strict_oidc: row.strict_oidc,
            settings: row.settings.0,
            created_at: Time::from_millis(row.created_at),
            modified_at: Time::from_millis(row.modified_at),
        }
    }
}

/// False when a pool of this id exists.
pub async fn insert(tx: &mut Tx, pool: &Pool) -> Result<bool> {
    let inserted = tx
        .sql(
            "INSERT INTO pool (id, name, strict_oidc, settings, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*pool.id)
        .bind(&*pool.name)
        .bind(pool.strict_oidc)
        .bind(Doc(&pool.settings))
        .bind(pool.created_at.millis())
        .bind(pool.modified_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<Pool>> {
    let row = tx
        .sql("SELECT id, name, strict_oidc, settings, created_at, modified_at FROM pool WHERE id = $1")
        .bind(id)
        .optional::<PoolRow>()
        .await?;
    Ok(row.map(Into::into))
}

/// Holds the pool until the transaction ends, so that what is read and written back is not changed between.
pub async fn find_for_update(tx: &mut Tx, id: &str) -> Result<Option<Pool>> {
    tx.sql("UPDATE pool SET id = id WHERE id = $1").bind(id).run().await?;
    find(tx, id).await
}

/// Of every pool.
pub async fn ids(tx: &mut Tx) -> Result<Vec<String>> {
    let rows = tx.sql("SELECT id FROM pool ORDER BY id").all::<(String,)>().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// By id, from after `cursor`.
pub async fn page(tx: &mut Tx, cursor: &str, limit: i64) -> Result<Vec<Pool>> {
    let rows = tx
        .sql(
            "SELECT id, name, strict_oidc, settings, created_at, modified_at
             FROM pool
             WHERE id > $1
             ORDER BY id
             LIMIT $2",
        )
        .bind(cursor)
        .bind(limit)
        .all::<PoolRow>()
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// False when there is no such pool.
pub async fn update(tx: &mut Tx, pool: &Pool) -> Result<bool> {
    let updated = tx
        .sql("UPDATE pool SET name = $2, strict_oidc = $3, settings = $4, modified_at = $5 WHERE id = $1")
        .bind(&*pool.id)
        .bind(&*pool.name)
        .bind(pool.strict_oidc)
        .bind(Doc(&pool.settings))
        .bind(pool.modified_at.millis())
        .run()
        .await?;
    Ok(updated == 1)
}

/// Removes the pool and everything in it.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<bool> {
    Ok(tx.sql("DELETE FROM pool WHERE id = $1").bind(id).run().await? == 1)
}
