//! Who of an identity provider signs in as which user of a pool.

use super::{Result, Tx, row::row};
use crate::kit::clock::Time;

/// Somebody at a provider: the value of one of their attributes there.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub pool_id: &'a str,
    pub provider: &'a str,
    pub attribute: &'a str,
    pub value: &'a str,
}

/// False when they are linked already, to whomever.
pub async fn insert(tx: &mut Tx, source: Source<'_>, sub: &str, now: Time) -> Result<bool> {
    let inserted = tx
        .sql(
            "INSERT INTO user_link (pool_id, provider, attribute, value, sub, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING",
        )
        .bind(source.pool_id)
        .bind(source.provider)
        .bind(source.attribute)
        .bind(source.value)
        .bind(sub)
        .bind(now.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

row! {
    struct OwnerRow {
        sub: String,
    }
}

/// The `sub` of the user they are linked to.
pub async fn owner(tx: &mut Tx, source: Source<'_>) -> Result<Option<String>> {
    let row = tx
        .sql("SELECT sub FROM user_link WHERE pool_id = $1 AND provider = $2 AND attribute = $3 AND value = $4")
        .bind(source.pool_id)
        .bind(source.provider)
        .bind(source.attribute)
        .bind(source.value)
        .optional::<OwnerRow>()
        .await?;
    Ok(row.map(|row| row.sub))
}

/// How many links lead to the user.
pub async fn count(tx: &mut Tx, pool_id: &str, sub: &str) -> Result<usize> {
    let sql = "SELECT COUNT(*) FROM user_link WHERE pool_id = $1 AND sub = $2";
    let (count,) = tx.sql(sql).bind(pool_id).bind(sub).one::<(i64,)>().await?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// False when they were not linked to this user.
pub async fn delete(tx: &mut Tx, source: Source<'_>, sub: &str) -> Result<bool> {
    let deleted = tx
        .sql(
            "DELETE FROM user_link
             WHERE pool_id = $1 AND provider = $2 AND attribute = $3 AND value = $4 AND sub = $5",
        )
        .bind(source.pool_id)
        .bind(source.provider)
        .bind(source.attribute)
        .bind(source.value)
        .bind(sub)
        .run()
        .await?;
    Ok(deleted == 1)
}
