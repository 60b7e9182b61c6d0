//! Resource servers.

use std::collections::BTreeMap;

use super::{Doc, Result, Tx, row::row};
use crate::domain::ResourceServer;

row! {
    struct ResourceServerRow {
        pool_id: String,
        identifier: String,
        name: String,
        scopes: Doc<BTreeMap<String, String>>,
    }
}

impl From<ResourceServerRow> for ResourceServer {
    fn from(row: ResourceServerRow) -> Self {
        Self { pool_id: row.pool_id, identifier: row.identifier, name: row.name, scopes: row.scopes.0 }
    }
}

/// False when the pool has a resource server of this identifier.
pub async fn insert(tx: &mut Tx, server: &ResourceServer) -> Result<bool> {
    let inserted = tx
        .sql(
            "INSERT INTO resource_server (pool_id, identifier, name, scopes)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*server.pool_id)
        .bind(&*server.identifier)
        .bind(&*server.name)
        .bind(Doc(&server.scopes))
        .run()
        .await?;
    Ok(inserted == 1)
}

pub async fn find(tx: &mut Tx, pool_id: &str, identifier: &str) -> Result<Option<ResourceServer>> {
    let row = tx
        .sql("SELECT pool_id, identifier, name, scopes FROM resource_server WHERE pool_id = $1 AND identifier = $2")
        .bind(pool_id)
        .bind(identifier)
        .optional::<ResourceServerRow>()
        .await?;
    Ok(row.map(Into::into))
}

/// By identifier, from after `cursor`.
pub async fn page(tx: &mut Tx, pool_id: &str, cursor: &str, limit: i64) -> Result<Vec<ResourceServer>> {
    let rows = tx
        .sql(
            "SELECT pool_id, identifier, name, scopes
             FROM resource_server
             WHERE pool_id = $1 AND identifier > $2
             ORDER BY identifier
             LIMIT $3",
        )
        .bind(pool_id)
        .bind(cursor)
        .bind(limit)
        .all::<ResourceServerRow>()
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// False when there is none of this identifier.
pub async fn update(tx: &mut Tx, server: &ResourceServer) -> Result<bool> {
    let updated = tx
        .sql("UPDATE resource_server SET name = $3, scopes = $4 WHERE pool_id = $1 AND identifier = $2")
        .bind(&*server.pool_id)
        .bind(&*server.identifier)
        .bind(&*server.name)
        .bind(Doc(&server.scopes))
        .run()
        .await?;
    Ok(updated == 1)
}

pub async fn delete(tx: &mut Tx, pool_id: &str, identifier: &str) -> Result<bool> {
    let sql = "DELETE FROM resource_server WHERE pool_id = $1 AND identifier = $2";
    Ok(tx.sql(sql).bind(pool_id).bind(identifier).run().await? == 1)
}
