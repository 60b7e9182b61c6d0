//! Custom challenges between question and answer: one sealed document, bound to its id.

use super::{Result, StoreError, Tx, row::row};
use crate::{domain::custom_challenge::Pending, keys::seal::Purpose, kit::clock::Time};

row! {
    struct PendingRow {
        state: Vec<u8>,
    }
}

/// The id is new.
pub async fn insert(tx: &mut Tx, id: &str, pending: &Pending, expires_at: Time) -> Result<()> {
    let plain = serde_json::to_vec(pending).map_err(|_| StoreError::Unsealable("custom challenge"))?;
    let sealed = tx.sealer().seal_with(Purpose::Session, id.as_bytes(), &plain);
    tx.sql("INSERT INTO custom_challenge (id, state, expires_at) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(sealed)
        .bind(expires_at.millis())
        .run()
        .await?;
    Ok(())
}

/// Takes a challenge away. Of any number of answers one gets it.
pub async fn take(tx: &mut Tx, id: &str) -> Result<Option<Pending>> {
    let row =
        tx.sql("DELETE FROM custom_challenge WHERE id = $1 RETURNING state").bind(id).optional::<PendingRow>().await?;
    let Some(row) = row else { return Ok(None) };
    let unsealable = || StoreError::Unsealable("custom challenge");
    let plain = tx.sealer().open_with(Purpose::Session, id.as_bytes(), &row.state).ok_or_else(unsealable)?;
    serde_json::from_slice(&plain).map(Some).map_err(|_| unsealable())
}
