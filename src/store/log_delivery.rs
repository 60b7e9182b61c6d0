//! Where a pool's logs would go.

use super::{Doc, Result, Tx, row::row};
use crate::domain::log_delivery::LogConfiguration;

row! {
    struct DeliveryRow {
        configurations: Doc<Vec<LogConfiguration>>,
    }
}

/// Empty when nothing was set.
pub async fn find(tx: &mut Tx, pool_id: &str) -> Result<Vec<LogConfiguration>> {
    let row = tx
        .sql("SELECT configurations FROM log_delivery WHERE pool_id = $1")
        .bind(pool_id)
        .optional::<DeliveryRow>()
        .await?;
    Ok(row.map(|row| row.configurations.0).unwrap_or_default())
}

pub async fn put(tx: &mut Tx, pool_id: &str, configurations: Vec<LogConfiguration>) -> Result<()> {
    tx.sql(
        "INSERT INTO log_delivery (pool_id, configurations)
         VALUES ($1, $2)
         ON CONFLICT (pool_id)
         DO UPDATE SET configurations = excluded.configurations",
    )
    .bind(pool_id)
    .bind(Doc(configurations))
    .run()
    .await?;
    Ok(())
}
