//! Styles of managed login, and their images.

use serde_json::Value;

use super::{Doc, Result, Tx, row::row};
use crate::{
    domain::branding::{Asset, Branding},
    kit::clock::Time,
};

row! {
    struct BrandingRow {
        id: String,
        pool_id: String,
        client_id: String,
        uses_provided: bool,
        settings: Doc<Option<Value>>,
        created_at: i64,
        modified_at: i64,
    }
}

impl From<BrandingRow> for Branding {
    fn from(row: BrandingRow) -> Self {
        Self {
            id: row.id,
            pool_id: row.pool_id,
            client_id: row.client_id,
            uses_provided: row.uses_provided,
            settings: row.settings.0,
            created_at: Time::from_millis(row.created_at),
            modified_at: Time::from_millis(row.modified_at),
        }
    }
}

/// False when the client has a style.
pub async fn insert(tx: &mut Tx, branding: &Branding) -> Result<bool> {
    let inserted = tx
        .sql(
            "INSERT INTO branding (id, pool_id, client_id, uses_provided, settings, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT DO NOTHING",
        )
        .bind(&*branding.id)
        .bind(&*branding.pool_id)
        .bind(&*branding.client_id)
        .bind(branding.uses_provided)
        .bind(Doc(branding.settings.clone()))
        .bind(branding.created_at.millis())
        .bind(branding.modified_at.millis())
        .run()
        .await?;
    Ok(inserted == 1)
}

pub async fn find(tx: &mut Tx, pool_id: &str, id: &str) -> Result<Option<Branding>> {
    let row = tx
        .sql(
            "SELECT id, pool_id, client_id, uses_provided, settings, created_at, modified_at
             FROM branding
             WHERE pool_id = $1 AND id = $2",
        )
        .bind(pool_id)
        .bind(id)
        .optional::<BrandingRow>()
        .await?;
    Ok(row.map(Into::into))
}

/// Holds the style until the transaction ends.
pub async fn find_for_update(tx: &mut Tx, pool_id: &str, id: &str) -> Result<Option<Branding>> {
    tx.sql("UPDATE branding SET id = id WHERE pool_id = $1 AND id = $2").bind(pool_id).bind(id).run().await?;
    find(tx, pool_id, id).await
}

pub async fn of_client(tx: &mut Tx, client_id: &str) -> Result<Option<Branding>> {
    let row = tx
        .sql(
            "SELECT id, pool_id, client_id, uses_provided, settings, created_at, modified_at
             FROM branding
             WHERE client_id = $1",
        )
        .bind(client_id)
        .optional::<BrandingRow>()
        .await?;
    Ok(row.map(Into::into))
}

/// How many styles the pool has.
pub async fn count(tx: &mut Tx, pool_id: &str) -> Result<i64> {
    let row = tx.sql("SELECT COUNT(*) FROM branding WHERE pool_id = $1").bind(pool_id).one::<(i64,)>().await?;
    Ok(row.0)
}

/// False when there is no such style.
pub async fn update(tx: &mut Tx, branding: &Branding) -> Result<bool> {
    let updated = tx
        .sql("UPDATE branding SET uses_provided = $2, settings = $3, modified_at = $4 WHERE id = $1")
        .bind(&*branding.id)
        .bind(branding.uses_provided)
        .bind(Doc(branding.settings.clone()))
        .bind(branding.modified_at.millis())
        .run()
        .await?;
    Ok(updated == 1)
}

pub async fn delete(tx: &mut Tx, pool_id: &str, id: &str) -> Result<bool> {
    let sql = "DELETE FROM branding WHERE pool_id = $1 AND id = $2";
    Ok(tx.sql(sql).bind(pool_id).bind(id).run().await? == 1)
}

row! {
    struct AssetRow {
        category: String,
        color_mode: String,
        extension: String,
        resource_id: String,
        bytes: Vec<u8>,
    }
}

impl From<AssetRow> for Asset {
    fn from(row: AssetRow) -> Self {
        Self {
            category: row.category,
            color_mode: row.color_mode,
            extension: row.extension,
            resource_id: Some(row.resource_id),
            bytes: Some(row.bytes),
        }
    }
}

/// Every image of the style.
pub async fn assets(tx: &mut Tx, branding_id: &str) -> Result<Vec<Asset>> {
    let rows = tx
        .sql(
            "SELECT category, color_mode, extension, resource_id, bytes
             FROM branding_asset
             WHERE branding_id = $1
             ORDER BY category, color_mode",
        )
        .bind(branding_id)
        .all::<AssetRow>()
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Writes these images in place of all that were there. Each has its bytes, a name, and a digest of them.
pub async fn replace_assets(tx: &mut Tx, branding_id: &str, assets: Vec<(Asset, String)>) -> Result<()> {
    tx.sql("DELETE FROM branding_asset WHERE branding_id = $1").bind(branding_id).run().await?;
    for (asset, digest) in assets {
        tx.sql(
            "INSERT INTO branding_asset (branding_id, category, color_mode, extension, resource_id, digest, bytes)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(branding_id)
        .bind(asset.category)
        .bind(asset.color_mode)
        .bind(asset.extension)
        .bind(asset.resource_id.unwrap_or_default())
        .bind(digest)
        .bind(asset.bytes.unwrap_or_default())
        .run()
        .await?;
    }
    Ok(())
}

row! {
    /// What a page must know of an image to show it.
    struct ShownRow {
        category: String,
        color_mode: String,
        digest: String,
    }
}

/// Category, colour mode and digest of every image of the style.
pub async fn asset_digests(tx: &mut Tx, branding_id: &str) -> Result<Vec<(String, String, String)>> {
    let rows = tx
        .sql("SELECT category, color_mode, digest FROM branding_asset WHERE branding_id = $1 ORDER BY category, color_mode")
        .bind(branding_id)
        .all::<ShownRow>()
        .await?;
    Ok(rows.into_iter().map(|row| (row.category, row.color_mode, row.digest)).collect())
}

/// The bytes of a client's image by their digest.
pub async fn asset_bytes(tx: &mut Tx, client_id: &str, digest: &str) -> Result<Option<Vec<u8>>> {
    let row = tx
        .sql(
            "SELECT a.bytes
             FROM branding_asset a
             JOIN branding b ON b.id = a.branding_id
             WHERE b.client_id = $1 AND a.digest = $2",
        )
        .bind(client_id)
        .bind(digest)
        .optional::<(Vec<u8>,)>()
        .await?;
    Ok(row.map(|(bytes,)| bytes))
}
