//! Codes that prove an address, and counting tries.

use super::{Result, Tx, row::row};
use crate::{
    domain::{
        code::{Code, CodeKind},
        user::Attempts,
    },
    kit::clock::Time,
};

row! {
    struct CodeRow {
        hash: Vec<u8>,
        attribute: String,
        expires_at: i64,
    }
}

/// A new code takes the place of an older one of its kind.
pub async fn put(tx: &mut Tx, code: &Code) -> Result<()> {
    tx.sql(
        "INSERT INTO code (pool_id, sub, kind, hash, attribute, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (pool_id, sub, kind)
         DO UPDATE SET hash = excluded.hash, attribute = excluded.attribute, expires_at = excluded.expires_at",
    )
    .bind(&*code.pool_id)
    .bind(&*code.sub)
    .bind(code.kind.name())
    .bind(code.hash.clone())
    .bind(&*code.attribute)
    .bind(code.expires_at.millis())
    .run()
    .await?;
    Ok(())
}

pub async fn find(tx: &mut Tx, pool_id: &str, sub: &str, kind: CodeKind) -> Result<Option<Code>> {
    let row = tx
        .sql("SELECT hash, attribute, expires_at FROM code WHERE pool_id = $1 AND sub = $2 AND kind = $3")
        .bind(pool_id)
        .bind(sub)
        .bind(kind.name())
        .optional::<CodeRow>()
        .await?;
    Ok(row.map(|row| Code {
        pool_id: pool_id.to_owned(),
        sub: sub.to_owned(),
        kind,
        hash: row.hash,
        attribute: row.attribute,
        expires_at: Time::from_millis(row.expires_at),
    }))
}

/// Uses up exactly this code. Of any number of callers one gets true.
pub async fn take(tx: &mut Tx, code: &Code) -> Result<bool> {
    let taken = tx
        .sql("DELETE FROM code WHERE pool_id = $1 AND sub = $2 AND kind = $3 AND hash = $4")
        .bind(&*code.pool_id)
        .bind(&*code.sub)
        .bind(code.kind.name())
        .bind(code.hash.clone())
        .run()
        .await?;
    Ok(taken == 1)
}

row! {
    struct AttemptRow {
        count: i64,
    }
}

/// Counts a try of `subject` in a window that ends at `ends_at` if this is its first, and returns how many there were.
pub async fn count_attempt(tx: &mut Tx, subject: &str, now: Time, ends_at: Time) -> Result<i64> {
    let row = tx
        .sql(
            "INSERT INTO attempt (subject, count, ends_at)
             VALUES ($1, 1, $3)
             ON CONFLICT (subject)
             DO UPDATE SET count = CASE WHEN attempt.ends_at <= $2 THEN 1 ELSE attempt.count + 1 END,
                           ends_at = CASE WHEN attempt.ends_at <= $2 THEN excluded.ends_at ELSE attempt.ends_at END
             RETURNING count",
        )
        .bind(subject)
        .bind(now.millis())
        .bind(ends_at.millis())
        .one::<AttemptRow>()
        .await?;
    Ok(row.count)
}

row! {
    struct WindowRow {
        ends_at: i64,
    }
}

/// Counts a try of `subject` like [`count_attempt`] unless there were `most` already, and says when the window ends that it was
/// counted in.
pub async fn count_below(tx: &mut Tx, (subject, most): (&str, i64), now: Time, ends_at: Time) -> Result<Option<Time>> {
    let row = tx
        .sql(
            "INSERT INTO attempt (subject, count, ends_at)
             VALUES ($1, 1, $3)
             ON CONFLICT (subject)
             DO UPDATE SET count = CASE WHEN attempt.ends_at <= $2 THEN 1 ELSE attempt.count + 1 END,
                           ends_at = CASE WHEN attempt.ends_at <= $2 THEN excluded.ends_at ELSE attempt.ends_at END
             WHERE attempt.ends_at <= $2 OR attempt.count < $4
             RETURNING ends_at",
        )
        .bind(subject)
        .bind(now.millis())
        .bind(ends_at.millis())
        .bind(most)
        .optional::<WindowRow>()
        .await?;
    Ok(row.map(|row| Time::from_millis(row.ends_at)))
}

/// Takes a try back that was counted in the window which ends at `ends_at`.
pub async fn uncount(tx: &mut Tx, subject: &str, ends_at: Time) -> Result<()> {
    tx.sql("UPDATE attempt SET count = count - 1 WHERE subject = $1 AND ends_at = $2 AND count > 0")
        .bind(subject)
        .bind(ends_at.millis())
        .run()
        .await?;
    Ok(())
}

/// Whether `subject` was counted in a window that has not ended.
pub async fn is_counting(tx: &mut Tx, subject: &str, now: Time) -> Result<bool> {
    let row = tx
        .sql("SELECT count FROM attempt WHERE subject = $1 AND ends_at > $2")
        .bind(subject)
        .bind(now.millis())
        .optional::<AttemptRow>()
        .await?;
    Ok(row.is_some_and(|row| row.count > 0))
}

row! {
    struct NobodyRow {
        count: i64,
        ends_at: i64,
    }
}

/// The wrong passwords for a name that no user has. Its window ends when a user's failures would be forgotten.
pub async fn failures_of_nobody(tx: &mut Tx, subject: &str) -> Result<Attempts> {
    let row =
        tx.sql("SELECT count, ends_at FROM attempt WHERE subject = $1").bind(subject).optional::<NobodyRow>().await?;
    Ok(row.map_or_else(Attempts::default, |row| Attempts {
        failures: u32::try_from(row.count).unwrap_or(u32::MAX),
        last_failure_at: Time::from_millis(row.ends_at).minus(Attempts::MEMORY),
    }))
}

pub async fn count_failure_of_nobody(tx: &mut Tx, subject: &str, now: Time) -> Result<()> {
    tx.sql(
        "INSERT INTO attempt (subject, count, ends_at)
         VALUES ($1, 1, $3)
         ON CONFLICT (subject)
         DO UPDATE SET count = CASE WHEN attempt.ends_at <= $2 THEN 1 ELSE attempt.count + 1 END,
                       ends_at = excluded.ends_at",
    )
    .bind(subject)
    .bind(now.millis())
    .bind(now.plus(Attempts::MEMORY).millis())
    .run()
    .await?;
    Ok(())
}

pub async fn forget_attempts(tx: &mut Tx, subject: &str) -> Result<()> {
    tx.sql("DELETE FROM attempt WHERE subject = $1").bind(subject).run().await?;
    Ok(())
}
