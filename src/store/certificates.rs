//! The certificates that pools show to SAML providers, private keys sealed.

use super::{Result, StoreError, Tx, row::row};
use crate::{keys::seal::Purpose, kit::clock::Time};

/// A certificate and its key.
pub struct CertificateRecord {
    pub pool_id: String,
    /// `signing` or `encryption`.
    pub purpose: String,
    /// DER.
    pub certificate: Vec<u8>,
    /// PKCS#8.
    pub private_key: zeroize::Zeroizing<Vec<u8>>,
    pub created_at: Time,
}

fn place(pool_id: &str, purpose: &str) -> Vec<u8> {
    format!("certificate\0{pool_id}\0{purpose}").into_bytes()
}

/// False when the pool has one for this purpose.
pub async fn insert(tx: &mut Tx, record: &CertificateRecord) -> Result<bool> {
    let place = place(&record.pool_id, &record.purpose);
    let sealed = tx.sealer().seal_with(Purpose::PrivateKey, &place, &record.private_key);
    let inserted = tx
        .sql(
            "INSERT INTO pool_certificate (pool_id, purpose, certificate, private_key, created_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*record.pool_id)
        .bind(&*record.purpose)
        .bind(record.certificate.clone())
        .bind(sealed)
        .bind(record.created_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

row! {
    struct CertificateRow {
        pool_id: String,
        purpose: String,
        certificate: Vec<u8>,
        private_key: Vec<u8>,
        created_at: i64,
    }
}

pub async fn find(tx: &mut Tx, pool_id: &str, purpose: &str) -> Result<Option<CertificateRecord>> {
    let row = tx
        .sql(
            "SELECT pool_id, purpose, certificate, private_key, created_at
             FROM pool_certificate
             WHERE pool_id = $1 AND purpose = $2",
        )
        .bind(pool_id)
        .bind(purpose)
        .optional::<CertificateRow>()
        .await?;
    let Some(row) = row else { return Ok(None) };
    let private_key = tx
        .sealer()
        .open_with(Purpose::PrivateKey, &place(&row.pool_id, &row.purpose), &row.private_key)
        .ok_or(StoreError::Unsealable("certificate key"))?;
    Ok(Some(CertificateRecord {
        pool_id: row.pool_id,
        purpose: row.purpose,
        certificate: row.certificate,
        private_key,
        created_at: Time::from_millis(row.created_at),
    }))
}
