//! Sign-ins on the hosted pages, in pools that track sessions.

use super::{Result, Tx, row::row};
use crate::{
    domain::{User, grant::Seen, session::SsoSession},
    kit::clock::Time,
};

row! {
    struct SsoRow {
        id: String,
        pool_id: String,
        sub: String,
        client_id: String,
        created_at: i64,
        active_at: i64,
        expires_at: i64,
        last_ip: Option<String>,
        device_type: Option<String>,
    }
}

impl From<SsoRow> for SsoSession {
    fn from(row: SsoRow) -> Self {
        Self {
            id: row.id,
            pool_id: row.pool_id,
            sub: row.sub,
            client_id: row.client_id,
            created_at: Time::from_millis(row.created_at),
            active_at: Time::from_millis(row.active_at),
            expires_at: Time::from_millis(row.expires_at),
            last_ip: row.last_ip,
            device_type: row.device_type,
        }
    }
}

/// The user must exist.
pub async fn insert(tx: &mut Tx, session: &SsoSession) -> Result<()> {
    tx.sql(
        "INSERT INTO sso_session (id, pool_id, sub, client_id, created_at, active_at, expires_at, last_ip, device_type)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&*session.id)
    .bind(&*session.pool_id)
    .bind(&*session.sub)
    .bind(&*session.client_id)
    .bind(session.created_at.millis())
    .bind(session.active_at.millis())
    .bind(session.expires_at.millis())
    .bind(session.last_ip.clone())
    .bind(session.device_type.clone())
    .run()
    .await?;
    Ok(())
}

pub async fn lives(tx: &mut Tx, id: &str, now: Time) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM sso_session WHERE id = $1 AND expires_at > $2";
    Ok(tx.sql(sql).bind(id).bind(now.millis()).one::<(i64,)>().await?.0 == 1)
}

/// Notes when and where a session was used.
pub async fn touch(tx: &mut Tx, id: &str, seen: &Seen) -> Result<()> {
    tx.sql("UPDATE sso_session SET active_at = $2, last_ip = $3, device_type = $4 WHERE id = $1")
        .bind(id)
        .bind(seen.active_at.millis())
        .bind(seen.last_ip.clone())
        .bind(seen.device_type.clone())
        .run()
        .await?;
    Ok(())
}

/// The living sessions of a user by id, from after `cursor`.
pub async fn living(tx: &mut Tx, user: &User, now: Time, cursor: &str, limit: i64) -> Result<Vec<SsoSession>> {
    let rows = tx
        .sql(
            "SELECT id, pool_id, sub, client_id, created_at, active_at, expires_at, last_ip, device_type
             FROM sso_session
             WHERE pool_id = $1 AND sub = $2 AND expires_at > $3 AND id > $4
             ORDER BY id
             LIMIT $5",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(now.millis())
        .bind(cursor)
        .bind(limit)
        .all::<SsoRow>()
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// False when the user has no such session.
pub async fn delete(tx: &mut Tx, user: &User, id: &str, now: Time) -> Result<bool> {
    let deleted = tx
        .sql("DELETE FROM sso_session WHERE id = $1 AND pool_id = $2 AND sub = $3 AND expires_at > $4")
        .bind(id)
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(now.millis())
        .run()
        .await?;
    Ok(deleted == 1)
}

/// Ends a session by its id alone: its own browser signs out.
pub async fn end(tx: &mut Tx, id: &str) -> Result<()> {
    tx.sql("DELETE FROM sso_session WHERE id = $1").bind(id).run().await?;
    Ok(())
}
