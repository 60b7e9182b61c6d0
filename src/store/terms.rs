//! Terms of clients.

use super::{Doc, Result, Tx, row::row};
use crate::{
    domain::terms::{Links, Terms},
    kit::clock::Time,
};

row! {
    struct TermsRow {
        id: String,
        pool_id: String,
        client_id: String,
        name: String,
        links: Doc<Links>,
        created_at: i64,
        modified_at: i64,
    }
}

impl From<TermsRow> for Terms {
    fn from(row: TermsRow) -> Self {
        Self {
            id: row.id,
            pool_id: row.pool_id,
            client_id: row.client_id,
            name: row.name,
            links: row.links.0,
            created_at: Time::from_millis(row.created_at),
            modified_at: Time::from_millis(row.modified_at),
        }
    }
}

/// False when the client has terms of this name.
pub async fn insert(tx: &mut Tx, terms: &Terms) -> Result<bool> {
    let inserted = tx
        .sql(
            "INSERT INTO terms (id, pool_id, client_id, name, links, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*terms.id)
        .bind(&*terms.pool_id)
        .bind(&*terms.client_id)
        .bind(&*terms.name)
        .bind(Doc(terms.links.clone()))
        .bind(terms.created_at.millis())
        .bind(terms.modified_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

pub async fn find(tx: &mut Tx, pool_id: &str, id: &str) -> Result<Option<Terms>> {
    let row = tx
        .sql(
            "SELECT id, pool_id, client_id, name, links, created_at, modified_at
             FROM terms
             WHERE pool_id = $1 AND id = $2",
        )
        .bind(pool_id)
        .bind(id)
        .optional::<TermsRow>()
        .await?;
    Ok(row.map(Into::into))
}

/// Holds the terms until the transaction ends.
pub async fn find_for_update(tx: &mut Tx, pool_id: &str, id: &str) -> Result<Option<Terms>> {
    tx.sql("UPDATE terms SET id = id WHERE pool_id = $1 AND id = $2").bind(pool_id).bind(id).run().await?;
    find(tx, pool_id, id).await
}

/// Of a client: at most one of each name.
pub async fn of_client(tx: &mut Tx, client_id: &str) -> Result<Vec<Terms>> {
    let rows = tx
        .sql(
            "SELECT id, pool_id, client_id, name, links, created_at, modified_at
             FROM terms
             WHERE client_id = $1
             ORDER BY name DESC",
        )
        .bind(client_id)
        .all::<TermsRow>()
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// By id, from after `cursor`.
pub async fn page(tx: &mut Tx, pool_id: &str, cursor: &str, limit: i64) -> Result<Vec<Terms>> {
    let rows = tx
        .sql(
            "SELECT id, pool_id, client_id, name, links, created_at, modified_at
             FROM terms
             WHERE pool_id = $1 AND id > $2
             ORDER BY id
             LIMIT $3",
        )
        .bind(pool_id)
        .bind(cursor)
        .bind(limit)
        .all::<TermsRow>()
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// False when other terms of the client have this name. The row is there: it is held.
pub async fn update(tx: &mut Tx, terms: &Terms) -> Result<bool> {
    let updated = tx
        .sql(
            "UPDATE terms
             SET name = $2, links = $3, modified_at = $4
             WHERE id = $1
                   AND NOT EXISTS (SELECT 1 FROM terms o WHERE o.client_id = $5 AND o.name = $2 AND o.id <> $1)",
        )
        .bind(&*terms.id)
        .bind(&*terms.name)
        .bind(Doc(terms.links.clone()))
        .bind(terms.modified_at.millis())
        .bind(&*terms.client_id)
        .run()
        .await?;
    Ok(updated == 1)
}

pub async fn delete(tx: &mut Tx, pool_id: &str, id: &str) -> Result<bool> {
    let sql = "DELETE FROM terms WHERE pool_id = $1 AND id = $2";
    Ok(tx.sql(sql).bind(pool_id).bind(id).run().await? == 1)
}
