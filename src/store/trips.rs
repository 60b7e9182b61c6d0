//! Browsers on their way through an identity provider. The state itself is never stored, only its hash; what it stands for is
//! sealed and bound to that.

use serde::{Serialize, de::DeserializeOwned};

use super::{Result, StoreError, Tx, row::row};
use crate::{keys::seal::Purpose, kit::clock::Time};

row! {
    struct TripRow {
        detail: Vec<u8>,
        parcel: Option<Vec<u8>>,
        expires_at: i64,
    }
}

/// A trip as it was taken out of the world.
pub struct Taken<T> {
    pub detail: T,
    /// What the provider has posted meanwhile.
    pub parcel: Option<Vec<u8>>,
    pub expires_at: Time,
}

fn corrupt() -> StoreError {
    StoreError::Unsealable("trip through an identity provider")
}

fn place(part: &str, hash: &[u8]) -> Vec<u8> {
    [b"trip\0", part.as_bytes(), b"\0", hash].concat()
}

/// The hash is new.
pub async fn insert(tx: &mut Tx, hash: &[u8], detail: &impl Serialize, expires_at: Time) -> Result<()> {
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(detail).map_err(|_| corrupt())?);
    let sealed = tx.sealer().seal_with(Purpose::Federation, &place("detail", hash), &plain);
    tx.sql("INSERT INTO federation_trip (hash, detail, parcel, expires_at) VALUES ($1, $2, NULL, $3)")
        .bind(hash.to_vec())
        .bind(sealed)
        .bind(expires_at.millis())
        .run()
        .await?;
    Ok(())
}

/// Keeps what a provider has posted. False when the trip has ended, or something was posted before.
pub async fn hold(tx: &mut Tx, hash: &[u8], parcel: &[u8], now: Time) -> Result<bool> {
    let sealed = tx.sealer().seal_with(Purpose::Federation, &place("parcel", hash), parcel);
    let held = tx
        .sql("UPDATE federation_trip SET parcel = $2 WHERE hash = $1 AND parcel IS NULL AND expires_at > $3")
        .bind(hash.to_vec())
        .bind(sealed)
        .bind(now.millis())
        .run()
        .await?;
    Ok(held == 1)
}

/// Takes a trip away, also one that has ended. Of any number of answers one gets it.
pub async fn take<T: DeserializeOwned>(tx: &mut Tx, hash: &[u8]) -> Result<Option<Taken<T>>> {
    let row = tx
        .sql("DELETE FROM federation_trip WHERE hash = $1 RETURNING detail, parcel, expires_at")
        .bind(hash.to_vec())
        .optional::<TripRow>()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let open = |part: &str, sealed: &[u8]| {
        tx.sealer().open_with(Purpose::Federation, &place(part, hash), sealed).ok_or_else(corrupt)
    };
    let detail = serde_json::from_slice(&open("detail", &row.detail)?).map_err(|_| corrupt())?;
    let parcel = row.parcel.map(|parcel| open("parcel", &parcel)).transpose()?.map(|parcel| parcel.to_vec());
    Ok(Some(Taken { detail, parcel, expires_at: Time::from_millis(row.expires_at) }))
}
