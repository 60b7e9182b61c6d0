//! Second factors of users. Who has told nothing about them has no row.

use zeroize::Zeroizing;

use super::{Doc, Result, StoreError, Tx, row::row};
use crate::{
    domain::{User, mfa::Preference},
    keys::seal::Purpose,
};

/// What is kept of a user's second factors.
#[derive(Default)]
pub struct Factors {
    pub preference: Preference,
    pub totp: Option<Totp>,
    /// Shown to the user and not verified yet.
    pub pending: Option<Secret>,
}

/// An authenticator app that was verified.
pub struct Totp {
    pub secret: Secret,
    /// What the user calls it.
    pub name: Option<String>,
    /// The step of the last code that was taken.
    pub step: i64,
}

/// A secret that is shared with an app, and what stands for it in the table.
pub struct Secret {
    pub bytes: Zeroizing<Vec<u8>>,
    sealed: Vec<u8>,
}

row! {
    struct FactorsRow {
        preference: Doc<Preference>,
        totp_secret: Option<Vec<u8>>,
        totp_name: Option<String>,
        totp_step: i64,
        totp_pending: Option<Vec<u8>>,
    }
}

pub async fn find(tx: &mut Tx, user: &User) -> Result<Factors> {
    let row = tx
        .sql(
            "SELECT preference, totp_secret, totp_name, totp_step, totp_pending
             FROM user_factors
             WHERE pool_id = $1 AND sub = $2",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .optional::<FactorsRow>()
        .await?;
    let Some(row) = row else { return Ok(Factors::default()) };
    let open = |sealed: Vec<u8>| -> Result<Secret> {
        let bytes = tx
            .sealer()
            .open_with(Purpose::TotpSecret, user.sub.as_bytes(), &sealed)
            .ok_or(StoreError::Unsealable("TOTP secret"))?;
        Ok(Secret { bytes, sealed })
    };
    let (name, step) = (row.totp_name, row.totp_step);
    Ok(Factors {
        preference: row.preference.0,
        totp: row.totp_secret.map(&open).transpose()?.map(|secret| Totp { secret, name, step }),
        pending: row.totp_pending.map(&open).transpose()?,
    })
}

pub async fn set_preference(tx: &mut Tx, user: &User, preference: &Preference) -> Result<()> {
    tx.sql(
        "INSERT INTO user_factors (pool_id, sub, preference, totp_step)
         VALUES ($1, $2, $3, 0)
         ON CONFLICT (pool_id, sub) DO UPDATE SET preference = excluded.preference",
    )
    .bind(&*user.pool_id)
    .bind(&*user.sub)
    .bind(Doc(preference))
    .run()
    .await?;
    Ok(())
}

/// Keeps a secret until a code proves that the user's app has it. An earlier one that waits is replaced.
pub async fn set_pending(tx: &mut Tx, user: &User, secret: &[u8]) -> Result<()> {
    let sealed = tx.sealer().seal_with(Purpose::TotpSecret, user.sub.as_bytes(), secret);
    tx.sql(
        "INSERT INTO user_factors (pool_id, sub, preference, totp_step, totp_pending)
         VALUES ($1, $2, $3, 0, $4)
         ON CONFLICT (pool_id, sub) DO UPDATE SET totp_pending = excluded.totp_pending",
    )
    .bind(&*user.pool_id)
    .bind(&*user.sub)
    .bind(Doc(Preference::default()))
    .bind(sealed)
    .run()
    .await?;
    Ok(())
}

/// Lets a pending secret count, by its code of `step`. False when another one waits by now, or none.
pub async fn verify_pending(tx: &mut Tx, user: &User, secret: &Secret, proof: (i64, Option<&str>)) -> Result<bool> {
    let (step, name) = proof;
    let verified = tx
        .sql(
            "UPDATE user_factors
             SET totp_secret = totp_pending, totp_name = $4, totp_step = $5, totp_pending = NULL
             WHERE pool_id = $1 AND sub = $2 AND totp_pending = $3",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(secret.sealed.clone())
        .bind(name.map(str::to_owned))
        .bind(step)
        .run()
        .await?;
    Ok(verified == 1)
}

/// Takes the code of a step. Of any number of callers with it one gets true, and nobody after a later one was taken.
pub async fn take_step(tx: &mut Tx, user: &User, secret: &Secret, step: i64) -> Result<bool> {
    let taken = tx
        .sql(
            "UPDATE user_factors
             SET totp_step = $4
             WHERE pool_id = $1 AND sub = $2 AND totp_secret = $3 AND totp_step < $4",
        )
        .bind(&*user.pool_id)
        .bind(&*user.sub)
        .bind(secret.sealed.clone())
        .bind(step)
        .run()
        .await?;
    Ok(taken == 1)
}

/// Forgets the authenticator app, and one that waits to be verified.
pub async fn forget_totp(tx: &mut Tx, user: &User) -> Result<()> {
    tx.sql(
        "UPDATE user_factors
         SET totp_secret = NULL, totp_name = NULL, totp_step = 0, totp_pending = NULL
         WHERE pool_id = $1 AND sub = $2",
    )
    .bind(&*user.pool_id)
    .bind(&*user.sub)
    .run()
    .await?;
    Ok(())
}
