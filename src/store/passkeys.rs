//! Passkeys, and the registrations of them that were begun.

use super::{Doc, Result, StoreError, Tx, row::row};
use crate::{
    domain::passkey::{Passkey, Registration},
    kit::clock::Time,
};

row! {
    struct PasskeyRow {
        pool_id: String,
        id: String,
        sub: String,
        relying_party: String,
        name: String,
        attachment: Option<String>,
        transports: Doc<Vec<String>>,
        key: String,
        counter: i64,
        created_at: i64,
    }
}

impl TryFrom<PasskeyRow> for Passkey {
    type Error = StoreError;

    fn try_from(row: PasskeyRow) -> Result<Self> {
        Ok(Self {
            pool_id: row.pool_id,
            id: row.id,
            sub: row.sub,
            relying_party: row.relying_party,
            name: row.name,
            attachment: row.attachment,
            transports: row.transports.0,
            key: row.key,
            counter: u32::try_from(row.counter).map_err(|_| StoreError::Corrupt("passkey counter"))?,
            created_at: Time::from_millis(row.created_at),
        })
    }
}

/// False when a user of the pool has this passkey.
pub async fn insert(tx: &mut Tx, passkey: &Passkey) -> Result<bool> {
    let inserted = tx
        .sql(
            "INSERT INTO passkey (pool_id, id, sub, relying_party, name, attachment, transports, key, counter, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*passkey.pool_id)
        .bind(&*passkey.id)
        .bind(&*passkey.sub)
        .bind(&*passkey.relying_party)
        .bind(&*passkey.name)
        .bind(passkey.attachment.clone())
        .bind(Doc(&passkey.transports))
        .bind(&*passkey.key)
        .bind(i64::from(passkey.counter))
        .bind(passkey.created_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

pub async fn find(tx: &mut Tx, pool_id: &str, sub: &str, id: &str) -> Result<Option<Passkey>> {
    let row = tx
        .sql(
            "SELECT pool_id, id, sub, relying_party, name, attachment, transports, key, counter, created_at
             FROM passkey
             WHERE pool_id = $1 AND sub = $2 AND id = $3",
        )
        .bind(pool_id)
        .bind(sub)
        .bind(id)
        .optional::<PasskeyRow>()
        .await?;
    row.map(TryInto::try_into).transpose()
}

/// Where a list of passkeys goes on: after this time of making and this id.
pub type After<'a> = (Time, &'a str);

/// In the order in which they were made.
pub async fn page(tx: &mut Tx, pool_id: &str, sub: &str, after: After<'_>, limit: i64) -> Result<Vec<Passkey>> {
    let rows = tx
        .sql(
            "SELECT pool_id, id, sub, relying_party, name, attachment, transports, key, counter, created_at
             FROM passkey
             WHERE pool_id = $1 AND sub = $2 AND (created_at, id) > ($3, $4)
             ORDER BY created_at, id
             LIMIT $5",
        )
        .bind(pool_id)
        .bind(sub)
        .bind(after.0.millis())
        .bind(after.1)
        .bind(limit)
        .all::<PasskeyRow>()
        .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

row! {
    struct CountRow {
        passkeys: i64,
    }
}

pub async fn count(tx: &mut Tx, pool_id: &str, sub: &str) -> Result<usize> {
    let sql = "SELECT COUNT(*) AS passkeys FROM passkey WHERE pool_id = $1 AND sub = $2";
    let row = tx.sql(sql).bind(pool_id).bind(sub).one::<CountRow>().await?;
    usize::try_from(row.passkeys).map_err(|_| StoreError::Corrupt("passkey count"))
}

/// Moves the signature counter on. False when it has been as high: of an authenticator and its clone one is late. An
/// authenticator that does not count stays at zero.
pub async fn advance(tx: &mut Tx, passkey: &Passkey, counter: u32) -> Result<bool> {
    let advanced = tx
        .sql(
            "UPDATE passkey
             SET counter = $4
             WHERE pool_id = $1 AND sub = $2 AND id = $3 AND (counter < $4 OR (counter = 0 AND $4 = 0))",
        )
        .bind(&*passkey.pool_id)
        .bind(&*passkey.sub)
        .bind(&*passkey.id)
        .bind(i64::from(counter))
        .run()
        .await?;
    Ok(advanced == 1)
}

/// False when the user has no such passkey.
pub async fn delete(tx: &mut Tx, pool_id: &str, sub: &str, id: &str) -> Result<bool> {
    let sql = "DELETE FROM passkey WHERE pool_id = $1 AND sub = $2 AND id = $3";
    Ok(tx.sql(sql).bind(pool_id).bind(sub).bind(id).run().await? == 1)
}

row! {
    struct RegistrationRow {
        id: String,
        client_id: String,
        state: String,
        expires_at: i64,
    }
}

/// A new registration takes the place of the user's older one.
pub async fn put_registration(tx: &mut Tx, registration: &Registration) -> Result<()> {
    tx.sql(
        "INSERT INTO passkey_registration (pool_id, sub, id, client_id, state, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (pool_id, sub)
         DO UPDATE SET id = excluded.id, client_id = excluded.client_id, state = excluded.state,
                       expires_at = excluded.expires_at",
    )
    .bind(&*registration.pool_id)
    .bind(&*registration.sub)
    .bind(&*registration.id)
    .bind(&*registration.client_id)
    .bind(&*registration.state)
    .bind(registration.expires_at.millis())
    .run()
    .await?;
    Ok(())
}

pub async fn registration(tx: &mut Tx, pool_id: &str, sub: &str) -> Result<Option<Registration>> {
    let row = tx
        .sql("SELECT id, client_id, state, expires_at FROM passkey_registration WHERE pool_id = $1 AND sub = $2")
        .bind(pool_id)
        .bind(sub)
        .optional::<RegistrationRow>()
        .await?;
    Ok(row.map(|row| Registration {
        pool_id: pool_id.to_owned(),
        sub: sub.to_owned(),
        id: row.id,
        client_id: row.client_id,
        state: row.state,
        expires_at: Time::from_millis(row.expires_at),
    }))
}

/// Uses up exactly this registration. Of any number of callers one gets true.
pub async fn take_registration(tx: &mut Tx, registration: &Registration) -> Result<bool> {
    let taken = tx
        .sql("DELETE FROM passkey_registration WHERE pool_id = $1 AND sub = $2 AND id = $3")
        .bind(&*registration.pool_id)
        .bind(&*registration.sub)
        .bind(&*registration.id)
        .run()
        .await?;
    Ok(taken == 1)
}
