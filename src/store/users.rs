//! Users: their row, the names they are found by, their password and its attempts.

use super::{Doc, Result, StoreError, Tx, row::row};
use crate::{
    domain::{
        pool::Pool,
        user::{Attempts, Attributes, Credential, SrpVerifier, Status, User},
    },
    keys::seal::Purpose,
    kit::{clock::Time, text::fold},
};

/// The attributes that ListUsers can filter by, beside name, status and `sub`, which are columns.
pub const SEARCHABLE: [&str; 6] = ["email", "phone_number", "name", "given_name", "family_name", "preferred_username"];

row! {
    struct UserRow {
        pool_id: String,
        sub: String,
        username: String,
        status: String,
        enabled: bool,
        attributes: Doc<Attributes>,
        password_hash: Option<String>,
        srp_salt: Option<Vec<u8>>,
        srp_verifier: Option<Vec<u8>>,
        password_history: Doc<Vec<String>>,
        temporary_since: Option<i64>,
        failures: i64,
        last_failure_at: i64,
        created_at: i64,
        modified_at: i64,
    }
}

/// The columns of [`UserRow`], in table order.
macro_rules! columns {
    ($table:literal) => {
        concat!(
            $table,
            ".pool_id, ",
            $table,
            ".sub, ",
            $table,
            ".username, ",
            $table,
            ".status, ",
            $table,
            ".enabled, ",
            $table,
            ".attributes, ",
            $table,
            ".password_hash, ",
            $table,
            ".srp_salt, ",
            $table,
            ".srp_verifier, ",
            $table,
            ".password_history, ",
            $table,
            ".temporary_since, ",
            $table,
            ".failures, ",
            $table,
            ".last_failure_at, ",
            $table,
            ".created_at, ",
            $table,
            ".modified_at"
        )
    };
}
pub(super) use columns;

/// Reads rows of [`columns!`] whatever statement selected them.
pub(super) async fn all(query: super::Query<'_>, sealer: &crate::keys::seal::Sealer) -> Result<Vec<User>> {
    query.all::<UserRow>().await?.into_iter().map(|row| row.open(sealer)).collect()
}

impl UserRow {
    fn open(self, sealer: &crate::keys::seal::Sealer) -> Result<User> {
        let (srp, imported_salt) = match (self.srp_salt, self.srp_verifier) {
            (Some(salt), Some(sealed)) => {
                let verifier = sealer
                    .open_with(Purpose::SrpVerifier, self.sub.as_bytes(), &sealed)
                    .ok_or(StoreError::Unsealable("SRP verifier"))?;
                (Some(SrpVerifier { salt, verifier: verifier.to_vec() }), None)
            }
            (salt, _) => (None, salt),
        };
        Ok(User {
            pool_id: self.pool_id,
            sub: self.sub,
            username: self.username,
            status: Status::from_name(&self.status).ok_or(StoreError::Corrupt("user status"))?,
            enabled: self.enabled,
            attributes: self.attributes.0,
            credential: Credential {
                password_hash: self.password_hash,
                srp,
                imported_salt,
                temporary_since: self.temporary_since.map(Time::from_millis),
                history: self.password_history.0,
            },
            attempts: Attempts {
                failures: u32::try_from(self.failures).unwrap_or(u32::MAX),
                last_failure_at: Time::from_millis(self.last_failure_at),
            },
            created_at: Time::from_millis(self.created_at),
            modified_at: Time::from_millis(self.modified_at),
        })
    }
}

/// The form in which a pool compares names and addresses.
pub fn key(pool: &Pool, text: &str) -> String {
    if pool.is_case_sensitive() { text.to_owned() } else { fold(text) }
}

/// False when the user name or the `sub` is taken. Lookups are written too, aliases are not.
pub async fn insert(tx: &mut Tx, pool: &Pool, user: &User) -> Result<bool> {
    let sealed = seal_verifier(tx, user);
    let inserted = tx
        .sql(
            "INSERT INTO pool_user (pool_id, sub, username, username_key, status, enabled, attributes, password_hash,
                                    srp_salt, srp_verifier, password_history, temporary_since, failures,
                                    last_failure_at, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(&*user.username)
        .bind(key(pool, &user.username))
        .bind(user.status.name())
        .bind(user.enabled)
        .bind(Doc(&user.attributes))
        .bind(user.credential.password_hash.clone())
        .bind(user.credential.salt().map(<[u8]>::to_vec))
        .bind(sealed)
        .bind(Doc(&user.credential.history))
        .bind(user.credential.temporary_since.map(Time::millis))
        .bind(i64::from(user.attempts.failures))
        .bind(user.attempts.last_failure_at.millis())
        .bind(user.created_at.millis())
        .bind(user.modified_at.millis())
        .run()
        .await?;
    if inserted == 1 {
        write_lookups(tx, pool, user).await?;
    }
    Ok(inserted == 1)
}

/// Writes name-free state: status, switches, attributes and their lookups. The credential has statements of its own.
pub async fn update(tx: &mut Tx, pool: &Pool, user: &User) -> Result<bool> {
    let updated = tx
        .sql(
            "UPDATE pool_user
             SET status = $3, enabled = $4, attributes = $5, modified_at = $6
             WHERE pool_id = $1 AND sub = $2",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(user.status.name())
        .bind(user.enabled)
        .bind(Doc(&user.attributes))
        .bind(user.modified_at.millis())
        .run()
        .await?;
    if updated == 1 {
        tx.sql("DELETE FROM user_lookup WHERE pool_id = $1 AND sub = $2")
            .bind(&*user.pool_id)
            .bind(&*user.sub)
            .run()
            .await?;
        write_lookups(tx, pool, user).await?;
    }
    Ok(updated == 1)
}

/// Replaces the password, forgets wrong attempts and sets the status that goes with it.
pub async fn set_credential(tx: &mut Tx, user: &User) -> Result<bool> {
    let sealed = seal_verifier(tx, user);
    let updated = tx
        .sql(
            "UPDATE pool_user
             SET status = $3, password_hash = $4, srp_salt = $5, srp_verifier = $6, password_history = $7,
                 temporary_since = $8, failures = 0, modified_at = $9
             WHERE pool_id = $1 AND sub = $2",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(user.status.name())
        .bind(user.credential.password_hash.clone())
        .bind(user.credential.salt().map(<[u8]>::to_vec))
        .bind(sealed)
        .bind(Doc(&user.credential.history))
        .bind(user.credential.temporary_since.map(Time::millis))
        .bind(user.modified_at.millis())
        .run()
        .await?;
    Ok(updated == 1)
}

/// Replaces only the hash, when its cost was changed. Nothing else about the user moves. False when the hash is not `from` any more.
pub async fn rehash(tx: &mut Tx, user: &User, from: &str, to: &str) -> Result<bool> {
    let rehashed = tx
        .sql("UPDATE pool_user SET password_hash = $4 WHERE pool_id = $1 AND sub = $2 AND password_hash = $3")
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(from)
        .bind(to)
        .run()
        .await?;
    Ok(rehashed == 1)
}

/// Replaces an imported hash by what the user's credential now keeps of the same password. False when the hash is not `from` any
/// more.
pub async fn adopt(tx: &mut Tx, user: &User, from: &str) -> Result<bool> {
    let sealed = seal_verifier(tx, user);
    let adopted = tx
        .sql(
            "UPDATE pool_user SET password_hash = $4, srp_salt = $5, srp_verifier = $6
             WHERE pool_id = $1 AND sub = $2 AND password_hash = $3 AND srp_verifier IS NULL",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(from)
        .bind(user.credential.password_hash.clone())
        .bind(user.credential.salt().map(<[u8]>::to_vec))
        .bind(sealed)
        .run()
        .await?;
    Ok(adopted == 1)
}

row! {
    struct HashRow {
        password_hash: Option<String>,
    }
}

/// The hash of whoever comes at `place` or next after it, by `sub`; around the end the first. None where that one has no password,
/// or nobody is there.
pub async fn hash_near(tx: &mut Tx, pool_id: &str, place: &str) -> Result<Option<String>> {
    for from in [place, ""] {
        let row = tx
            .sql("SELECT password_hash FROM pool_user WHERE pool_id = $1 AND sub >= $2 ORDER BY sub LIMIT 1")
            .bind(pool_id)
            .bind(from)
            .optional::<HashRow>()
            .await?;
        if let Some(row) = row {
            return Ok(row.password_hash);
        }
    }
    Ok(None)
}

fn seal_verifier(tx: &Tx, user: &User) -> Option<Vec<u8>> {
    let srp = user.credential.srp.as_ref()?;
    Some(tx.sealer().seal_with(Purpose::SrpVerifier, user.sub.as_bytes(), &srp.verifier))
}

async fn write_lookups(tx: &mut Tx, pool: &Pool, user: &User) -> Result<()> {
    for name in SEARCHABLE {
        let Some(value) = user.attribute(name).filter(|value| !value.is_empty()) else { continue };
        tx.sql("INSERT INTO user_lookup (pool_id, name, value, sub) VALUES ($1, $2, $3, $4)")
            .bind(&*user.pool_id)
            .bind(name)
            .bind(key(pool, value))
            .bind(&*user.sub)
            .run()
            .await?;
    }
    Ok(())
}

pub async fn by_sub(tx: &mut Tx, pool_id: &str, sub: &str) -> Result<Option<User>> {
    let sealer = tx.sealer().clone();
    let row = tx
        .sql(concat!("SELECT ", columns!("u"), " FROM pool_user u WHERE u.pool_id = $1 AND u.sub = $2"))
        .bind(pool_id)
        .bind(sub)
        .optional::<UserRow>()
        .await?;
    row.map(|row| row.open(&sealer)).transpose()
}

/// Holds the user until the transaction ends.
pub async fn by_sub_for_update(tx: &mut Tx, pool_id: &str, sub: &str) -> Result<Option<User>> {
    tx.sql("UPDATE pool_user SET sub = sub WHERE pool_id = $1 AND sub = $2").bind(pool_id).bind(sub).run().await?;
    by_sub(tx, pool_id, sub).await
}

/// Finds by user name, by `sub`, by address, or by preferred user name: in this order. The last is what users choose without
/// proof, so it never stands before what another one is known by. Most are found by name, and then nothing else is looked at:
/// each further index costs pages that a large pool has not at hand.
pub async fn by_login(tx: &mut Tx, pool: &Pool, login: &str) -> Result<Option<User>> {
    let sealer = tx.sealer().clone();
    let named = tx
        .sql(concat!("SELECT ", columns!("u"), " FROM pool_user u WHERE u.pool_id = $1 AND u.username_key = $2"))
        .bind(&*pool.id)
        .bind(key(pool, login))
        .optional::<UserRow>()
        .await?;
    if let Some(row) = named {
        return row.open(&sealer).map(Some);
    }
    let rows = tx
        .sql(concat!(
            "SELECT ",
            columns!("u"),
            ", CASE WHEN a.name = 'preferred_username' THEN 4 ELSE 3 END AS rank
             FROM user_alias a
             JOIN pool_user u ON u.pool_id = a.pool_id AND u.sub = a.sub
             WHERE a.pool_id = $1 AND a.name IN ('email', 'phone_number', 'preferred_username') AND a.value = $2
             UNION ALL
             SELECT ",
            columns!("u"),
            ", 2 AS rank FROM pool_user u WHERE u.pool_id = $1 AND u.sub = $3
             ORDER BY rank
             LIMIT 1"
        ))
        .bind(&*pool.id)
        .bind(key(pool, login))
        .bind(login)
        .all::<UserRow>()
        .await?;
    rows.into_iter().next().map(|row| row.open(&sealer)).transpose()
}

pub async fn delete(tx: &mut Tx, pool_id: &str, sub: &str) -> Result<bool> {
    let sql = "DELETE FROM pool_user WHERE pool_id = $1 AND sub = $2";
    Ok(tx.sql(sql).bind(pool_id).bind(sub).run().await? == 1)
}

row! {
    struct FailuresRow {
        failures: i64,
    }
}

/// Counts a wrong password on top of what still counted, and returns how many there are now.
pub async fn count_failure(tx: &mut Tx, user: &User, now: Time) -> Result<u32> {
    let row = tx
        .sql(
            "UPDATE pool_user
             SET failures = CASE WHEN last_failure_at <= $4 THEN 1 ELSE failures + 1 END, last_failure_at = $3
             WHERE pool_id = $1 AND sub = $2
             RETURNING failures",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(now.millis())
        .bind(now.minus(Attempts::MEMORY).millis())
        .optional::<FailuresRow>()
        .await?;
    Ok(row.and_then(|row| u32::try_from(row.failures).ok()).unwrap_or(0))
}

pub async fn forget_failures(tx: &mut Tx, user: &User) -> Result<()> {
    tx.sql("UPDATE pool_user SET failures = 0 WHERE pool_id = $1 AND sub = $2")
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .run()
        .await?;
    Ok(())
}

row! {
    struct AttemptsRow {
        failures: i64,
        last_failure_at: i64,
    }
}

/// The wrong attempts as they stand now: another request may have added one since the user was read.
pub async fn attempts(tx: &mut Tx, user: &User) -> Result<Attempts> {
    let row = tx
        .sql("SELECT failures, last_failure_at FROM pool_user WHERE pool_id = $1 AND sub = $2")
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .optional::<AttemptsRow>()
        .await?;
    Ok(row.map_or_else(Attempts::default, |row| Attempts {
        failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
        last_failure_at: Time::from_millis(row.last_failure_at),
    }))
}

row! {
    struct OwnerRow {
        sub: String,
    }
}

/// Who signs in with this address.
pub async fn alias_owner(tx: &mut Tx, pool: &Pool, name: &str, value: &str) -> Result<Option<String>> {
    let row = tx
        .sql("SELECT sub FROM user_alias WHERE pool_id = $1 AND name = $2 AND value = $3")
        .bind(&*pool.id)
        .bind(name)
        .bind(key(pool, value))
        .optional::<OwnerRow>()
        .await?;
    Ok(row.map(|row| row.sub))
}

/// False when somebody else signs in with this address. The user's former value of the alias is given up.
pub async fn claim_alias(tx: &mut Tx, pool: &Pool, name: &str, value: &str, sub: &str) -> Result<bool> {
    let value = key(pool, value);
    tx.sql("DELETE FROM user_alias WHERE pool_id = $1 AND name = $2 AND sub = $3 AND value <> $4")
        .bind(&*pool.id)
        .bind(name)
        .bind(sub)
        .bind(value.clone())
        .run()
        .await?;
    let claimed = tx
        .sql(
            "INSERT INTO user_alias (pool_id, name, value, sub)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (pool_id, name, value) DO UPDATE SET sub = excluded.sub WHERE user_alias.sub = excluded.sub",
        )
        .bind(&*pool.id)
        .bind(name)
        .bind(value)
        .bind(sub)
        .run()
        .await?;
    Ok(claimed == 1)
}

pub async fn release_alias(tx: &mut Tx, pool_id: &str, name: &str, sub: &str) -> Result<()> {
    tx.sql("DELETE FROM user_alias WHERE pool_id = $1 AND name = $2 AND sub = $3")
        .bind(pool_id)
        .bind(name)
        .bind(sub)
        .run()
        .await?;
    Ok(())
}

row! {
    struct LivenessRow {
        revoked_at: Option<i64>,
        signed_out_at: Option<i64>,
    }
}

/// What an access token depends on.
pub struct Liveness {
    /// Whether the grant of this id is there and not revoked; false when the token names none.
    pub grant_lives: bool,
    pub signed_out_at: Option<Time>,
    pub user: User,
}

/// The user of an access token and whether its grant lives. None when the user is gone.
pub async fn liveness(tx: &mut Tx, pool_id: &str, sub: &str, grant_id: Option<&str>) -> Result<Option<Liveness>> {
    let Some(user) = by_sub(tx, pool_id, sub).await? else { return Ok(None) };
    let row = tx
        .sql(
            "SELECT g.revoked_at, u.signed_out_at
             FROM pool_user u
             LEFT JOIN user_grant g ON g.id = $3 AND g.pool_id = u.pool_id AND g.sub = u.sub
             WHERE u.pool_id = $1 AND u.sub = $2 AND (g.id IS NOT NULL OR $4)",
        )
        .bind(pool_id)
        .bind(sub)
        .bind(grant_id.unwrap_or_default())
        .bind(grant_id.is_none())
        .optional::<LivenessRow>()
        .await?;
    Ok(Some(Liveness {
        grant_lives: grant_id.is_some() && row.as_ref().is_some_and(|row| row.revoked_at.is_none()),
        signed_out_at: row.and_then(|row| row.signed_out_at).map(Time::from_millis),
        user,
    }))
}
