//! Devices that wait for somebody to let them in.

use super::{Doc, Result, StoreError, Tx, row::row};
use crate::kit::clock::Time;

/// A request, as it is made.
pub struct New<'a> {
    pub device_hash: &'a [u8],
    pub user_hash: &'a [u8],
    pub pool_id: &'a str,
    pub client_id: &'a str,
    pub scopes: &'a [String],
    pub pause_millis: i64,
    pub ends_at: Time,
    pub expires_at: Time,
}

/// False when one with the same code for its user waits already.
pub async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<bool> {
    let inserted = tx
        .sql(
            "INSERT INTO device_request (device_hash, user_hash, pool_id, client_id, scopes, status, pause, ends_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8)
             ON CONFLICT DO NOTHING",
        )
        .bind(new.device_hash.to_vec())
        .bind(new.user_hash.to_vec())
        .bind(new.pool_id)
        .bind(new.client_id)
        .bind(new.scopes.join(" "))
        .bind(new.pause_millis)
        .bind(new.ends_at.millis())
        .bind(new.expires_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

row! {
    struct StateRow {
        status: String,
        ends_at: i64,
    }
}

/// What a device learns when it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub status: Status,
    pub ends_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Approved,
    Denied,
}

impl Status {
    fn named(name: &str) -> Result<Self> {
        match name {
            "pending" => Ok(Self::Pending),
            "approved" => Ok(Self::Approved),
            "denied" => Ok(Self::Denied),
            _ => Err(StoreError::Corrupt("device request")),
        }
    }
}

/// The state of a client's request.
pub async fn find(tx: &mut Tx, device_hash: &[u8], client_id: &str) -> Result<Option<State>> {
    let row = tx
        .sql("SELECT status, ends_at FROM device_request WHERE device_hash = $1 AND client_id = $2")
        .bind(device_hash.to_vec())
        .bind(client_id)
        .optional::<StateRow>()
        .await?;
    row.map(|row| Ok(State { status: Status::named(&row.status)?, ends_at: Time::from_millis(row.ends_at) }))
        .transpose()
}

/// Notes that the device asks, unless it has asked less than its pause ago: then false, and the pause grows by `more`.
pub async fn poll(tx: &mut Tx, device_hash: &[u8], now: Time, more: i64) -> Result<bool> {
    let polled = tx
        .sql(
            "UPDATE device_request SET polled_at = $2
             WHERE device_hash = $1 AND (polled_at IS NULL OR polled_at + pause <= $2)",
        )
        .bind(device_hash.to_vec())
        .bind(now.millis())
        .run()
        .await?;
    if polled == 1 {
        return Ok(true);
    }
    tx.sql("UPDATE device_request SET polled_at = $2, pause = pause + $3 WHERE device_hash = $1")
        .bind(device_hash.to_vec())
        .bind(now.millis())
        .bind(more)
        .run()
        .await?;
    Ok(false)
}

row! {
    struct ApprovedRow {
        scopes: String,
        sign_in: Option<String>,
    }
}

/// Takes an approved request out of the world: its scopes, and the sign-in of who approved it. Of any number of callers one
/// gets them.
pub async fn redeem<T: serde::de::DeserializeOwned>(
    tx: &mut Tx,
    device_hash: &[u8],
    client_id: &str,
) -> Result<Option<(Vec<String>, T)>> {
    let row = tx
        .sql(
            "DELETE FROM device_request
             WHERE device_hash = $1 AND client_id = $2 AND status = 'approved'
             RETURNING scopes, sign_in",
        )
        .bind(device_hash.to_vec())
        .bind(client_id)
        .optional::<ApprovedRow>()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let sign_in = row.sign_in.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let scopes = row.scopes.split_whitespace().map(str::to_owned).collect();
    Ok(Some((scopes, sign_in.ok_or(StoreError::Corrupt("device request"))?)))
}

/// The client whose request waits for the one with this code.
pub async fn waiting(tx: &mut Tx, user_hash: &[u8], now: Time) -> Result<Option<String>> {
    let row = tx
        .sql("SELECT client_id FROM device_request WHERE user_hash = $1 AND status = 'pending' AND ends_at > $2")
        .bind(user_hash.to_vec())
        .bind(now.millis())
        .optional::<(String,)>()
        .await?;
    Ok(row.map(|(client_id,)| client_id))
}

/// Lets the device in. False when nobody waits any more.
pub async fn approve<T: serde::Serialize + Send + Sync + 'static>(
    tx: &mut Tx,
    user_hash: &[u8],
    sign_in: T,
    now: Time,
) -> Result<bool> {
    let approved = tx
        .sql(
            "UPDATE device_request SET status = 'approved', sign_in = $2
             WHERE user_hash = $1 AND status = 'pending' AND ends_at > $3",
        )
        .bind(user_hash.to_vec())
        .bind(Doc(sign_in))
        .bind(now.millis())
        .run()
        .await?;
    Ok(approved == 1)
}

/// Refuses the device. False when nobody waits any more.
pub async fn deny(tx: &mut Tx, user_hash: &[u8], now: Time) -> Result<bool> {
    let denied = tx
        .sql("UPDATE device_request SET status = 'denied' WHERE user_hash = $1 AND status = 'pending' AND ends_at > $2")
        .bind(user_hash.to_vec())
        .bind(now.millis())
        .run()
        .await?;
    Ok(denied == 1)
}
