//! Addresses that wait for their code, in pools that keep the old one until then.

use super::{Result, Tx, row::row};
use crate::domain::user::{Attributes, User};

row! {
    struct PendingRow {
        name: String,
        value: String,
    }
}

/// By attribute: `email`, `phone_number`.
pub async fn of(tx: &mut Tx, user: &User) -> Result<Attributes> {
    let rows = tx
        .sql("SELECT name, value FROM pending_attribute WHERE pool_id = $1 AND sub = $2")
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .all::<PendingRow>()
        .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
}

/// A newer value takes the place of an older one.
pub async fn put(tx: &mut Tx, user: &User, name: &str, value: &str) -> Result<()> {
    tx.sql(
        "INSERT INTO pending_attribute (pool_id, sub, name, value)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (pool_id, sub, name) DO UPDATE SET value = excluded.value",
    )
    .bind(&*user.pool_id)
    .bind(&*user.sub)
    .bind(name)
    .bind(value)
    .run()
    .await?;
    Ok(())
}

pub async fn remove(tx: &mut Tx, user: &User, name: &str) -> Result<()> {
    tx.sql("DELETE FROM pending_attribute WHERE pool_id = $1 AND sub = $2 AND name = $3")
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(name)
        .run()
        .await?;
    Ok(())
}
