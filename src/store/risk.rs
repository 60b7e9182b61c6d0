//! What pools and clients do about risks.

use super::{Doc, Result, Tx, row::row};
use crate::{
    domain::risk::{RiskConfiguration, RiskSettings},
    kit::clock::Time,
};

/// The subject of what counts for clients without a configuration of their own.
const ALL: &str = "ALL";

row! {
    struct RiskRow {
        pool_id: String,
        client_id: Option<String>,
        settings: Doc<RiskSettings>,
        modified_at: i64,
    }
}

impl From<RiskRow> for RiskConfiguration {
    fn from(row: RiskRow) -> Self {
        Self {
            pool_id: row.pool_id,
            client_id: row.client_id,
            settings: row.settings.0,
            modified_at: Time::from_millis(row.modified_at),
        }
    }
}

/// Of the pool and of each client that has one.
pub async fn of_pool(tx: &mut Tx, pool_id: &str) -> Result<Vec<RiskConfiguration>> {
    let rows = tx
        .sql("SELECT pool_id, client_id, settings, modified_at FROM risk_configuration WHERE pool_id = $1")
        .bind(pool_id)
        .all::<RiskRow>()
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub async fn put(tx: &mut Tx, configuration: &RiskConfiguration) -> Result<()> {
    tx.sql(
        "INSERT INTO risk_configuration (pool_id, subject, client_id, settings, modified_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (pool_id, subject)
         DO UPDATE SET settings = excluded.settings, modified_at = excluded.modified_at",
    )
    .bind(&*configuration.pool_id)
    .bind(configuration.client_id.as_deref().unwrap_or(ALL))
    .bind(configuration.client_id.clone())
    .bind(Doc(configuration.settings.clone()))
    .bind(configuration.modified_at.millis())
    .run()
    .await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx, pool_id: &str, client_id: Option<&str>) -> Result<bool> {
    let sql = "DELETE FROM risk_configuration WHERE pool_id = $1 AND subject = $2";
    Ok(tx.sql(sql).bind(pool_id).bind(client_id.unwrap_or(ALL)).run().await? == 1)
}
