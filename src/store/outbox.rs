//! The outbox: messages that wait to be delivered, by whichever instance gets to them first.
//!
//! A worker claims what is due for a while. If it dies, its claim ends and the row is due again: every message is delivered at
//! least once, and twice only if a worker died, or lost the database, right after delivering it. What is in a row is sealed as
//! long as it waits, and removed once it is done.

use super::{Result, StoreError, Tx, row::row};
use crate::{domain::message::Parcel, keys::seal::Purpose, kit::clock::Time};

/// A message that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    pub id: String,
    pub pool_id: String,
    pub parcel: Parcel,
    pub expires_at: Time,
    pub created_at: Time,
}

/// A message that its claimant has to deliver now.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub id: String,
    pub pool_id: String,
    /// None when it was sealed with another master key.
    pub parcel: Option<Parcel>,
    /// This one included.
    pub tries: i64,
    pub expires_at: Time,
    pub created_at: Time,
    claim: String,
}

row! {
    struct OutboxRow {
        id: String,
        pool_id: String,
        parcel: Option<Vec<u8>>,
        tries: i64,
        expires_at: i64,
        created_at: i64,
    }
}

/// Puts a message into the outbox. Whoever waits at [`Store::posted`](super::Store::posted) hears of the commit.
pub async fn insert(tx: &mut Tx, message: &Waiting) -> Result<()> {
    let parcel = serde_json::to_vec(&message.parcel).map_err(|_| StoreError::Corrupt("outbox parcel"))?;
    let parcel = tx.sealer().seal_with(Purpose::Message, message.id.as_bytes(), &parcel);
    tx.sql(
        "INSERT INTO outbox (id, pool_id, parcel, tries, due_at, expires_at, created_at)
         VALUES ($1, $2, $3, 0, $4, $5, $4)",
    )
    .bind(&*message.id)
    .bind(&*message.pool_id)
    .bind(parcel)
    .bind(message.created_at.millis())
    .bind(message.expires_at.millis())
    .run()
    .await?;
    tx.ring();
    Ok(())
}

/// Claims up to `limit` messages that are due, oldest first, until `until`. Of any number of callers one gets each: on
/// PostgreSQL a caller passes over what another is claiming, and the condition is held against the row once more when it is
/// locked.
pub async fn claim(tx: &mut Tx, claim: &str, (now, until): (Time, Time), limit: i64) -> Result<Vec<Claimed>> {
    let sealer = tx.sealer().clone();
    let sql = format!(
        "UPDATE outbox
         SET claim = $1, due_at = $2, tries = tries + 1
         WHERE done_at IS NULL AND due_at <= $3
           AND id IN (SELECT id FROM outbox WHERE done_at IS NULL AND due_at <= $3 ORDER BY due_at, id LIMIT $4{})
         RETURNING id, pool_id, parcel, tries, expires_at, created_at",
        tx.passing_over()
    );
    let rows =
        tx.sql_built(sql).bind(claim).bind(until.millis()).bind(now.millis()).bind(limit).all::<OutboxRow>().await?;
    let opened = |row: &OutboxRow| {
        let parcel = sealer.open_with(Purpose::Message, row.id.as_bytes(), row.parcel.as_deref()?)?;
        serde_json::from_slice(&parcel).ok()
    };
    let claimed = rows.into_iter().map(|row| Claimed {
        parcel: opened(&row),
        id: row.id,
        pool_id: row.pool_id,
        tries: row.tries,
        expires_at: Time::from_millis(row.expires_at),
        created_at: Time::from_millis(row.created_at),
        claim: claim.to_owned(),
    });
    Ok(claimed.collect())
}

/// It was delivered, or it never will be and `failure` says why. False when the claim had ended and another one began.
pub async fn done(tx: &mut Tx, claimed: &Claimed, now: Time, failure: Option<&str>) -> Result<bool> {
    let touched = tx
        .sql(
            "UPDATE outbox
             SET parcel = NULL, claim = NULL, done_at = $3, failure = $4
             WHERE id = $1 AND claim = $2 AND done_at IS NULL",
        )
        .bind(&*claimed.id)
        .bind(&*claimed.claim)
        .bind(now.millis())
        .bind(failure.map(str::to_owned))
        .run()
        .await?;
    Ok(touched == 1)
}

/// It was not delivered and is tried again at `due_at`. False as above.
pub async fn later(tx: &mut Tx, claimed: &Claimed, due_at: Time, failure: &str) -> Result<bool> {
    let touched = tx
        .sql(
            "UPDATE outbox
             SET due_at = $3, claim = NULL, failure = $4
             WHERE id = $1 AND claim = $2 AND done_at IS NULL",
        )
        .bind(&*claimed.id)
        .bind(&*claimed.claim)
        .bind(due_at.millis())
        .bind(failure)
        .run()
        .await?;
    Ok(touched == 1)
}

/// Removes up to `limit` messages that were done, and as many of the inbox that were made, before `before`.
pub async fn sweep(tx: &mut Tx, before: Time, limit: i64) -> Result<u64> {
    const SWEEPS: [&str; 2] = [
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE done_at < $1 LIMIT $2)",
        "DELETE FROM message WHERE id IN (SELECT id FROM message WHERE created_at < $1 LIMIT $2)",
    ];
    let mut removed = 0;
    for sql in SWEEPS {
        removed += tx.sql(sql).bind(before.millis()).bind(limit).run().await?;
    }
    Ok(removed)
}
