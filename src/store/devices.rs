//! Devices that were confirmed. Their verifiers are sealed, bound to pool and key.

use super::{Result, StoreError, Tx, row::row};
use crate::{
    domain::{User, device::Device, user::SrpVerifier},
    keys::seal::{Purpose, Sealer},
    kit::clock::Time,
};

row! {
    struct DeviceRow {
        pool_id: String,
        device_key: String,
        sub: String,
        name: Option<String>,
        remembered: bool,
        salt: Vec<u8>,
        verifier: Vec<u8>,
        last_ip: Option<String>,
        created_at: i64,
        modified_at: i64,
        authenticated_at: i64,
    }
}

/// Bound to the row; no user's verifier is bound to a text with this character.
fn place(pool_id: &str, device_key: &str) -> Vec<u8> {
    format!("device\0{pool_id}\0{device_key}").into_bytes()
}

impl DeviceRow {
    fn open(self, sealer: &Sealer) -> Result<Device> {
        let place = place(&self.pool_id, &self.device_key);
        let verifier = sealer
            .open_with(Purpose::SrpVerifier, &place, &self.verifier)
            .ok_or(StoreError::Unsealable("device verifier"))?;
        Ok(Device {
            pool_id: self.pool_id,
            key: self.device_key,
            sub: self.sub,
            name: self.name,
            is_remembered: self.remembered,
            srp: SrpVerifier { salt: self.salt, verifier: verifier.to_vec() },
            last_ip: self.last_ip,
            created_at: Time::from_millis(self.created_at),
            modified_at: Time::from_millis(self.modified_at),
            authenticated_at: Time::from_millis(self.authenticated_at),
        })
    }
}

/// False when a device of this key exists. The user must exist.
pub async fn insert(tx: &mut Tx, device: &Device) -> Result<bool> {
    let place = place(&device.pool_id, &device.key);
    let sealed = tx.sealer().seal_with(Purpose::SrpVerifier, &place, &device.srp.verifier);
    let inserted = tx
        .sql(
            "INSERT INTO device (pool_id, device_key, sub, name, remembered, salt, verifier, last_ip, created_at,
                                 modified_at, authenticated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*device.pool_id)
        .bind(&*device.key)
        .bind(&*device.sub)
        .bind(device.name.clone())
        .bind(device.is_remembered)
        .bind(device.srp.salt.clone())
        .bind(sealed)
        .bind(device.last_ip.clone())
        .bind(device.created_at.millis())
        .bind(device.modified_at.millis())
        .bind(device.authenticated_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

/// A device of this user; another's does not exist for them.
pub async fn find(tx: &mut Tx, user: &User, key: &str) -> Result<Option<Device>> {
    let sealer = tx.sealer().clone();
    let row = tx
        .sql(
            "SELECT pool_id, device_key, sub, name, remembered, salt, verifier, last_ip, created_at, modified_at,
                    authenticated_at
             FROM device
             WHERE pool_id = $1 AND sub = $2 AND device_key = $3",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(key)
        .optional::<DeviceRow>()
        .await?;
    row.map(|row| row.open(&sealer)).transpose()
}

/// Whether the user of this pool and `sub` has the device.
pub async fn exists(tx: &mut Tx, (pool_id, sub): (&str, &str), key: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM device WHERE pool_id = $1 AND sub = $2 AND device_key = $3";
    Ok(tx.sql(sql).bind(pool_id).bind(sub).bind(key).one::<(i64,)>().await?.0 == 1)
}

/// The devices of a user by key, from after `cursor`.
pub async fn page(tx: &mut Tx, user: &User, cursor: &str, limit: i64) -> Result<Vec<Device>> {
    let sealer = tx.sealer().clone();
    let rows = tx
        .sql(
            "SELECT pool_id, device_key, sub, name, remembered, salt, verifier, last_ip, created_at, modified_at,
                    authenticated_at
             FROM device
             WHERE pool_id = $1 AND sub = $2 AND device_key > $3
             ORDER BY device_key
             LIMIT $4",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(cursor)
        .bind(limit)
        .all::<DeviceRow>()
        .await?;
    rows.into_iter().map(|row| row.open(&sealer)).collect()
}

/// False when the user has no such device.
pub async fn remember(tx: &mut Tx, user: &User, key: &str, is_remembered: bool, now: Time) -> Result<bool> {
    let updated = tx
        .sql(
            "UPDATE device
             SET remembered = $4, modified_at = $5
             WHERE pool_id = $1 AND sub = $2 AND device_key = $3",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(key)
        .bind(is_remembered)
        .bind(now.millis())
        .run()
        .await?;
    Ok(updated == 1)
}

/// Notes that the device has proven itself. False when it was forgotten meanwhile.
pub async fn authenticated(tx: &mut Tx, device: &Device, last_ip: Option<String>, now: Time) -> Result<bool> {
    let updated = tx
        .sql(
            "UPDATE device
             SET authenticated_at = $3, last_ip = COALESCE($4, last_ip)
             WHERE pool_id = $1 AND device_key = $2",
        )
        .bind(&*device.pool_id)
        .bind(&*device.key)
        .bind(now.millis())
        .bind(last_ip)
        .run()
        .await?;
    Ok(updated == 1)
}

/// False when the user has no such device.
pub async fn delete(tx: &mut Tx, user: &User, key: &str) -> Result<bool> {
    let sql = "DELETE FROM device WHERE pool_id = $1 AND sub = $2 AND device_key = $3";
    Ok(tx.sql(sql).bind(&*user.pool_id).bind(&*user.sub).bind(key).run().await? == 1)
}
