//! Grants, authorization codes, and whatever else may happen only once.

use super::{Doc, Result, StoreError, Tx, row::row};
use crate::{
    domain::{
        User,
        assurance::Assurance,
        grant::{Grant, GrantSource, Seen},
    },
    kit::clock::Time,
};

row! {
    struct GrantRow {
        id: String,
        pool_id: String,
        client_id: String,
        sub: String,
        scopes: String,
        auth_time: i64,
        expires_at: i64,
        generation: i64,
        rotated_at: Option<i64>,
        revoked_at: Option<i64>,
        source: String,
        event_id: String,
        device_key: Option<String>,
        sso_id: Option<String>,
        audience: Option<String>,
        jkt: Option<String>,
        assurance: Option<Doc<Assurance>>,
        created_at: Option<i64>,
        active_at: Option<i64>,
        last_ip: Option<String>,
        device_type: Option<String>,
    }
}

impl TryFrom<GrantRow> for Grant {
    type Error = StoreError;

    fn try_from(row: GrantRow) -> Result<Self> {
        Ok(Self {
            id: row.id,
            pool_id: row.pool_id,
            client_id: row.client_id,
            sub: row.sub,
            scopes: row.scopes.split_whitespace().map(str::to_owned).collect(),
            auth_time: Time::from_millis(row.auth_time),
            expires_at: Time::from_millis(row.expires_at),
            generation: u32::try_from(row.generation).map_err(|_| StoreError::Corrupt("grant generation"))?,
            rotated_at: row.rotated_at.map(Time::from_millis),
            revoked_at: row.revoked_at.map(Time::from_millis),
            source: GrantSource::from_name(&row.source).ok_or(StoreError::Corrupt("grant source"))?,
            event_id: row.event_id,
            device_key: row.device_key,
            sso_id: row.sso_id,
            audience: row.audience,
            key: row.jkt,
            assurance: row.assurance.map(|assurance| assurance.0).unwrap_or_default(),
            seen: Seen {
                // Grants of earlier releases tell no more than this.
                created_at: Time::from_millis(row.created_at.unwrap_or(row.auth_time)),
                active_at: Time::from_millis(row.active_at.unwrap_or(row.auth_time)),
                last_ip: row.last_ip,
                device_type: row.device_type,
            },
        })
    }
}

/// False when the user is not any more as `user` was: gone, disabled, in another state, or with another password. Whoever
/// changes that at the same time comes before this or after it, and in the latter case finds the grant.
pub async fn insert(tx: &mut Tx, grant: &Grant, user: &User) -> Result<bool> {
    let sql = format!("{INSERT}{}", tx.sharing());
    let inserted = tx
        .sql_built(sql)
        .bind(&*grant.id)
        .bind(&*grant.pool_id)
        .bind(&*grant.client_id)
        .bind(&*grant.sub)
        .bind(grant.scopes.join(" "))
        .bind(grant.auth_time.millis())
        .bind(grant.expires_at.millis())
        .bind(i64::from(grant.generation))
        .bind(grant.rotated_at.map(Time::millis))
        .bind(grant.revoked_at.map(Time::millis))
        .bind(grant.source.name())
        .bind(&*grant.event_id)
        .bind(grant.device_key.clone())
        .bind(grant.sso_id.clone())
        .bind(grant.seen.created_at.millis())
        .bind(grant.seen.active_at.millis())
        .bind(grant.seen.last_ip.clone())
        .bind(grant.seen.device_type.clone())
        .bind(grant.audience.clone())
        .bind(Doc(&grant.assurance))
        .bind(grant.key.clone())
        .bind(user.status.name())
        // The salt is new with every password, and stays when only the cost of its hash is changed.
        .bind(user.credential.salt().map(<[u8]>::to_vec))
        .run()
        .await?;
    Ok(inserted == 1)
}

const INSERT: &str =
    "INSERT INTO user_grant (id, pool_id, client_id, sub, scopes, auth_time, expires_at, generation, rotated_at,
                                 revoked_at, source, event_id, device_key, sso_id, created_at, active_at, last_ip, device_type,
                                 audience, assurance, jkt)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21
         FROM pool_user u
         WHERE u.pool_id = $2 AND u.sub = $4 AND u.enabled = TRUE AND u.status = $22
               AND u.srp_salt IS NOT DISTINCT FROM $23";

pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<Grant>> {
    tx.sql(
        "SELECT id, pool_id, client_id, sub, scopes, auth_time, expires_at, generation, rotated_at, revoked_at, source,
                event_id, device_key, sso_id, created_at, active_at, last_ip, device_type, audience, assurance, jkt
         FROM user_grant
         WHERE id = $1",
    )
    .bind(id)
    .optional::<GrantRow>()
    .await?
    .map(TryInto::try_into)
    .transpose()
}

/// Replaces generation `from` by the next one, which is bound to `key` if the ones before were bound to none. False when another
/// refresh was faster or the grant was revoked.
pub async fn rotate(tx: &mut Tx, (id, from): (&str, u32), key: Option<&str>, now: Time) -> Result<bool> {
    let rotated = tx
        .sql(
            "UPDATE user_grant
             SET generation = generation + 1, rotated_at = $3, jkt = COALESCE(jkt, $4)
             WHERE id = $1 AND generation = $2 AND revoked_at IS NULL",
        )
        .bind(id)
        .bind(i64::from(from))
        .bind(now.millis())
        .bind(key.map(str::to_owned))
        .run()
        .await?;
    Ok(rotated == 1)
}

/// True when the grant was alive until now.
pub async fn revoke(tx: &mut Tx, id: &str, now: Time) -> Result<bool> {
    let sql = "UPDATE user_grant SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Ok(tx.sql(sql).bind(id).bind(now.millis()).run().await? == 1)
}

/// The same, if the grant is this client's.
pub async fn revoke_of_client(tx: &mut Tx, id: &str, client_id: &str, now: Time) -> Result<bool> {
    let sql = "UPDATE user_grant SET revoked_at = $3 WHERE id = $1 AND client_id = $2 AND revoked_at IS NULL";
    Ok(tx.sql(sql).bind(id).bind(client_id).bind(now.millis()).run().await? == 1)
}

/// Notes when and where a grant was used.
pub async fn touch(tx: &mut Tx, id: &str, seen: &Seen) -> Result<()> {
    tx.sql("UPDATE user_grant SET active_at = $2, last_ip = $3, device_type = $4 WHERE id = $1")
        .bind(id)
        .bind(seen.active_at.millis())
        .bind(seen.last_ip.clone())
        .bind(seen.device_type.clone())
        .run()
        .await?;
    Ok(())
}

/// The living grants of a user by id, from after `cursor`.
pub async fn living(tx: &mut Tx, user: &User, now: Time, cursor: &str, limit: i64) -> Result<Vec<Grant>> {
    tx.sql(
        "SELECT id, pool_id, client_id, sub, scopes, auth_time, expires_at, generation, rotated_at, revoked_at, source,
                event_id, device_key, sso_id, created_at, active_at, last_ip, device_type, audience, assurance, jkt
         FROM user_grant
         WHERE pool_id = $1 AND sub = $2 AND revoked_at IS NULL AND expires_at > $3 AND id > $4
         ORDER BY id
         LIMIT $5",
    )
    .bind(&*user.pool_id)
    .bind(&*user.sub)
    .bind(now.millis())
    .bind(cursor)
    .bind(limit)
    .all::<GrantRow>()
    .await?
    .into_iter()
    .map(TryInto::try_into)
    .collect()
}

/// Who got tokens of a sign-in on the hosted pages: client and user, each pair once.
pub async fn parties_of_session(tx: &mut Tx, sso_id: &str, now: Time) -> Result<Vec<(String, String)>> {
    tx.sql(
        "SELECT DISTINCT client_id, sub FROM user_grant WHERE sso_id = $1 AND expires_at > $2 ORDER BY client_id, sub",
    )
    .bind(sso_id)
    .bind(now.millis())
    .all::<(String, String)>()
    .await
}

/// The clients that hold living tokens of a user's sign-ins on the hosted pages, each with the sign-in's id.
pub async fn parties_of_user(tx: &mut Tx, pool_id: &str, sub: &str, now: Time) -> Result<Vec<(String, String)>> {
    tx.sql(
        "SELECT DISTINCT client_id, sso_id
         FROM user_grant
         WHERE pool_id = $1 AND sub = $2 AND sso_id IS NOT NULL AND revoked_at IS NULL AND expires_at > $3
         ORDER BY client_id, sso_id",
    )
    .bind(pool_id)
    .bind(sub)
    .bind(now.millis())
    .all::<(String, String)>()
    .await
}

/// Revokes the grants that rested longest until, with `newest`, the user has no more than `most`.
pub async fn evict(tx: &mut Tx, newest: &Grant, most: u32, now: Time) -> Result<()> {
    tx.sql(
        "UPDATE user_grant
         SET revoked_at = $4
         WHERE id IN (SELECT id
                      FROM user_grant
                      WHERE pool_id = $1 AND sub = $2 AND id <> $3 AND revoked_at IS NULL AND expires_at > $4
                      ORDER BY COALESCE(active_at, auth_time) DESC, id
                      LIMIT $5 OFFSET $6)",
    )
    .bind(&*newest.pool_id)
    .bind(&*newest.sub)
    .bind(&*newest.id)
    .bind(now.millis())
    .bind(i64::MAX)
    .bind(i64::from(most) - 1)
    .run()
    .await?;
    Ok(())
}

/// Revokes the living grants that came through a sign-in on the hosted pages.
pub async fn revoke_of_sso(tx: &mut Tx, sso_id: &str, now: Time) -> Result<()> {
    tx.sql("UPDATE user_grant SET revoked_at = $2 WHERE sso_id = $1 AND revoked_at IS NULL")
        .bind(sso_id)
        .bind(now.millis())
        .run()
        .await?;
    Ok(())
}

/// Revokes every grant of a user and every token of theirs that carries no grant, and ends their sessions on the hosted pages.
pub async fn revoke_all(tx: &mut Tx, pool_id: &str, sub: &str, now: Time) -> Result<()> {
    revoke_others(tx, pool_id, sub, None, now).await
}

/// The same, but for one grant that goes on.
pub async fn revoke_others(tx: &mut Tx, pool_id: &str, sub: &str, own: Option<&str>, now: Time) -> Result<()> {
    tx.sql(
        "UPDATE user_grant SET revoked_at = $3
         WHERE pool_id = $1 AND sub = $2 AND revoked_at IS NULL AND id <> $4",
    )
    .bind(pool_id)
    .bind(sub)
    .bind(now.millis())
    // No grant has an empty id.
    .bind(own.unwrap_or_default())
    .run()
    .await?;
    tx.sql("UPDATE pool_user SET signed_out_at = $3 WHERE pool_id = $1 AND sub = $2")
        .bind(pool_id)
        .bind(sub)
        .bind(now.millis())
        .run()
        .await?;
    tx.sql("DELETE FROM sso_session WHERE pool_id = $1 AND sub = $2").bind(pool_id).bind(sub).run().await?;
    Ok(())
}

/// Keeps an authorization code's detail under the code's hash.
pub async fn insert_code<T: serde::Serialize + Send + Sync + 'static>(
    tx: &mut Tx,
    hash: &[u8],
    client_id: &str,
    detail: T,
    expires_at: Time,
) -> Result<()> {
    tx.sql("INSERT INTO authorization_code (hash, client_id, detail, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(hash.to_vec())
        .bind(client_id)
        .bind(Doc(detail))
        .bind(expires_at.millis())
        .run()
        .await?;
    Ok(())
}

row! {
    struct CodeRow {
        detail: String,
        expires_at: i64,
    }
}

/// Takes an authorization code out of the world. Of any number of callers one gets its detail; a code of another client stays.
pub async fn redeem_code<T: serde::de::DeserializeOwned>(
    tx: &mut Tx,
    hash: &[u8],
    client_id: &str,
    now: Time,
) -> Result<Option<T>> {
    let row = tx
        .sql("DELETE FROM authorization_code WHERE hash = $1 AND client_id = $2 RETURNING detail, expires_at")
        .bind(hash.to_vec())
        .bind(client_id)
        .optional::<CodeRow>()
        .await?;
    let Some(row) = row.filter(|row| now.millis() < row.expires_at) else { return Ok(None) };
    serde_json::from_str(&row.detail).map(Some).map_err(|_| StoreError::Corrupt("authorization code"))
}

/// True for the first caller with this id. `expires_at` is when the id can no longer come back for other reasons.
pub async fn spend(tx: &mut Tx, id: &str, expires_at: Time) -> Result<bool> {
    let sql = "INSERT INTO spent (id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    Ok(tx.sql(sql).bind(id).bind(expires_at.millis()).run().await? == 1)
}

row! {
    struct SpentRow {
        expires_at: i64,
    }
}

pub async fn is_spent(tx: &mut Tx, id: &str) -> Result<bool> {
    let row = tx.sql("SELECT expires_at FROM spent WHERE id = $1").bind(id).optional::<SpentRow>().await?;
    Ok(row.is_some_and(|row| row.expires_at > 0))
}

/// Removes what has ended, at most `limit` rows of each kind, and says how many.
pub async fn sweep(tx: &mut Tx, now: Time, limit: i64) -> Result<u64> {
    const SWEEPS: &[&str] = &[
        "DELETE FROM user_grant WHERE id IN (SELECT id FROM user_grant WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM authorization_code
         WHERE hash IN (SELECT hash FROM authorization_code WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM spent WHERE id IN (SELECT id FROM spent WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM browser_session WHERE hash IN (SELECT hash FROM browser_session WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM sso_session WHERE id IN (SELECT id FROM sso_session WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM attempt WHERE subject IN (SELECT subject FROM attempt WHERE ends_at < $1 LIMIT $2)",
        "DELETE FROM code
         WHERE (pool_id, sub, kind) IN (SELECT pool_id, sub, kind FROM code WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM saml_assertion WHERE hash IN (SELECT hash FROM saml_assertion WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM federation_trip WHERE hash IN (SELECT hash FROM federation_trip WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM device_request
         WHERE device_hash IN (SELECT device_hash FROM device_request WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM pushed_request WHERE hash IN (SELECT hash FROM pushed_request WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM custom_challenge WHERE id IN (SELECT id FROM custom_challenge WHERE expires_at < $1 LIMIT $2)",
        "DELETE FROM passkey_registration
         WHERE (pool_id, sub) IN (SELECT pool_id, sub FROM passkey_registration WHERE expires_at < $1 LIMIT $2)",
    ];
    let mut removed = 0;
    for sql in SWEEPS.iter().copied() {
        removed += tx.sql(sql).bind(now.millis()).bind(limit).run().await?;
    }
    Ok(removed)
}
