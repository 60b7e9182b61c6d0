//! Digests of what the configuration file has brought, so that applying it again changes nothing.

use super::{Result, Tx, row::row};

row! {
    struct AppliedRow {
        digest: Vec<u8>,
    }
}

pub async fn digest(tx: &mut Tx, subject: &str) -> Result<Option<Vec<u8>>> {
    let row = tx.sql("SELECT digest FROM applied WHERE subject = $1").bind(subject).optional::<AppliedRow>().await?;
    Ok(row.map(|row| row.digest))
}

pub async fn put(tx: &mut Tx, subject: &str, digest: &[u8]) -> Result<()> {
    tx.sql(
        "INSERT INTO applied (subject, digest)
         VALUES ($1, $2)
         ON CONFLICT (subject) DO UPDATE SET digest = excluded.digest",
    )
    .bind(subject)
    .bind(digest.to_vec())
    .run()
    .await?;
    Ok(())
}
