//! Limits that an administrator has provisioned, for each region.

use super::{Result, Tx};

/// None while the default counts.
pub async fn find(tx: &mut Tx, region: &str, category: &str) -> Result<Option<i64>> {
    let row = tx
        .sql("SELECT value FROM provisioned_limit WHERE region = $1 AND category = $2")
        .bind(region)
        .bind(category)
        .optional::<(i64,)>()
        .await?;
    Ok(row.map(|(value,)| value))
}

pub async fn put(tx: &mut Tx, region: &str, category: &str, value: i64) -> Result<()> {
    tx.sql(
        "INSERT INTO provisioned_limit (region, category, value)
         VALUES ($1, $2, $3)
         ON CONFLICT (region, category)
         DO UPDATE SET value = excluded.value",
    )
    .bind(region)
    .bind(category)
    .bind(value)
    .run()
    .await?;
    Ok(())
}
