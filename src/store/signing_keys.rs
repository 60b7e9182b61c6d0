//! The pools' signing keys, private halves sealed, and the proof of the master key.

use super::{Result, StoreError, Tx, row::row};
use crate::{keys::seal::Purpose, kit::clock::Time};

/// A key pair as it is kept.
pub struct SigningKeyRecord {
    pub kid: String,
    pub pool_id: String,
    /// `id` or `access`.
    pub token_use: String,
    /// PKCS#8.
    pub private_key: zeroize::Zeroizing<Vec<u8>>,
    pub created_at: Time,
    /// None while it signs.
    pub retired_at: Option<Time>,
}

row! {
    struct SigningKeyRow {
        kid: String,
        pool_id: String,
        token_use: String,
        private_key: Vec<u8>,
        created_at: i64,
        retired_at: Option<i64>,
    }
}

/// False when the pool has a key in use for this.
pub async fn insert(tx: &mut Tx, key: &SigningKeyRecord) -> Result<bool> {
    let sealed = tx.sealer().seal_with(Purpose::PrivateKey, key.kid.as_bytes(), &key.private_key);
    let inserted = tx
        .sql(
            "INSERT INTO signing_key (kid, pool_id, token_use, private_key, created_at, retired_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*key.kid)
        .bind(&*key.pool_id)
        .bind(&*key.token_use)
        .bind(sealed)
        .bind(key.created_at.millis())
        .bind(key.retired_at.map(Time::millis))
        .run()
        .await?;
    Ok(inserted == 1)
}

pub async fn of_pool(tx: &mut Tx, pool_id: &str) -> Result<Vec<SigningKeyRecord>> {
    let rows = tx
        .sql(
            "SELECT kid, pool_id, token_use, private_key, created_at, retired_at
             FROM signing_key
             WHERE pool_id = $1
             ORDER BY created_at, kid",
        )
        .bind(pool_id)
        .all::<SigningKeyRow>()
        .await?;
    rows.into_iter()
        .map(|row| {
            let private_key = tx
                .sealer()
                .open_with(Purpose::PrivateKey, row.kid.as_bytes(), &row.private_key)
                .ok_or(StoreError::Unsealable("signing key"))?;
            Ok(SigningKeyRecord {
                kid: row.kid,
                pool_id: row.pool_id,
                token_use: row.token_use,
                private_key,
                created_at: Time::from_millis(row.created_at),
                retired_at: row.retired_at.map(Time::from_millis),
            })
        })
        .collect()
}

row! {
    struct ProofRow {
        proof: Vec<u8>,
    }
}

const PROOF: &[u8] = b"poolhouse master key";

/// Leaves a proof of the master key in a new database; refuses another key than the one that left it.
pub async fn prove_master_key(tx: &mut Tx) -> Result<()> {
    let sealed = tx.sealer().seal_with(Purpose::PrivateKey, PROOF, PROOF);
    tx.sql("INSERT INTO master_key (id, proof) VALUES (1, $1) ON CONFLICT DO NOTHING").bind(sealed).run().await?;
    let row = tx.sql("SELECT proof FROM master_key WHERE id = 1").one::<ProofRow>().await?;
    match tx.sealer().open_with(Purpose::PrivateKey, PROOF, &row.proof) {
        Some(_) => Ok(()),
        None => Err(StoreError::WrongMasterKey),
    }
}
