//! The metadata of SAML providers that publish them at an address, as they were when they were last fetched.

use super::{Result, Tx, row::row};
use crate::{domain::Provider, kit::clock::Time};

/// A document that was fetched and found to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamlMetadata {
    pub url: String,
    pub document: String,
    /// When it is to be fetched again.
    pub refresh_at: Time,
}

row! {
    struct MetadataRow {
        url: String,
        document: String,
        refresh_at: i64,
    }
}

pub async fn find(tx: &mut Tx, provider: &Provider) -> Result<Option<SamlMetadata>> {
    let row = tx
        .sql("SELECT url, document, refresh_at FROM saml_metadata WHERE pool_id = $1 AND provider = $2")
        .bind(&*provider.pool_id)
        .bind(&*provider.name)
        .optional::<MetadataRow>()
        .await?;
    Ok(row.map(|MetadataRow { url, document, refresh_at }| SamlMetadata {
        url,
        document,
        refresh_at: Time::from_millis(refresh_at),
    }))
}

/// Keeps the document instead of the one before.
pub async fn put(tx: &mut Tx, provider: &Provider, metadata: &SamlMetadata) -> Result<()> {
    let sql = "INSERT INTO saml_metadata (pool_id, provider, url, document, refresh_at)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (pool_id, provider) DO UPDATE
               SET url = excluded.url, document = excluded.document, refresh_at = excluded.refresh_at";
    write(tx, sql, provider, metadata).await
}

/// Keeps the document where there is none.
pub async fn add(tx: &mut Tx, provider: &Provider, metadata: &SamlMetadata) -> Result<()> {
    let sql = "INSERT INTO saml_metadata (pool_id, provider, url, document, refresh_at)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT DO NOTHING";
    write(tx, sql, provider, metadata).await
}

/// Keeps the document instead of an older one of the same address.
pub async fn renew(tx: &mut Tx, provider: &Provider, metadata: &SamlMetadata) -> Result<()> {
    let sql = "UPDATE saml_metadata SET document = $4, refresh_at = $5
               WHERE pool_id = $1 AND provider = $2 AND url = $3";
    write(tx, sql, provider, metadata).await
}

async fn write(tx: &mut Tx, sql: &'static str, provider: &Provider, metadata: &SamlMetadata) -> Result<()> {
    tx.sql(sql)
        .bind(&*provider.pool_id)
        .bind(&*provider.name)
        .bind(&*metadata.url)
        .bind(&*metadata.document)
        .bind(metadata.refresh_at.millis())
        .run()
        .await?;
    Ok(())
}

pub async fn remove(tx: &mut Tx, provider: &Provider) -> Result<()> {
    tx.sql("DELETE FROM saml_metadata WHERE pool_id = $1 AND provider = $2")
        .bind(&*provider.pool_id)
        .bind(&*provider.name)
        .run()
        .await?;
    Ok(())
}

/// Takes on the refreshing of a document that is due at `now`. Of any number at once one does; until `again` nobody else tries.
pub async fn claim(tx: &mut Tx, provider: &Provider, (now, again): (Time, Time)) -> Result<bool> {
    let claimed = tx
        .sql(
            "UPDATE saml_metadata SET refresh_at = $4
             WHERE pool_id = $1 AND provider = $2 AND refresh_at <= $3",
        )
        .bind(&*provider.pool_id)
        .bind(&*provider.name)
        .bind(now.millis())
        .bind(again.millis())
        .run()
        .await?;
    Ok(claimed == 1)
}

/// Pool and name of providers whose metadata are due at `now`, the longest due first.
pub async fn due(tx: &mut Tx, now: Time, limit: i64) -> Result<Vec<(String, String)>> {
    tx.sql("SELECT pool_id, provider FROM saml_metadata WHERE refresh_at <= $1 ORDER BY refresh_at LIMIT $2")
        .bind(now.millis())
        .bind(limit)
        .all::<(String, String)>()
        .await
}
