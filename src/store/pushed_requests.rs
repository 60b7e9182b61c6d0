//! Authorization requests that clients have pushed, by the hash of their address.

use super::{Result, Tx};
use crate::kit::clock::Time;

pub async fn insert(tx: &mut Tx, hash: &[u8], client_id: &str, query: &str, expires_at: Time) -> Result<()> {
    tx.sql("INSERT INTO pushed_request (hash, client_id, query, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(hash.to_vec())
        .bind(client_id)
        .bind(query)
        .bind(expires_at.millis())
        .run()
        .await?;
    Ok(())
}

/// The query that this client has pushed.
pub async fn find(tx: &mut Tx, hash: &[u8], client_id: &str, now: Time) -> Result<Option<String>> {
    let row = tx
        .sql("SELECT query FROM pushed_request WHERE hash = $1 AND client_id = $2 AND expires_at > $3")
        .bind(hash.to_vec())
        .bind(client_id)
        .bind(now.millis())
        .optional::<(String,)>()
        .await?;
    Ok(row.map(|(query,)| query))
}

/// Keeps a request that has not ended until `until`.
pub async fn hold(tx: &mut Tx, hash: &[u8], now: Time, until: Time) -> Result<()> {
    tx.sql("UPDATE pushed_request SET expires_at = $3 WHERE hash = $1 AND expires_at > $2 AND expires_at < $3")
        .bind(hash.to_vec())
        .bind(now.millis())
        .bind(until.millis())
        .run()
        .await?;
    Ok(())
}

/// Uses a request up. Of any number of callers one gets true.
pub async fn take(tx: &mut Tx, hash: &[u8], now: Time) -> Result<bool> {
    let sql = "DELETE FROM pushed_request WHERE hash = $1 AND expires_at > $2";
    Ok(tx.sql(sql).bind(hash.to_vec()).bind(now.millis()).run().await? == 1)
}
