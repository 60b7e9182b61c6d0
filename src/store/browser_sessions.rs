//! Browser sessions of the hosted pages. The cookie's value itself is never stored, only its hash.

use super::{Result, Tx, row::row};
use crate::kit::clock::Time;

row! {
    struct SessionRow {
        data: String,
    }
}

/// False when a session of this hash exists.
pub async fn insert(tx: &mut Tx, hash: &[u8], data: &str, expires_at: Time) -> Result<bool> {
    let inserted = tx
        .sql("INSERT INTO browser_session (hash, data, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(hash.to_vec())
        .bind(data)
        .bind(expires_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

/// Writes an existing session, or one that was removed meanwhile.
pub async fn save(tx: &mut Tx, hash: &[u8], data: &str, expires_at: Time) -> Result<()> {
    tx.sql(
        "INSERT INTO browser_session (hash, data, expires_at)
         VALUES ($1, $2, $3)
         ON CONFLICT (hash) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at",
    )
    .bind(hash.to_vec())
    .bind(data)
    .bind(expires_at.millis())
    .run()
    .await?;
    Ok(())
}

pub async fn find(tx: &mut Tx, hash: &[u8], now: Time) -> Result<Option<String>> {
    let row = tx
        .sql("SELECT data FROM browser_session WHERE hash = $1 AND expires_at > $2")
        .bind(hash.to_vec())
        .bind(now.millis())
        .optional::<SessionRow>()
        .await?;
    Ok(row.map(|row| row.data))
}

pub async fn delete(tx: &mut Tx, hash: &[u8]) -> Result<()> {
    tx.sql("DELETE FROM browser_session WHERE hash = $1").bind(hash.to_vec()).run().await?;
    Ok(())
}
