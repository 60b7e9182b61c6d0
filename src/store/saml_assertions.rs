//! Assertions of SAML providers that somebody has signed in with: each counts once.

use super::{Result, Tx};
use crate::kit::clock::Time;

/// False for an assertion that has been used before. Of any number at once one is the first.
pub async fn use_up(tx: &mut Tx, hash: &[u8], expires_at: Time) -> Result<bool> {
    let inserted = tx
        .sql("INSERT INTO saml_assertion (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(hash.to_vec())
        .bind(expires_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}
